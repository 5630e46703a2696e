"""What is sent is what was frozen."""

import asyncio
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.shared.message import SessionMessage

from gateway.upstream.nameless import Nameless
from gateway.upstream.outcomes import transport_error
from gateway.upstream.streams import Exchange, Incoming, Outgoing


def request(request_id: str, params: dict[str, Any] | None) -> SessionMessage:
    return SessionMessage(types.JSONRPCRequest(jsonrpc="2.0", id=request_id, method="tools/call", params=params))


class Wire:
    """Both ends of a transport, in memory."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.ended = False
        send, self.sent = anyio.create_memory_object_stream[SessionMessage](10)
        self.says, receive = anyio.create_memory_object_stream[SessionMessage | Exception](10)
        self.outgoing = Outgoing(send, self.exchange)
        self.incoming = Incoming(receive, self.exchange, self._end)

    def _end(self) -> None:
        self.ended = True

    async def params(self) -> Any:
        message = (await self.sent.receive()).message
        assert isinstance(message, types.JSONRPCRequest)
        return message.params

    async def close(self) -> None:
        for stream in (self.sent, self.says, self.outgoing, self.incoming):
            await stream.aclose()


def test_frozen_parameters_replace_what_was_made_of_them() -> None:
    async def scenario() -> None:
        wire = Wire()
        wire.exchange.frozen["a"] = frozen = {"arguments": {"x": 1.0}}
        await wire.outgoing.send(request("a", {"arguments": {"x": 2}, "_meta": {"baggage": "user=ann"}}))
        assert await wire.params() is frozen
        assert wire.exchange.started == {"a"}
        await wire.close()

    asyncio.run(scenario())


def test_baggage_does_not_leave_with_the_sdks_own_requests_either() -> None:
    async def scenario() -> None:
        wire = Wire()
        await wire.outgoing.send(request("init", {"x": 1, "_meta": {"baggage": "user=ann", "traceparent": "00-1"}}))
        assert await wire.params() == {"x": 1, "_meta": {"traceparent": "00-1"}}
        await wire.outgoing.send(request("bare", None))
        assert await wire.params() is None
        assert wire.exchange.started == set()
        await wire.close()

    asyncio.run(scenario())


def test_what_could_not_be_written_was_not_started() -> None:
    async def scenario() -> None:
        wire = Wire()
        await wire.sent.aclose()
        wire.exchange.frozen["a"] = {}
        with pytest.raises(anyio.BrokenResourceError):
            await wire.outgoing.send(request("a", {}))
        assert wire.exchange.started == set()
        await wire.close()

    asyncio.run(scenario())


def test_it_is_known_whether_anything_was_heard_since_a_request_left() -> None:
    async def scenario() -> None:
        wire = Wire()
        wire.exchange.frozen.update(a={}, b={})
        await wire.outgoing.send(request("a", {}))
        assert wire.exchange.silent_since("a")
        failed = transport_error("in_doubt", "made on this side")
        assert not wire.exchange.answered(types.JSONRPCError(jsonrpc="2.0", id="x", error=failed))
        assert wire.exchange.silent_since("a")
        unsent = transport_error("unsent", "nobody is there")
        assert wire.exchange.answered(types.JSONRPCError(jsonrpc="2.0", id="x", error=unsent))  # no more comes of it
        assert wire.exchange.silent_since("a")
        await wire.outgoing.send(request("b", {}))
        assert wire.exchange.answered(types.JSONRPCResponse(jsonrpc="2.0", id="b", result={}))
        assert not wire.exchange.silent_since("a")
        assert not wire.exchange.silent_since("b")
        await wire.close()

    asyncio.run(scenario())


def test_the_end_of_what_the_server_says_is_noticed() -> None:
    async def scenario() -> None:
        wire = Wire()
        await wire.says.send(request("q", {}))
        assert isinstance(await anext(wire.incoming), SessionMessage)
        before = wire.ended
        await wire.says.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(wire.incoming)
        assert (before, wire.ended) == (False, True)
        await wire.close()

    asyncio.run(scenario())


def test_while_something_may_be_unread_an_error_that_names_nobody_is_nobodys() -> None:
    exchange = Exchange(nameless=Nameless())
    assert exchange.nameless is not None
    exchange.nameless.wrote(types.JSONRPCRequest(jsonrpc="2.0", id="a", method="tools/call"), call=True)
    error = types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=-32700, message="Parse error"))
    exchange.unread = lambda: True
    assert not exchange.named(error)
    exchange.unread = lambda: False
    assert exchange.named(error)
    assert error.id == "a"
