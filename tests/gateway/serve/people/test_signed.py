"""A chat tool's word counts if it signed it, now, about this call, for somebody whom the admin knows; and once."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.auth import Refusal
from gateway.serve.people.docket import Docket
from gateway.serve.people.signed import KEPT, Signed
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response
from gateway.webhook import SIGNATURE, WINDOW, headers_of
from tests.fixtures.gateway_app import App, opened
from tests.fixtures.waiting_call import ESCALATES, a_question, setup

KEY = bytes(range(32))
NOW = 1_800_000_000.0
USERS = {"U1": "user:bob", "U2": "user:ann", "U3": "user:eve"}


class Chat:
    """The tool, with its clock."""

    def __init__(self, app: App, asked: Approval) -> None:
        self.asked, self.store, self.numbers, self.now = asked, app.store, iter(range(1000)), NOW
        docket = Docket(Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue))
        self.signed = Signed(docket, KEY, USERS, "acme", clock=lambda: self.now)

    def body(self, **said: Any) -> bytes:
        base = {"approval": self.asked.id, "user": "U1", "decision": "approved", "digest": self.asked.digest}
        return json.dumps(base | said).encode()

    async def send(
        self,
        body: bytes,
        *,
        message: str = "",
        key: bytes = KEY,
        at: float = NOW,
        approval: str = "",
        method: str = "POST",
    ) -> Response:
        headers = headers_of(key, message or f"m{next(self.numbers)}", at, body)
        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        visit = Visit(method, "", given, Refusal(401), body)
        return await self.signed.answer(visit, approval or self.asked.id)

    async def state(self) -> str:
        return (await self.store.approval(self.asked.id)).state


def within(tmp_path: Path, scenario: Callable[[Chat], Awaitable[None]], *more: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path, *more)) as app:
            await scenario(Chat(app, await a_question(app)))

    asyncio.run(work())


def test_a_button_in_the_chat_tool_is_the_answer_of_whoever_the_admin_says_that_he_is(tmp_path: Path) -> None:
    async def scenario(chat: Chat) -> None:
        done = await chat.send(chat.body(reason="fine"))
        assert (done.status_code, json.loads(bytes(done.body))["state"]) == (200, "approved")
        vote = (await chat.store.approval(chat.asked.id)).decisions[0]
        assert (vote.by, vote.method, vote.comment) == ("user:bob", "the chat tool, as U1", "fine")

    within(tmp_path, scenario)


def test_a_button_may_change_the_call_or_hand_it_up(tmp_path: Path) -> None:
    async def scenario(chat: Chat) -> None:
        up = await chat.send(chat.body(decision="escalated"))
        assert (up.status_code, json.loads(bytes(up.body))["state"]) == (200, "pending")
        done = await chat.send(chat.body(edit={"word": "b"}))
        told, kept = json.loads(bytes(done.body)), await chat.store.approval(chat.asked.id)
        assert (told["state"], told["digest"], kept.arguments) == ("approved", kept.digest, '{"word":"b"}')

    within(tmp_path, scenario, ESCALATES)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"user": "U2"}, 403),  # his own request
        ({"user": "U3"}, 404),  # nobody who may see it
        ({"user": "U4"}, 403),
        ({"user": "user:bob"}, 403),
        ({"user": 1}, 400),
        ({"decision": "yes"}, 400),
        ({"edit": {"word": 3}}, 422),
        ({"digest": "0" * 64}, 409),
        ({"approval": "A-" + "0" * 32}, 400),
        ({"tenant": "globex"}, 400),
        ({"reason": "x" * 3_000}, 400),
    ],
)
def test_what_is_not_such_an_answer_is_refused(tmp_path: Path, said: dict[str, Any], status: int) -> None:
    async def scenario(chat: Chat) -> None:
        assert (await chat.send(chat.body(**said))).status_code == status
        assert await chat.state() == "pending"

    within(tmp_path, scenario)


def test_forged_and_old_messages_are_not_taken_and_no_message_twice(tmp_path: Path) -> None:
    async def scenario(chat: Chat) -> None:
        assert (await chat.send(chat.body(), key=bytes(32))).status_code == 401
        assert (await chat.send(chat.body(), at=NOW - WINDOW - 1)).status_code == 401
        assert (await chat.send(chat.body(), at=NOW + WINDOW + 1)).status_code == 401
        plain = Visit("POST", "", [], Refusal(401), chat.body())
        assert (await chat.signed.answer(plain, chat.asked.id)).status_code == 401
        cut = Visit("POST", "", [(SIGNATURE.encode(), b"v1,")], Refusal(401), chat.body())
        assert (await chat.signed.answer(cut, chat.asked.id)).status_code == 401
        assert (await chat.send(chat.body(), method="GET")).status_code == 405
        assert (await chat.send(b"[]")).status_code == 400
        other = "A-" + "0" * 32
        assert (await chat.send(chat.body(approval=other), approval=other)).status_code == 404
        assert await chat.state() == "pending"
        stale = await chat.send(chat.body(digest="0" * 64), message="one")
        assert stale.status_code == 409
        again = await chat.send(chat.body(), message="one")
        assert (again.status_code, b"taken before" in bytes(again.body)) == (409, True)
        assert await chat.state() == "pending"

    within(tmp_path, scenario)


def test_for_how_long_a_message_is_known_is_counted_from_when_it_was_sent(tmp_path: Path) -> None:
    async def scenario(chat: Chat) -> None:
        chat.now = NOW + WINDOW  # or each time that it comes again it would be a younger one
        assert (await chat.send(chat.body(), message="one")).status_code == 200

    within(tmp_path, scenario)
    with contextlib.closing(sqlite3.connect(tmp_path / "store.db")) as db:
        assert db.execute("SELECT token, until FROM once").fetchall() == [("webhook one", (NOW + KEPT) * 1000)]
