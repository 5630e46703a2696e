"""A chat tool is told of what waits: signed, again until it takes it, and only where it may be reached."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.approval import Approval, Terms
from gateway.approving import Approving
from gateway.call import Arguments
from gateway.guarded import guarded_client
from gateway.reach import Reach
from gateway.telling import Telling, telling
from gateway.webhook import Hook, verified
from tests.fixtures.gateway_app import App, opened
from tests.fixtures.waiting_call import ESCALATES, a_question, setup

KEY = bytes(range(32))
URL = "https://chat.example/hook-secret"


@dataclass
class Chat:
    """Answers with these statuses, one after the other; then with 200."""

    statuses: list[int] = field(default_factory=list)
    heard: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        now = int(request.headers["webhook-timestamp"])
        message = verified(KEY, dict(request.headers), request.content, now).id
        self.heard.append((message, json.loads(request.content)))
        status = self.statuses.pop(0) if self.statuses else 200
        return httpx2.Response(status, headers={"location": "http://127.0.0.1:1/"} if status == 302 else {})


class Clock:
    """Of the telling; what is put off is due when it says so."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def approving(app: App) -> Approving:
    return Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue)


def within(
    tmp_path: Path, chat: Chat, scenario: Callable[[App, Telling, Approval], Awaitable[None]], *more: str
) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path, *more)) as app, client(chat) as http:
            hook = Hook(URL, KEY, "https://gate.example")
            told = Telling(approving(app), app.store.outbox("acme"), hook, http)
            await scenario(app, told, await a_question(app))

    asyncio.run(work())


def client(chat: Chat) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.MockTransport(chat))


def test_it_is_told_the_question_and_then_the_answer(tmp_path: Path) -> None:
    chat = Chat()

    async def scenario(app: App, told: Telling, asked: Approval) -> None:
        assert await told.once() == 1
        assert await told.once() == 0
        await app.store.decide(asked.id, "denied", "user:bob", "not now")
        assert await told.once() == 1
        (first, requested), (second, decided) = chat.heard
        assert (first, second) == (f"{asked.id}.approval.requested", f"{asked.id}.approval.decided")
        assert requested["type"] == "approval.requested"
        assert requested["data"]["arguments"] == {"word": "a"}
        assert requested["data"]["url"] == f"https://gate.example/approvals/{asked.id}"
        assert (requested["data"]["digest"], requested["data"]["state"]) == (asked.digest, "pending")
        assert (decided["data"]["state"], decided["data"]["decided_by"]) == ("denied", "user:bob")
        assert str(tmp_path) not in json.dumps(chat.heard)

    within(tmp_path, chat, scenario)


def test_it_is_told_which_call_it_is_by_now_and_to_whom_it_goes(tmp_path: Path) -> None:
    """The digest that an answer must name is that of the newest message."""
    chat = Chat()

    async def scenario(app: App, told: Telling, asked: Approval) -> None:
        assert await told.once() == 1
        changed = Terms(needs=2, edited=Arguments.parse({"word": "b"}))
        now = await app.store.decide(asked.id, "approved", "user:bob", "", changed)
        assert await told.once() == 1
        message, heard = chat.heard[-1]
        assert (message, heard["type"]) == (f"{asked.id}.approval.changed.1", "approval.changed")
        assert (heard["data"]["digest"], heard["data"]["state"]) == (now.digest, "pending")
        assert (heard["data"]["arguments"], heard["data"]["agreed"]) == ({"word": "b"}, ["user:bob"])
        assert ["changed", 'word: "a" -> "b"'] in heard["data"]["shown"]
        await app.store.decide(asked.id, "escalated", "user:bob", "")
        assert await told.once() == 1
        assert (chat.heard[-1][1]["type"], chat.heard[-1][1]["data"]["escalate_to"]) == (
            "approval.escalated",
            "role:boss",
        )

    within(tmp_path, chat, scenario, ESCALATES)


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_what_is_not_taken_is_put_off_and_its_address_is_not_logged(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    chat = Chat([status])

    async def scenario(app: App, told: Telling, asked: Approval) -> None:
        with caplog.at_level(logging.WARNING):
            assert await told.once() == 0
        assert f"answered {status}" in caplog.text
        assert "hook-secret" not in caplog.text
        assert await told.once() == 0  # it is not due yet
        assert len(chat.heard) == 1
        outbox = app.store.outbox("acme")
        due = await outbox.next_due()
        assert due is not None
        assert due > asked.created

    within(tmp_path, chat, scenario)


def test_a_private_address_is_not_reached_unless_it_is_listed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path)) as app:
            await a_question(app)
            async with guarded_client(Reach.of(())) as http:
                hook = Hook("https://127.0.0.1:1/hook-secret", KEY)
                told = Telling(approving(app), app.store.outbox("acme"), hook, http)
                assert await told.once() == 0
            async with telling(approving(app), app.store.outbox("acme"), hook, Reach.of(())):
                pass

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert "can't be reached (OutOfReach)" in caplog.text
    assert "hook-secret" not in caplog.text
