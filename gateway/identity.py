"""Who is asking: the user of the operating system, or whoever an API key or a token names (`gateway.auth`).

A name that a key, a token or a flag brings never becomes a role: only `user:` and `agent:` are subjects. (In Casbin, a
user called `role:admin` has the rights of that role.)
"""

import os
import pwd
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gateway.call import Subject
from gateway.errors import ConfigError

__all__ = ["LOCAL", "SCOPE", "TENANT", "Identity", "local_user", "user_name", "user_subject"]

LOCAL = "the operating system"  # says who whoever started us is
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")  # RFC 6749 section 3.3

# What people are called, in directories and in tokens (`auth0|7`, `ann+work@acme.org`): what a policy line can hold,
# but no `:`, by which a name could look like a role.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@|+~=-]{0,254}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has shown who he is. `scopes` is what his key or token was made for; `by` says which it was.

    `expires` is in seconds since 1970.
    """

    subject: Subject
    scopes: AbstractSet[str] = frozenset()
    expires: float | None = None
    by: str = LOCAL


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


def user_name(text: str) -> str | None:
    """`user:ann` for a name out of a token; None for one that a policy line can't hold, or that looks like a role."""
    return f"user:{text}" if _NAME.fullmatch(text) else None
