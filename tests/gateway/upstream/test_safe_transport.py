"""What a failing network looks like to the SDK's client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from gateway.upstream import safe_transport as under_test
from gateway.upstream.meter import Pace
from gateway.upstream.outcomes import error_in, fate_of
from gateway.upstream.safe_transport import LISTEN_SILENCE, NOTIFICATION_PATIENCE, UNUSABLE_SESSION, SafeTransport
from gateway.upstream.statuses import answered

URL = "http://localhost/mcp"


class Scripted(httpx2.AsyncBaseTransport):
    """Answers every request by a function; keeps the last one."""

    def __init__(self, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
        self.answer = answer
        self.request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return self.answer(request)


class Cut(httpx2.AsyncByteStream):
    """A body that the network cuts."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces, self.error = pieces, error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error


def failing(error: Exception) -> Callable[[httpx2.Request], httpx2.Response]:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        raise error

    return answer


def sent(
    answer: Callable[[httpx2.Request], httpx2.Response], method: str = "POST", **more: Any
) -> tuple[httpx2.Response, list[str], Scripted]:
    broken: list[str] = []
    inner = Scripted(answer)
    options = {key: more.pop(key) for key in ("one_stream", "ceiling") if key in more}

    async def scenario() -> httpx2.Response:
        transport = SafeTransport(broken.append, inner=inner, **options)
        async with httpx2.AsyncClient(transport=transport) as client:
            return await client.request(method, URL, **more)

    return asyncio.run(scenario()), broken, inner


def error_of(response: httpx2.Response) -> MCPError:
    error = error_in(json.loads(response.content))
    assert error
    return error


@pytest.mark.parametrize(
    ("error", "fate", "reported"),
    [
        (httpx2.ConnectError("refused"), "unsent", ["refused"]),
        (httpx2.ConnectTimeout(""), "unsent", ["ConnectTimeout"]),
        (httpx2.ReadError("reset"), "in_doubt", []),
        (httpx2.WriteError("reset"), "in_doubt", []),
        (httpx2.RemoteProtocolError("odd"), "in_doubt", []),
    ],
)
def test_a_network_error_answers_its_own_post_and_says_how_far_it_came(
    error: Exception, fate: str, reported: list[str]
) -> None:
    response, broken, _ = sent(failing(error))
    assert response.status_code == 502
    assert fate_of(error_of(response)) == fate
    assert broken == reported


@pytest.mark.parametrize(
    ("answer", "method", "reported"),
    [
        (failing(httpx2.ReadError("reset")), "POST", []),
        (lambda _: httpx2.Response(500), "POST", []),
        (lambda _: httpx2.Response(400), "POST", []),
        (lambda _: httpx2.Response(429), "POST", []),
        (failing(httpx2.ConnectError("refused")), "POST", ["refused"]),
        (lambda _: httpx2.Response(401), "POST", [answered(401)]),
        (lambda _: httpx2.Response(403), "POST", [answered(403)]),
        (lambda _: httpx2.Response(404), "POST", [answered(404)]),
        (failing(httpx2.ReadError("reset")), "GET", ["reset"]),
    ],
)
def test_of_one_stream_it_is_reported_that_it_is_not_there_or_that_the_server_does_not_know_who_posts(
    answer: Callable[[httpx2.Request], httpx2.Response], method: str, reported: list[str]
) -> None:
    assert sent(answer, method, one_stream=True)[1] == reported


def test_another_request_gets_a_plain_error() -> None:
    response, _, _ = sent(failing(httpx2.ReadError("reset")), method="GET")
    assert (response.status_code, response.content) == (503, b"")


@pytest.mark.parametrize("status", [200, 405])
def test_the_stream_of_a_session_is_waited_for_until_it_is_there_or_refused(status: int) -> None:
    async def scenario() -> None:
        session = {"mcp-session-id": "s"}
        inner = Scripted(lambda request: httpx2.Response(status if request.method == "GET" else 200, headers=session))
        transport = SafeTransport(list[str]().append, inner=inner)
        async with httpx2.AsyncClient(transport=transport) as client:
            await transport.stream_opened()  # there is no session
            await client.post(URL)
            waiting = asyncio.create_task(transport.stream_opened())
            await asyncio.sleep(0)
            assert not waiting.done()
            await client.get(URL)
            await waiting
            await transport.stream_opened()

    asyncio.run(scenario())


@pytest.mark.parametrize("given", [b"\xe9\x80abc", "é".encode(), b"a\x01b"])
def test_an_id_of_a_session_that_can_not_be_sent_back_is_said_to_be_the_reason(given: bytes) -> None:
    """It left the client as an error of Python's, and the connection was said to have ended."""
    answer = httpx2.Response(200, headers=[(b"mcp-session-id", given)], content=b"{}")
    response, broken, _ = sent(lambda _: answer)
    error = error_of(response)
    assert error.message == UNUSABLE_SESSION
    assert fate_of(error) == "refused"
    assert answer.is_closed
    assert broken == []
    usual = sent(lambda _: httpx2.Response(200, headers={"mcp-session-id": "a-1_~!"}, content=b"{}"))[0]
    assert usual.content == b"{}"


def test_a_forgotten_session_is_told_by_the_answer_and_ends_nothing_before_it_is_there() -> None:
    response, broken, _ = sent(lambda _: httpx2.Response(404), headers={"mcp-session-id": "s"})
    assert fate_of(error_of(response)) == "session_lost"
    assert broken == []
    assert fate_of(error_of(sent(lambda _: httpx2.Response(404))[0])) == "refused"


def test_a_json_rpc_error_goes_through_and_another_body_is_told_by_its_status() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bad","data":{"k":null}}}'
    response, _, _ = sent(lambda _: httpx2.Response(400, content=body))
    assert response.content == body
    assert fate_of(error_of(response)) is None
    assert fate_of(error_of(sent(lambda _: httpx2.Response(500, content=b"<p>"))[0])) == "in_doubt"
    cut = Cut(b"{", error=httpx2.ReadError("cut"))
    assert fate_of(error_of(sent(lambda _: httpx2.Response(502, stream=cut))[0])) == "in_doubt"


def test_a_body_ends_where_the_network_or_the_ceiling_ends_it() -> None:
    cut = Cut(b"abc", error=httpx2.ReadError("cut"))
    assert sent(lambda _: httpx2.Response(200, stream=cut))[0].content == b"abc"
    long = Cut(b"abc", b"def")
    assert sent(lambda _: httpx2.Response(200, stream=long), ceiling=5)[0].content == b"abc"


def test_events_that_are_more_than_anybody_wants_to_hear_are_read_at_their_pace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []

    async def slept(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(under_test, "STREAM", Pace(3, 1e-6))
    monkeypatch.setattr("gateway.upstream.safe_transport.asyncio.sleep", slept)
    events = Cut(b"data: 1\n\n", b"data: 2\n\ndata: 3\n\n", b"data: 4\n\n", b"data: 5\n\n")
    headers = {"content-type": "text/event-stream"}
    sent(lambda _: httpx2.Response(200, headers=headers, stream=events))
    assert [round(seconds / 1e6) for seconds in waited] == [1, 2]


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({"json": {"jsonrpc": "2.0", "method": "tools/call", "id": 1}}, None),
        ({"json": {"jsonrpc": "2.0", "method": "notifications/cancelled"}}, NOTIFICATION_PATIENCE),
        ({"headers": {"mcp-method": "subscriptions/listen"}}, LISTEN_SILENCE),
    ],
)
def test_only_subscriptions_and_notifications_have_a_deadline_here(more: dict[str, Any], seconds: float | None) -> None:
    _, _, inner = sent(lambda _: httpx2.Response(200), **more)
    assert inner.request
    assert inner.request.extensions["timeout"]["read"] == seconds
