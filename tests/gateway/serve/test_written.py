"""Answers on their way past the SDK, which would write them anew."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.serve.asgi import Message
from gateway.serve.envelope import laid_out
from gateway.serve.written import answered, event, failed, line, note, past_the_sdk
from gateway.verbatim import kept, read

STAMP = {"name": "toolgate", "version": "1"}
TEXT = b'{"n":1.10,\n"s":"\\u00e9 \\/"}'
MODERN, LEGACY = "2026-07-28", "2025-11-25"
STREAM = [(b"content-type", b"text/event-stream")]
PLAIN = [(b"content-type", b"application/json"), (b"content-length", b"2")]


def asks(version: str, *, http: bool = True) -> Any:
    request = SimpleNamespace(scope={"state": {}}) if http else None
    return SimpleNamespace(request=request, request_id=7, method="tools/call", protocol_version=version)


def sent(scope: Any, *parts: Message) -> list[Message]:
    """What leaves of what the SDK says."""
    out: list[Message] = []

    async def send(part: Message) -> None:
        out.append(part)

    async def work() -> None:
        past = past_the_sdk(scope, send)
        for part in parts:
            await past(part)

    asyncio.run(work())
    return out


def start(headers: list[tuple[bytes, bytes]], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(text: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": more}


def test_a_result_is_one_line_with_the_text_that_it_had() -> None:
    result = dict(laid_out(read(b'{"structuredContent":%b}' % TEXT), "tools/call", LEGACY, STAMP))
    response = types.JSONRPCResponse(jsonrpc="2.0", id=1, result=result)
    said = b'{"jsonrpc":"2.0","id":1,"result":{"structuredContent":%b}}' % TEXT.replace(b"\n", b" ")
    assert line(response) == said
    assert event(response, None) == {"event": "message", "data": said.decode()}
    assert event(response, "e") == {"event": "message", "data": said.decode(), "id": "e"}


def test_an_error_is_one_line_with_its_data_as_they_were() -> None:
    for text in (TEXT, b"[%b]" % TEXT):
        data = types.ErrorData(code=4001, message="né", data=read(text))
        said = line(types.JSONRPCError(jsonrpc="2.0", id=1, error=data))
        told = '{"jsonrpc":"2.0","id":1,"error":{"code":4001,"message":"né","data":%s}}'
        assert said.decode() == told % text.replace(b"\n", b" ").decode()


@pytest.mark.parametrize(
    "message",
    [
        types.JSONRPCNotification(jsonrpc="2.0", method="m", params={"a": None}),
        types.JSONRPCRequest(jsonrpc="2.0", id="1", method="m"),
        types.JSONRPCError(jsonrpc="2.0", id=None, error=types.ErrorData(code=1, message="m", data=[1.5])),
    ],
)
def test_anything_else_is_written_by_the_sdk(message: types.JSONRPCMessage) -> None:
    assert line(message) == message.model_dump_json(by_alias=True, exclude_unset=True).encode()


@pytest.mark.parametrize("context", [asks(LEGACY), asks(LEGACY, http=False), asks(MODERN, http=False)])
def test_whoever_writes_himself_gets_the_texts_and_nothing_is_aside(context: Any) -> None:
    result = answered(context, read(b'{"content":[],"n":1.10}'), STAMP)
    response = types.JSONRPCResponse(jsonrpc="2.0", id=1, result=result)
    assert b'"n":1.10' in line(response)
    failed(context, MCPError(1, "m", read(TEXT)))
    assert context.request is None or not context.request.scope["state"]


def test_the_answer_to_a_modern_request_takes_the_place_of_the_last_part() -> None:
    context = asks(MODERN)
    assert answered(context, read(b'{"content":[],"n":%b}' % TEXT), STAMP) == {}
    head, last = sent(context.request.scope, start(PLAIN), body(b"{}"))
    assert head["headers"] == [PLAIN[0], (b"content-length", b"%d" % len(last["body"]))]
    assert last["body"].startswith(b'{"jsonrpc":"2.0","id":7,"result":{"content":[],"n":%b,' % TEXT)
    assert json.loads(last["body"])["result"]["resultType"] == "complete"


def test_in_a_stream_it_is_the_last_event_and_what_comes_before_is_the_sdks() -> None:
    context = asks(MODERN)
    answered(context, read(b'{"content":[],"n":%b}' % TEXT), STAMP)
    head, note, last = sent(
        context.request.scope, start(STREAM), body(b"data: 1\r\n\r\n", more=True), body(b"data: {}")
    )
    assert (head["headers"], note["body"]) == (STREAM, b"data: 1\r\n\r\n")
    assert last["body"].startswith(
        b'event: message\r\ndata: {"jsonrpc":"2.0","id":7,"result":{"content":[],"n":{"n":1.10,'
    )
    assert last["body"].endswith(b"}\r\n\r\n")
    assert last["body"].count(b"\n") == 3


def test_an_error_with_a_text_is_aside_too_and_keeps_its_status() -> None:
    context = asks(MODERN)
    failed(context, MCPError(4001, "no", read(TEXT)))
    head, last = sent(context.request.scope, start(PLAIN, 404), body(b"{}"))
    assert (head["status"], last["body"]) == (
        404,
        b'{"jsonrpc":"2.0","id":7,"error":{"code":4001,"message":"no","data":%b}}' % TEXT,
    )


def test_without_an_answer_aside_all_is_as_the_sdk_says_it() -> None:
    context = asks(MODERN)
    failed(context, MCPError(4001, "no", {"a": 1}))
    parts = [start(PLAIN), body(b"{}")]
    assert sent(context.request.scope, *parts) == parts


class Channel:
    """What the SDK has for a request. With `sink` it is one of the modern era over HTTP."""

    def __init__(self, **more: Any) -> None:
        self.said: list[Any] = []
        self.__dict__.update(more)

    async def notify(self, method: str, params: Any) -> None:
        self.said.append(line(types.JSONRPCNotification(jsonrpc="2.0", method=method, params=params)))

    async def send(self, event: bytes) -> None:
        self.said.append(event)


@pytest.mark.parametrize("params", [read(TEXT), kept({"n": float("inf")}, b'{"n":1e400}'), {"n": None}])
def test_what_is_said_before_the_answer_is_the_text_that_it_was(params: Any) -> None:
    usual, modern = Channel(), Channel()
    for channel in (usual, Channel(sink=modern), Channel(sink=None)):
        context: Any = SimpleNamespace(session=SimpleNamespace(_request_outbound=channel))
        asyncio.run(note(context, "notifications/message", params))
    text = getattr(params, "text", b'{"n":null}').replace(b"\n", b"")
    said = b'{"jsonrpc":"2.0","method":"notifications/message","params":%b}' % text
    assert usual.said == [said]
    assert modern.said == [b"event: message\r\ndata: %b\r\n\r\n" % said]
