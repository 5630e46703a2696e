"""What lies between the SDK's dispatcher and any transport: what is sent is what was judged, and the end is noticed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
import mcp_types as types
from mcp.client._transport import ReadStream, WriteStream
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from gateway.upstream.nameless import Nameless
from gateway.upstream.outcomes import Fate, fate_of

__all__ = ["Ear", "Exchange", "Incoming", "Outgoing"]


@dataclass(slots=True)
class Ear:
    """Counts all that a server says, over whichever lane: of whom more was heard since the count was noted, was not
    silent since.
    """

    heard: int = 0

    def hear(self) -> None:
        """The server has said something."""
        self.heard += 1


@dataclass(slots=True)
class Exchange(Ear):
    """The requests of one connection. `frozen`: parameters to send as they are. `started`: those given to the wire, and
    `unanswered` those of them to which the server has said nothing yet, each with what was `heard` when it left.
    `more`: what their errors say that the SDK does not hand on. `nameless`: where an error may come that names no
    request; `late` is one of which that is clear now. `pending` tells how much there is of what the server has not said
    to its end; `unread`, whether such an error may be about what it has not read.
    """

    frozen: dict[types.RequestId, dict[str, Any]] = field(default_factory=dict)
    started: set[types.RequestId] = field(default_factory=set)
    unanswered: dict[types.RequestId, int] = field(default_factory=dict)
    more: dict[types.RequestId, Mapping[str, Any]] = field(default_factory=dict)
    nameless: Nameless | None = None
    late: types.JSONRPCError | None = None
    pending: Callable[[], int] = lambda: 0
    unread: Callable[[], bool] = lambda: False

    def named(self, message: types.JSONRPCResponse | types.JSONRPCError) -> bool:
        """Whether it is known whose answer this is; an error that names nobody is given the name, where it is."""
        if self.nameless is not None:
            if message.id is None and not self.unread() and isinstance(message, types.JSONRPCError):
                message.id = self.nameless.meant(message)
            if message.id is not None:
                self.late = self.nameless.answered(message.id)
        return message.id is not None

    def taken_late(self) -> SessionMessage | None:
        """The one that is due, once."""
        late, self.late = self.late, None
        return None if late is None else SessionMessage(late)

    def answered(self, message: types.JSONRPCResponse | types.JSONRPCError) -> bool:
        """Whether this is the server's own answer, and not what a transport says in its place."""
        fate = self._fate(message) if isinstance(message, types.JSONRPCError) else None
        if fate == "in_doubt":
            return False
        self.heard += fate != "unsent"
        if message.id is not None:
            self.unanswered.pop(message.id, None)
        return True

    def silent_since(self, request_id: types.RequestId) -> bool:
        """Whether nothing was heard since this request left."""
        return self.unanswered.get(request_id) == self.heard

    def _fate(self, error: types.JSONRPCError) -> Fate | None:
        if error.error.model_extra and error.id in self.frozen:
            self.more[error.id] = error.error.model_extra
        return fate_of(MCPError.from_error_data(error.error))

    def over(self, request_id: types.RequestId) -> None:
        """It is forgotten."""
        self.started.discard(request_id)
        self.unanswered.pop(request_id, None)
        self.more.pop(request_id, None)


class _Wrapped:
    """The part of a stream's protocol that goes through."""

    def __init__(self, inner: ReadStream[SessionMessage | Exception] | WriteStream[SessionMessage]) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


Taken = Callable[[SessionMessage], bool]


class Incoming(_Wrapped):
    """Messages from the server. Calls `ended` when there are no more.

    Each is shown to `taken` first, raw: the SDK does not see what that says it has taken.
    """

    def __init__(
        self,
        inner: ReadStream[SessionMessage | Exception],
        exchange: Exchange,
        ended: Callable[[], None],
        taken: Taken = lambda _: False,
    ) -> None:
        super().__init__(inner)
        self._source, self._exchange = inner, exchange
        self._ended, self._taken = ended, taken

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            while True:
                item = self._exchange.taken_late() or await self._source.__anext__()
                if not isinstance(item, SessionMessage) or not self._taken(item):
                    return item
        except (StopAsyncIteration, anyio.ClosedResourceError):
            self._ended()
            raise

    async def receive(self) -> SessionMessage | Exception:
        while True:
            item = self._exchange.taken_late() or await self._source.receive()
            if not isinstance(item, SessionMessage) or not self._taken(item):
                return item


class Outgoing(_Wrapped):
    """Messages to the server: frozen parameters replace whatever was made of them on the way."""

    def __init__(self, inner: WriteStream[SessionMessage], exchange: Exchange) -> None:
        super().__init__(inner)
        self._target = inner
        self._exchange = exchange

    async def send(self, item: SessionMessage, /) -> None:
        """Raises BrokenResourceError or ClosedResourceError, as the transports do; nothing was sent then."""
        message = item.message
        if self._exchange.nameless is not None:
            call = isinstance(message, types.JSONRPCRequest) and message.id in self._exchange.frozen
            self._exchange.nameless.wrote(message, call=call)
        if not isinstance(message, types.JSONRPCRequest):
            await self._target.send(item)
            return
        frozen = self._exchange.frozen.get(message.id)
        if frozen is None:
            message.params = _without_baggage(message.params)
            await self._target.send(item)
        else:
            message.params = frozen
            await self._send_started(message.id, item)

    async def _send_started(self, request_id: types.RequestId, item: SessionMessage) -> None:
        self._exchange.started.add(request_id)
        self._exchange.unanswered[request_id] = self._exchange.heard
        try:
            await self._target.send(item)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._exchange.over(request_id)
            raise


def _without_baggage(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The SDK adds OpenTelemetry's baggage to every request; it may name our users, and is no server's business."""
    meta = (params or {}).get("_meta")
    if params is None or not isinstance(meta, Mapping):
        return dict(params) if params is not None else None
    return {**params, "_meta": {key: value for key, value in meta.items() if key != "baggage"}}
