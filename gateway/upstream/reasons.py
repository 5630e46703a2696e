"""Why a server can't be reached, in words for whoever runs the gateway: never with a secret. Others are told less
(`outage`).
"""

from urllib.parse import urlsplit

import mcp_types as types
from anyio import BrokenResourceError, ClosedResourceError
from mcp.shared.exceptions import MCPError

from gateway.errors import ToolgateError
from gateway.outage import brief
from gateway.upstream.plainly import CANT_CONNECT, NO_NAME, plainly
from gateway.upstream.spec import Http, ServerSpec, Transport, redacted
from gateway.visible import shortened

__all__ = ["LAST_WORDS", "away", "cause", "reason", "shown"]

LAST_WORDS = "; it said: "  # between why a child ended and the last that it wrote

LONGEST = 1000  # characters of a reason
LOOKED_AT = 10_000


def shown(why: str, transport: Transport | None) -> str:
    """A reason that may be shown: in our words, without secrets, and with the address that nobody answers at.

    It may be a server's own words, so it is made visible, and cut; but cut last, as half a secret would not be found.
    """
    why = plainly(why)
    if isinstance(transport, Http) and why in (CANT_CONNECT, NO_NAME):
        parts = urlsplit(transport.url)
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        why = f"can't connect to {where}" if why == CANT_CONNECT else f"{why}: {where}"
    clean = redacted(why, transport) if transport else why
    return shortened(clean[:LOOKED_AT], LONGEST)


def away(missing: str | None, user: str | None = None) -> str:
    """Why a server can't be asked now, for the one who wanted to; None: it can be again."""
    return brief(missing or "it went away again", user)


def cause(why: str) -> str:
    """A reason without the child's last words, which differ each time: most programs write the time of day there."""
    return why.partition(LAST_WORDS)[0]


def reason(error: BaseException, spec: ServerSpec) -> str:
    """An error in words for whoever runs the gateway."""
    if isinstance(error, BaseExceptionGroup):  # the first that says anything: what falls apart after it does not
        return next(filter(None, (reason(one, spec) for one in error.exceptions)), "")
    match error:
        case MCPError(code=types.CONNECTION_CLOSED) | BrokenResourceError() | ClosedResourceError():
            return ""  # nothing is known here but that; a child process may have more to say
        case TimeoutError():
            return f"it did not answer within {spec.connect_timeout:.3g} s"
        case FileNotFoundError():
            return f"`{error.filename}` was not found"
        case ToolgateError() | MCPError() | OSError() | ValueError() | RuntimeError() if str(error):
            return str(error)
    return type(error).__name__
