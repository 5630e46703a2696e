"""What every HTTP request passes before the SDK sees it."""

import asyncio
import json
from typing import Any

import pytest

from gateway.call import Subject
from gateway.serve.asgi import App, Message, Receive, Scope, Send
from gateway.serve.door import Door, Entry
from gateway.serve.edge import Edge
from gateway.serve.origins import Origins

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


class Inner:
    """The application behind; it keeps what it was given, and answers a POST."""

    def __init__(self) -> None:
        self.scope: Scope = {}
        self.body = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["method"] == "POST":
            self.body = (await receive())["body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


def scope(method: str = "POST", headers: list[tuple[bytes, bytes]] | None = None) -> Scope:
    host = (b"host", b"127.0.0.1:8765")
    return {"type": "http", "method": method, "path": "/mcp", "headers": [host, *(headers or [])]}


def edge(inner: App, **limits: Any) -> Edge:
    """Behind a door that lets in whoever comes from here."""
    return Edge(inner, Door(Entry(Subject("user:ann", "acme"))), **limits)


def parts(*bodies: bytes) -> Receive:
    """The body in these pieces; then the client is silent."""
    waiting = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    if waiting:
        waiting[-1]["more_body"] = False

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never

    return receive


async def said(under_test: Edge, request: Scope, receive: Receive) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(60):
        await under_test(request, receive, send)
    return sent


def status(sent: list[Message]) -> Any:
    return sent[0]["status"]


def test_white_space_around_header_values_is_taken_off() -> None:
    inner = Inner()
    headers = [(b"mcp-name", b" \techo \t"), (b"x", b"a b")]
    asyncio.run(said(edge(inner), scope(headers=headers), parts(BODY)))
    assert inner.scope["headers"][1:] == [(b"mcp-name", b"echo"), (b"x", b"a b")]


def test_who_wants_to_resume_a_stream_gets_a_new_one() -> None:
    inner = Inner()
    asyncio.run(said(edge(inner), scope(headers=[(b"last-event-id", b"7")]), parts(BODY)))
    assert b"last-event-id" not in dict(inner.scope["headers"])


def test_a_body_in_pieces_arrives_whole() -> None:
    inner = Inner()
    assert status(asyncio.run(said(edge(inner), scope(), parts(BODY[:5], b"", BODY[5:])))) == 200
    assert inner.body == BODY


@pytest.mark.parametrize("pieces", [(b"x" * 101,), (b"x" * 60, b"x" * 60)])
def test_a_body_that_is_too_large_goes_no_further(pieces: tuple[bytes, ...]) -> None:
    inner = Inner()
    assert status(asyncio.run(said(edge(inner, max_body=100), scope(), parts(*pieces)))) == 413
    assert inner.scope == {}


def test_half_a_body_that_reads_like_a_message_goes_no_further() -> None:
    inner, waiting = Inner(), [{"type": "http.request", "body": BODY, "more_body": True}]

    async def goes() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    assert status(asyncio.run(said(edge(inner), scope(), goes))) == 400
    assert inner.scope == {}


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    inner = Inner()
    assert status(asyncio.run(said(edge(inner, body_seconds=0), scope(), parts()))) == 408
    assert inner.scope == {}


def test_a_body_that_can_not_be_read_in_one_way_goes_no_further() -> None:
    inner = Inner()
    sent = asyncio.run(said(edge(inner), scope(), parts(b'{"a":1,"a":2}')))
    assert (status(sent), inner.scope) == (400, {})
    assert "stands twice" in json.loads(sent[1]["body"])["error"]["message"]


def test_a_stream_ends_as_a_whole_response_when_the_edge_closes() -> None:
    async def scenario() -> list[Message]:
        door = edge(Inner())
        listening = asyncio.create_task(said(door, scope("GET"), parts()))
        await asyncio.sleep(0)
        door.close()
        return await listening

    sent = asyncio.run(scenario())
    assert [message.get("more_body", False) for message in sent[1:]] == [True, False]


def test_a_stream_ends_when_its_client_goes() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    sent = asyncio.run(said(edge(Inner()), scope("GET"), gone))
    assert sent[-1]["more_body"] is True  # there is nobody to say the end to


@pytest.mark.parametrize("body", [BODY, b"{"])
def test_a_page_that_may_ask_is_shown_what_it_gets_refusals_included(body: bytes) -> None:
    entry = Entry(Subject("user:ann", "acme"), origins=Origins(origins=("https://app.test",)))
    sent = asyncio.run(said(Edge(Inner(), Door(entry)), scope(headers=[(b"origin", b"https://app.test")]), parts(body)))
    assert dict(sent[0]["headers"])[b"access-control-allow-origin"] == b"https://app.test"
    sent = asyncio.run(said(Edge(Inner(), Door(entry)), scope(), parts(body)))
    assert b"access-control-allow-origin" not in dict(sent[0]["headers"])


def test_what_is_no_request_goes_through() -> None:
    seen = []

    async def inner(given: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(given["type"])

    asyncio.run(said(edge(inner), {"type": "lifespan"}, parts()))
    assert seen == ["lifespan"]
