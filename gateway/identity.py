"""Who is asking. For now the operating system says: whoever can start the program, or reach its loopback port, is him.

A name that a token or a flag brings never becomes a role: only `user:` and `agent:` are subjects. (In Casbin, a user
called `role:admin` has the rights of that role.)
"""

import os
import pwd
import re

from gateway.errors import ConfigError

__all__ = ["local_user", "user_subject"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")


def local_user() -> str:
    """`user:ann` for the person whose process this is, whatever `$USER` says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no name for this number: a container
        name = str(os.getuid())
    return f"user:{re.sub(r'[^A-Za-z0-9._@-]', '_', name)}"


def user_subject(text: str) -> str:
    """`ann` or `user:ann` -> `user:ann`. Raises ConfigError for anything else: roles, globs, control characters."""
    name = text.removeprefix("user:")
    if not _NAME.fullmatch(name):
        shown = ascii(text)[1:-1]  # it may hold what a terminal would obey
        raise ConfigError.at("--as", f"`{shown}` is not a user", hint="write `user:ann`")
    return f"user:{name}"
