"""A session that is closed from here."""

import asyncio

import pytest

from gateway.call import Subject
from gateway.profile import Profile
from gateway.serve.asgi import Receive, Scope, Send
from gateway.serve.asking import ASKER, Asker
from gateway.serve.farewell import end_session

ANN = Asker(Subject("user:ann", "acme"), Profile("stock"))


def test_it_is_closed_by_its_owners_request_whatever_the_answer() -> None:
    seen: list[tuple[str, str, object, Asker]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["method"], scope["path"], dict(scope["headers"])[b"mcp-session-id"], scope["state"][ASKER]))
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send({"type": "http.response.start", "status": 404, "headers": []})

    asyncio.run(end_session(app, "s1", ANN))
    assert seen == [("DELETE", "/mcp", b"s1", ANN)]


def test_what_breaks_behind_is_told() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(end_session(app, "s1", ANN))
