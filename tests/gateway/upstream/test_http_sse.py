"""HTTP+SSE, with servers that write by hand what they are told to."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from gateway.upstream.http_sse import http_sse
from gateway.upstream.outcomes import fate_of
from gateway.verbatim import Verbatim
from tests.fixtures.spelling_server import RESULT

CEILING = 3_000_000
CALL = types.JSONRPCRequest(jsonrpc="2.0", id="toolgate-1", method="tools/call", params={"n": 1.0})
ENDPOINT = "event: endpoint\ndata: /post?session=1\n\n"
EVENTS = {"content-type": "text/event-stream"}


class Server(httpx2.AsyncBaseTransport):
    """Says this when it has been told something; `status` is what it answers to it."""

    def __init__(self, *said: str, opening: str = ENDPOINT, status: int = 202) -> None:
        self._said, self._opening, self._status = said, opening, status
        self.posted: list[httpx2.Request] = []
        self._news = asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, headers=EVENTS, content=self._events(), request=request)
        self.posted.append(request)
        self._news.set()
        return httpx2.Response(self._status, request=request)

    async def _events(self) -> Any:
        yield self._opening.encode()
        if self._opening.startswith(ENDPOINT):
            await self._news.wait()
            for one in self._said:
                yield f"event: message\ndata: {one}\n\n".encode()


def within(server: Callable[[], Server], work: Callable[[Any, Any, Server, list[str]], Awaitable[None]]) -> None:
    async def run() -> None:
        made, broken = server(), list[str]()
        async with (
            asyncio.timeout(60),
            httpx2.AsyncClient(transport=made) as client,
            http_sse("http://127.0.0.1:1/sse", client, ceiling=CEILING, broken=broken.append) as (read, write),
        ):
            await work(read, write, made, broken)

    asyncio.run(run())


def response(result: str) -> str:
    return f'{{"jsonrpc":"2.0","id":"toolgate-1","result":{result}}}'


def test_a_result_keeps_its_text_and_what_is_posted_is_what_was_judged() -> None:
    async def work(read: Any, write: Any, server: Server, _broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        answer = (await read.receive()).message
        assert isinstance(answer.result, Verbatim)
        assert answer.result.text == RESULT.encode()
        (request,) = server.posted
        assert (str(request.url), request.headers["content-type"]) == (
            "http://127.0.0.1:1/post?session=1",
            "application/json",
        )
        assert b'"params":{"n":1.0}' in request.content
        with pytest.raises(anyio.EndOfStream):
            await read.receive()

    within(lambda: Server(response(RESULT)), work)


def test_a_result_of_more_than_a_megabyte_comes_whole_and_one_above_the_ceiling_ends_it_with_the_reason() -> None:
    async def work(read: Any, write: Any, _server: Server, broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        assert (await read.receive()).message.result == {"a": "x" * 2_000_000}
        with pytest.raises(anyio.EndOfStream):
            await read.receive()
        (why,) = broken
        assert why.startswith(f"the answer is larger than {CEILING} bytes")

    within(lambda: Server(*(response(json.dumps({"a": "x" * size})) for size in (2_000_000, CEILING))), work)


def test_what_is_no_message_is_an_error_for_whoever_waits_for_it_if_it_says_for_whom_it_is() -> None:
    async def work(read: Any, write: Any, _server: Server, _broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        unreadable = (await read.receive()).message
        assert (unreadable.id, fate_of(MCPError.from_error_data(unreadable.error))) == ("toolgate-1", "in_doubt")
        nameless = (await read.receive()).message
        assert (nameless.id, nameless.error.code) == (None, -32700)

    error = '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}'
    within(lambda: Server("{", "", response("{")[:-1], error), work)


def test_after_a_post_that_failed_nothing_more_is_sent() -> None:
    async def work(_read: Any, write: Any, server: Server, _broken: list[str]) -> None:
        async def sent_for_ever() -> None:
            while True:
                await write.send(SessionMessage(CALL))

        with pytest.raises(anyio.BrokenResourceError):
            await sent_for_ever()
        assert len(server.posted) == 1

    within(lambda: Server(status=502), work)


@pytest.mark.parametrize(
    ("opening", "why"),
    [
        ("event: endpoint\ndata: http://127.0.0.1:2/post\n\n", "another origin"),
        ("event: endpoint\ndata: https://127.0.0.1:1/post\n\n", "another origin"),
        ("event: message\ndata: {}\n\n", "where it wants to be posted to"),
        ("event: message\ndata: " + "x" * (CEILING + 1) + "\n\n", "exceeded"),
    ],
)
def test_a_server_that_names_no_address_of_its_own_is_none(opening: str, why: str) -> None:
    async def work(*_: Any) -> None:
        raise AssertionError("it is open")

    with pytest.raises(BaseExceptionGroup) as raised:
        within(lambda: Server(opening=opening), work)
    assert why in str(raised.value.exceptions[0])
