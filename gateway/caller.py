"""Who waits for the answer to a request, and what the server may say to him until it comes.

A server may report progress, log, and ask (elicitation, sampling, roots): always the client that caused it, and nobody
else. An agent of ours declares nothing, so nobody asks it.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from gateway.call import JsonObject
from gateway.values import value

__all__ = ["ASKING", "NOBODY", "Caller", "CantAsk", "asks", "nobody"]

ASKING = ("elicitation", "sampling", "roots")  # the capabilities that let a server ask its client


class CantAsk(Exception):
    """The client did not answer a server's question. It becomes the JSON-RPC error that the server gets."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class Caller(Protocol):
    """One request's client."""

    @property
    def key(self) -> str:
        """Whose: only callers with the same key may share a connection on which a server can ask."""
        ...

    @property
    def modern(self) -> bool:
        """Whether it speaks 2026-07-28, in which nothing can be pushed to it but on its own request's stream."""
        ...

    @property
    def capabilities(self) -> JsonObject:
        """What it declared, as it came."""
        ...

    @property
    def wants_progress(self) -> bool: ...

    @property
    def log_level(self) -> str | None:
        """The least level of the log messages that it wants; None: it wants none."""
        ...

    @property
    def spared(self) -> bool:
        """Whether a policy keeps from him what is said in words before the answer. Nobody may hear it in his place."""
        ...

    def hear(self, method: str, params: JsonObject) -> None:
        """A notification that belongs to this request (`notifications/progress`, `notifications/message`).

        `progressToken` in it is the gateway's: the caller puts his own in its place. Never waits, never raises.
        """
        ...

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        """The client's result for a server's request, raw. Raises CantAsk."""
        ...


def asks(capabilities: Mapping[str, Any]) -> bool:
    """Whether a client that declares this can be asked anything."""
    return bool(capabilities) and any(isinstance(capabilities.get(name), Mapping) for name in ASKING)


@value(frozen=True, slots=True)
class _Nobody:
    key: str = ""
    modern: bool = True
    capabilities: JsonObject = field(default_factory=dict)
    wants_progress: bool = False
    log_level: str | None = None
    spared: bool = False

    def hear(self, method: str, params: JsonObject) -> None:
        """Nobody listens."""

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        raise CantAsk(-32601, f"nobody is there to answer `{method}`", {"asked": sorted(params)})


NOBODY: Caller = _Nobody()


def nobody(capabilities: JsonObject) -> Caller:
    """Nobody who waits, but somebody who will ask later: what he can do with then may be said."""
    return _Nobody(capabilities=capabilities)
