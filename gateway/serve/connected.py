"""What we keep for one connection of the handshake era, for as long as the SDK keeps the connection.

The SDK has a place for it, though not for us: `Connection.state`, and `Connection.exit_stack` for what ends with it.
This is the only module that reaches in there.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.serve.changes import Listener

__all__ = ["Connected", "connected", "when_it_ends"]

_PLACE = "toolgate"


@dataclass(slots=True)
class Connected:
    """`key` names the connection; `log_level` is the least that its client wants to hear of, None if he never said."""

    key: str = field(default_factory=lambda: secrets.token_hex(8))
    log_level: str | None = None
    listener: Listener | None = None


def connected(context: Any) -> Connected:
    """That of the connection on which this message came. A modern request has a connection to itself."""
    kept: Connected = _connection(context).state.setdefault(_PLACE, Connected())
    return kept


def when_it_ends(context: Any, work: Callable[[], Awaitable[None]]) -> None:
    """Has `work` done when the connection of this message ends."""
    _connection(context).exit_stack.push_async_callback(work)


def _connection(context: Any) -> Any:
    return context.session._connection  # noqa: SLF001 - see above
