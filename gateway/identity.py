"""Who is asking. For now the operating system says: whoever can start the program, or reach its loopback port, is him.

A name that a token or a flag brings never becomes a role: only `user:` and `agent:` are subjects. (In Casbin, a user
called `role:admin` has the rights of that role.)
"""

import getpass
import os
import re

from gateway.errors import ConfigError

__all__ = ["local_user", "user_subject"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")


def local_user() -> str:
    """`user:ann` for the person who is logged in."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no name for this number: a container
        name = str(os.getuid())
    return f"user:{re.sub(r'[^A-Za-z0-9._@-]', '_', name)}"


def user_subject(text: str) -> str:
    """`ann` or `user:ann` -> `user:ann`. Raises ConfigError for anything else: roles, globs, control characters."""
    name = text.removeprefix("user:")
    if not _NAME.fullmatch(name):
        raise ConfigError.at("--as", f"`{text!s}` is not a user", hint="write `user:ann`")
    return f"user:{name}"
