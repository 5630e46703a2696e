"""The SDK's client for Streamable HTTP, whose answers keep their text; with a real server."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from gateway.upstream.outcomes import fate_of
from gateway.upstream.safe_transport import SafeTransport
from gateway.upstream.streamable import streamable
from gateway.upstream.wire import too_large
from gateway.verbatim import Verbatim
from tests.fixtures import spelling_server as server
from tests.fixtures.spelling_server import Spelling, handler

CEILING = 1_000_000  # bytes


class Odd(Spelling):
    """Answers `odd` with whatever it is told to."""

    odd = ""

    def said(self, message: dict[str, Any]) -> Iterator[str]:
        if message.get("method") != "odd":
            yield from super().said(message)
            return
        token = (message.get("params") or {}).get("stream")
        yield from [self.odd] if token is None else ['{"jsonrpc":"2.0","method":"m"}', self.odd]


async def asked(spelling: Spelling, *requests: types.JSONRPCRequest) -> list[Any]:
    """What came, in a session that is closed then."""
    served = ThreadingHTTPServer(("127.0.0.1", 0), handler(spelling))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    url, came = f"http://127.0.0.1:{served.server_port}/mcp", list[Any]()
    try:
        async with (
            asyncio.timeout(60),
            httpx2.AsyncClient(transport=SafeTransport(lambda _: None, ceiling=CEILING)) as client,
            streamable(url, client, ceiling=CEILING) as (read, write),
        ):
            for request in (ask("initialize"), *requests):
                await write.send(SessionMessage(request))
                while True:
                    item = await read.receive()
                    assert isinstance(item, SessionMessage)
                    came.append(item.message)
                    if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
                        break
    finally:
        await asyncio.to_thread(served.shutdown)
        served.server_close()
    return came[1:]


def ask(method: str, **params: Any) -> types.JSONRPCRequest:
    return types.JSONRPCRequest(jsonrpc="2.0", id=f"toolgate-{method}", method=method, params=params)


def call(**meta: Any) -> types.JSONRPCRequest:
    return ask("tools/call", name="spelled", arguments={}, _meta=meta)


def test_a_result_keeps_its_text_as_a_body_and_at_the_end_of_a_stream() -> None:
    spelling = Spelling("legacy", "s")
    plain, first, logged, second, streamed = asyncio.run(asked(spelling, call(), call(progressToken=1)))
    for response in (plain, streamed):
        assert isinstance(response.result, Verbatim)
        assert (response.id, response.result.text) == ("toolgate-tools/call", server.RESULT.encode())
    assert first.params.text == b'{"progressToken":1,%b}' % server.PROGRESS.encode()
    assert logged.params.text == server.LOGGED.encode()
    assert second.params["progress"] == 2
    assert spelling.closed


def test_the_data_of_an_error_keep_their_text() -> None:
    params: Any = {"name": "refused", "arguments": {}}
    errors = asyncio.run(asked(Spelling("legacy", "s"), ask("tools/call", **params)))
    assert [one.error.data.text for one in errors] == [server.SPELLED.encode()]


@pytest.mark.parametrize("params", [{}, {"stream": True}])
def test_what_can_not_be_read_so_goes_the_way_of_the_sdk(params: dict[str, Any]) -> None:
    spelling = Odd("legacy", "s")
    spelling.odd = '{"jsonrpc":"2.0","id":"toolgate-odd","result":{"a":1,"a":2}}'
    doubled = asyncio.run(asked(spelling, ask("odd", **params)))[-1]
    assert (doubled.result, type(doubled.result)) == ({"a": 2}, dict)
    spelling.odd = "{"
    broken = asyncio.run(asked(spelling, ask("odd", **params)))[-1]
    assert (broken.id, broken.error.code) == ("toolgate-odd", types.PARSE_ERROR)


STREAMED = pytest.mark.parametrize("params", [{}, {"stream": True}], ids=["a body", "a stream"])


@STREAMED
@pytest.mark.parametrize("named", ['"id":null,', ""])
def test_an_error_without_an_id_is_the_answer_to_what_was_posted(params: dict[str, Any], named: str) -> None:
    spelling = Odd("legacy", "s")
    spelling.odd = f'{{"jsonrpc":"2.0",{named}"error":{{"code":-32000,"message":"not today","data":{{"n":1.10}}}}}}'
    error = asyncio.run(asked(spelling, ask("odd", **params)))[-1]
    assert (error.id, error.error.code, error.error.data.text) == ("toolgate-odd", -32000, b'{"n":1.10}')
    assert fate_of(MCPError.from_error_data(error.error)) is None


@STREAMED
@pytest.mark.parametrize(
    "said",
    [
        '{"jsonrpc":"2.0","id":"toolgate-1","result":{}}',
        '{"jsonrpc":"2.0","id":"toolgate-1","error":{"code":1,"message":"no"}}',
    ],
)
def test_what_answers_another_request_is_no_answer(params: dict[str, Any], said: str) -> None:
    spelling = Odd("legacy", "s")
    spelling.odd = said
    error = asyncio.run(asked(spelling, ask("odd", **params)))[-1]
    assert (error.id, error.error.message) == ("toolgate-odd", "the answer is not the response to this request")
    assert fate_of(MCPError.from_error_data(error.error)) == "in_doubt"


def test_a_body_that_answers_nobody_is_no_answer() -> None:
    spelling = Odd("legacy", "s")
    spelling.odd = '{"jsonrpc":"2.0","method":"m"}'
    (error,) = asyncio.run(asked(spelling, ask("odd")))
    assert fate_of(MCPError.from_error_data(error.error)) == "in_doubt"


@STREAMED
def test_what_is_above_the_ceiling_is_in_doubt_with_the_reason(params: dict[str, Any]) -> None:
    spelling = Odd("legacy", "s")
    spelling.odd = f'{{"jsonrpc":"2.0","id":"toolgate-odd","result":{{"a":"{"x" * CEILING}"}}}}'
    error = asyncio.run(asked(spelling, ask("odd", **params)))[-1]
    assert (error.id, error.error.message) == ("toolgate-odd", too_large(CEILING))
    assert fate_of(MCPError.from_error_data(error.error)) == "in_doubt"
