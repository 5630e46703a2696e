"""Somebody sees what he may decide and what he asked, and of all else there is no word."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.answer import Answer
from gateway.approval import Approval
from gateway.approving import Approving, Choices
from gateway.call import Subject
from gateway.serve.people.docket import Docket, Refused, Shown
from tests.fixtures.gateway_app import opened
from tests.fixtures.waiting_call import ANN, BOB, ESCALATES, EVE, REMEMBERS, a_question, setup


def within(tmp_path: Path, scenario: Callable[[Docket, Approval], Awaitable[None]], *more: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), opened(setup(tmp_path, *more)) as app:
            docket = Docket(Approving(app.store, app.clients.policy, lambda: app.upstreams.catalogue))
            await scenario(docket, await a_question(app))

    asyncio.run(work())


def test_it_is_seen_by_who_asked_and_by_who_may_decide_and_by_nobody_else(tmp_path: Path) -> None:
    async def scenario(docket: Docket, asked: Approval) -> None:
        assert [(one.approval.id, one.may) for one in await docket.open(ANN)] == [(asked.id, False)]
        assert [(one.approval.id, one.may) for one in await docket.open(BOB)] == [(asked.id, True)]
        for other in (EVE, Subject("user:bob", "globex"), Subject("user:ann", "globex")):
            assert await docket.open(other) == []
            assert await docket.one(other, asked.id) is None
        assert await docket.one(BOB, asked.id[:12]) is None
        assert await docket.one(BOB, "A-" + "0" * 32) is None

    within(tmp_path, scenario)


def test_who_looks_at_one_is_told_what_else_he_may_say(tmp_path: Path) -> None:
    async def scenario(docket: Docket, asked: Approval) -> None:
        shown, asker = await docket.one(BOB, asked.id), await docket.one(ANN, asked.id)
        assert shown
        assert asker
        assert (shown.choices, asker.choices) == (Choices(True, "role:boss"), Choices())

    within(tmp_path, scenario, ESCALATES, REMEMBERS)

    async def plain(docket: Docket, asked: Approval) -> None:
        shown = await docket.one(BOB, asked.id)
        assert shown
        assert shown.choices == Choices()

    (tmp_path / "plain").mkdir()
    within(tmp_path / "plain", plain)


def test_a_draft_is_judged_like_an_answer_and_counts_for_nothing(tmp_path: Path) -> None:
    async def scenario(docket: Docket, asked: Approval) -> None:
        drafts = [
            await docket.draft(who, asked.id, Answer("approved", seen=seen, edit=edit))
            for who, seen, edit in (
                (BOB, asked.digest, {"word": "b"}),
                (BOB, "0" * 64, {"word": "b"}),
                (BOB, asked.digest, {"word": 1}),
                (BOB, asked.digest, {"word": "no"}),
                (ANN, asked.digest, {"word": "b"}),
                (EVE, asked.digest, {"word": "b"}),
            )
        ]
        assert isinstance(drafts[0], Shown)
        assert drafts[0].approval.arguments == '{"word":"b"}'
        assert [one.status for one in drafts[1:] if isinstance(one, Refused)] == [409, 422, 422, 403, 404]
        assert await docket.approving.store.approval(asked.id) == asked

    within(tmp_path, scenario, "p, *, *, tally/*, call, args.word == 'no', deny, not this word")


@pytest.mark.parametrize(("who", "status"), [(ANN, 403), (EVE, 404), (Subject("user:bob", "globex"), 404)])
def test_who_may_not_decide_is_refused(tmp_path: Path, who: Subject, status: int) -> None:
    async def scenario(docket: Docket, asked: Approval) -> None:
        refused = await docket.take(who, asked.id, Answer("approved", seen=asked.digest))
        assert isinstance(refused, Refused)
        assert refused.status == status
        assert "/" not in (refused.rule or "")

    within(tmp_path, scenario)


def test_only_the_call_that_was_shown_is_answered_and_only_once(tmp_path: Path) -> None:
    async def scenario(docket: Docket, asked: Approval) -> None:
        stale = await docket.take(BOB, asked.id, Answer("approved", seen="0" * 64))
        missing = await docket.take(BOB, asked.id, Answer("approved"))
        taken = await docket.take(BOB, asked.id, Answer("approved", "fine", "a key", seen=asked.digest))
        again = await docket.take(BOB, asked.id, Answer("denied", seen=asked.digest))
        assert isinstance(taken, Approval)
        assert (taken.state, taken.decided_by, taken.decisions[0].method) == ("approved", "user:bob", "a key")
        assert [one.status for one in (stale, missing, again) if isinstance(one, Refused)] == [409, 409, 409]

    within(tmp_path, scenario)
