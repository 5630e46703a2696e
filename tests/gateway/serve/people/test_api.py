"""The questions in JSON: exactly what will run, and answers that can be read in one way only."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.call import Subject
from gateway.events import Cancelled
from gateway.identity import Identity
from gateway.serve.people.api import Api
from gateway.serve.people.docket import Docket
from gateway.serve.people.visit import Visit
from gateway.serve.response import Response
from tests.fixtures.gateway_app import App, opened
from tests.fixtures.waiting_call import ANN, BOB, ESCALATES, EVE, REMEMBERS, a_question, setup

JSON = (b"content-type", b"application/json")
ID = "A-" + "0" * 32


class Room:
    """The API, and how it is asked."""

    def __init__(self, app: App, asked: Approval) -> None:
        self.asked, self.store = asked, app.store
        self._api = Api(Docket(Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue)))

    async def ask(self, method: str, path: str, who: Subject = BOB, body: Any = None, *headers: Any) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        visit = Visit(method, path, [*(headers or (JSON,))], Identity(who, by="an API key"), raw)
        assert isinstance(visit.who, Identity)
        return await self._api.answer(visit, visit.who)

    async def decide(self, **said: Any) -> Response:
        return await self.ask("POST", self.asked.id, BOB, {"decision": "approved", "digest": self.asked.digest} | said)


def within(tmp_path: Path, scenario: Callable[[Room], Awaitable[None]], *more: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path, *more)) as app:
            await scenario(Room(app, await a_question(app)))

    asyncio.run(work())


def body(response: Response) -> Any:
    return json.loads(bytes(response.body))


def test_it_tells_the_exact_call_and_what_it_is_bound_to(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        (listed,) = body(await room.ask("GET", ""))["approvals"]
        one = await room.ask("GET", room.asked.id)
        more = [line for line in body(one)["shown"] if line not in listed["shown"]]
        assert [label for label, _ in more] == ["before", "cost"]
        assert {**body(one), "shown": 0} == {**listed, "shown": 0, "may_remember": False, "escalate_to": None}
        assert one.headers["cache-control"] == "no-store"
        assert listed["arguments"] == {"word": "a"}
        assert (listed["digest"], listed["state"], listed["may_decide"]) == (room.asked.digest, "pending", True)
        assert ["with", 'word = "a"'] in listed["shown"]
        assert listed["rule"] == "policy.csv:2"
        assert str(tmp_path) not in json.dumps(listed)

    within(tmp_path, scenario)


def test_a_yes_and_a_no_are_counted_with_how_their_author_was_known(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        answer = await room.decide(decision="denied", reason="not now")
        assert (answer.status_code, body(answer)["state"], body(answer)["reason"]) == (200, "denied", "not now")
        vote = (await room.store.approval(room.asked.id)).decisions[0]
        assert (vote.by, vote.method, vote.decision) == ("user:bob", "an API key", "denied")
        assert (await room.decide()).status_code == 409

    within(tmp_path, scenario)


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"digest": "0" * 64}, 409, "not the one that you were shown"),
        ({"digest": None}, 400, "`digest`"),
        ({"decision": "approve"}, 400, "`decision`"),
        ({"decision": ["approved"]}, 400, "`decision`"),
        ({"decision": "escalated"}, 422, "no line says to whom this goes"),
        ({"remember": {"scope": "run"}}, 422, "counts once"),
        ({"edit": {"word": 3}}, 422, "word"),
        ({"edit": [3]}, 400, "`edit`"),
        ({"stop": True}, 400, "`stop` goes with"),
        ({"reason": 3}, 400, "`reason`"),
        ({"reason": "x" * 2_001}, 400, "`reason`"),
        ({"approver": "user:eve"}, 400, "a key that means nothing"),
    ],
)
def test_a_wrong_answer_is_refused_with_what_is_wrong(tmp_path: Path, said: Any, status: int, why: str) -> None:
    async def scenario(room: Room) -> None:
        answer = await room.decide(**said)
        assert answer.status_code == status
        assert why in body(answer)["error"]
        assert (await room.store.approval(room.asked.id)).state == "pending"

    within(tmp_path, scenario)


def test_a_yes_may_change_the_call_and_may_be_remembered(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        answer = await room.decide(edit={"word": "b"}, remember={"scope": "run", "by": ["word"]})
        told = body(answer)
        assert (answer.status_code, told["state"], told["arguments"]) == (200, "approved", {"word": "b"})
        assert told["digest"] != room.asked.digest
        assert ["changed", 'word: "a" -> "b"'] in told["shown"]
        (kept,) = room.store.lasting.remembered()
        assert (kept.scope, kept.fields, kept.place) == ("run", ("word",), room.asked.run_id)

    within(tmp_path, scenario, REMEMBERS)


def test_a_no_may_end_the_run_and_a_question_may_be_handed_up(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        up = await room.decide(decision="escalated", reason="too much for me")
        assert (up.status_code, body(up)["state"]) == (200, "pending")
        assert (await room.store.approval(room.asked.id)).escalates is not None
        assert (await room.decide(decision="denied", stop=True)).status_code == 200
        assert isinstance((await room.store.events(room.asked.run_id))[-1].event, Cancelled)

    within(tmp_path, scenario, ESCALATES)


def test_what_can_be_read_in_two_ways_is_not_read(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        twice = f'{{"decision":"denied","decision":"approved","digest":"{room.asked.digest}"}}'.encode()
        for raw in (twice, b"", b"[]", b"{", b'"approved"', b"\xff"):
            assert (await room.ask("POST", room.asked.id, BOB, raw)).status_code == 400
        assert (await room.ask("POST", room.asked.id, BOB, b"{}", (b"content-type", b"text/plain"))).status_code == 415
        assert (await room.ask("DELETE", room.asked.id)).status_code == 405
        assert (await room.ask("POST", "")).status_code == 405

    within(tmp_path, scenario)


def test_a_stranger_is_told_the_same_as_about_what_is_not_there(tmp_path: Path) -> None:
    async def scenario(room: Room) -> None:
        said = {"decision": "approved", "digest": room.asked.digest}
        for method in ("GET", "POST"):
            strange = await room.ask(method, room.asked.id, EVE, said)
            missing = await room.ask(method, ID, EVE, said)
            assert (strange.status_code, bytes(strange.body)) == (missing.status_code, bytes(missing.body))
            assert strange.status_code == 404
        own = await room.ask("POST", room.asked.id, ANN, said)
        assert (own.status_code, "own request" in body(own)["error"]) == (403, True)

    within(tmp_path, scenario)
