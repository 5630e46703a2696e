"""The SDK's application, as it knows those who come through the door."""

import asyncio
import json
from typing import Any

import pytest
from mcp.server.auth.middleware.bearer_auth import authorization_context
from mcp.server.lowlevel import Server

from gateway.call import Subject
from gateway.profile import WHOLE, Profile
from gateway.serve.application import _Sessions, application, as_one
from gateway.serve.asgi import App, Message, Receive, Scope, Send
from gateway.serve.asking import ASKER, Asker
from gateway.serve.later import Later

PART = Profile("part", ["echo"])


def test_the_sdk_takes_no_two_askers_for_one() -> None:
    subjects = [
        Subject("user:ann", "acme"), Subject("user:ann", "globex"), Subject("user:bob", "acme"),
        Subject("user:ann", "acme", "agent:desk"),
    ]  # fmt: skip
    askers = [Asker(subject, profile) for subject in subjects for profile in (WHOLE, PART)]
    seen: list[Any] = [authorization_context(as_one(asker)) for asker in askers]
    assert all(seen[i] != seen[j] for i in range(len(seen)) for j in range(i))
    assert seen == [authorization_context(as_one(asker)) for asker in askers]


class Panic(BaseException):
    """As Rust's: no `except Exception` catches it, and the SDK's task group ends with it."""


async def panic() -> None:
    raise Panic


def test_an_application_in_which_something_broke_is_made_anew_for_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Server[Any] = Server("s", version="1")
    later = Later(lambda: lambda: application(server, 10_000))
    answer = _Sessions._handle_stateful_request  # noqa: SLF001 - there it runs among all others

    async def breaking(self: Any, *_: Any) -> None:
        self._task_group.start_soon(panic)

    async def scenario() -> None:
        over = asyncio.Event()
        lived = asyncio.create_task(later({"type": "lifespan"}, *lifespan(over)))
        assert await posted(later) == 200
        monkeypatch.setattr(_Sessions, "_handle_stateful_request", breaking)
        await posted(later)
        monkeypatch.setattr(_Sessions, "_handle_stateful_request", answer)
        for _ in range(20):
            await asyncio.sleep(0)
        assert await posted(later) == 200
        over.set()
        await lived

    asyncio.run(asyncio.wait_for(scenario(), 60))


def lifespan(over: asyncio.Event) -> tuple[Receive, Send]:
    begin = iter(["lifespan.startup"])

    async def receive() -> Message:
        if (first := next(begin, None)) is None:
            await over.wait()
        return {"type": first or "lifespan.shutdown"}

    async def send(_message: Message) -> None:
        """Nobody waits for it."""

    return receive, send


async def posted(app: App) -> int | None:
    """The status of what is said to a handshake; None if nothing is."""
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream", "host": "a"}
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {ASKER: Asker(Subject("user:ann", "acme"), WHOLE)},
    }
    bodies = iter([body])
    said: list[Message] = []

    async def receive() -> Message:
        if (first := next(bodies, None)) is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": first, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    return said[0]["status"] if said else None
