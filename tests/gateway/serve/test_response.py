"""An answer of ours says what Starlette's says, without Starlette."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import JSONResponse as TheirJson
from starlette.responses import Response as Theirs

from gateway.serve.asgi import App, Message
from gateway.serve.response import Response, in_json

SEEN = "import sys, gateway.serve.http, gateway.serve.people.counter; print('starlette' in sys.modules)"


def said(app: App) -> tuple[int, Mapping[bytes, bytes], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        await app({"type": "http"}, receive, send)

    asyncio.run(answer())
    start, body = sent
    return start["status"], dict(start["headers"]), body["body"]


@pytest.mark.parametrize("headers", [{}, {"location": "/x", "set-cookie": "a=b; Path=/"}])
@pytest.mark.parametrize("body", [b"", "ß".encode()])
def test_bytes_are_said_as_starlette_says_them(body: bytes, headers: dict[str, str]) -> None:
    assert said(Response(body, 303, headers)) == said(Theirs(body, 303, headers))


@pytest.mark.parametrize("value", [{"status": "ok"}, {"a": ["ß", None, 1.5, True]}])
def test_json_is_said_as_starlette_says_it(value: Any) -> None:
    assert said(in_json(value, 503, {"retry-after": "5"})) == said(TheirJson(value, 503, {"retry-after": "5"}))


def test_a_header_that_is_added_later_is_said() -> None:
    response = Response(b"")
    response.headers["www-authenticate"] = "Bearer"
    assert said(response)[1][b"www-authenticate"] == b"Bearer"


def test_what_a_plain_call_meets_loads_no_starlette() -> None:
    child = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.strip() == "False"
