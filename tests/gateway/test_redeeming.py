"""Calls that people agreed to, made for their tasks: `tests/flows/test_tasks.py` has them killed and raced."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.call import Answered, Subject, outcome_from_json
from gateway.events import Admitted, Denied, Held, Returned, Succeeded
from gateway.profile import WHOLE
from gateway.redeeming import Redeeming
from gateway.standing import last_word, told
from gateway.task import run_of
from tests.fixtures.gateway_app import HEAD, App, Setup, opened, spec
from tests.fixtures.served import ECHO, hostile

ANN = Subject("user:ann", "acme")
POLICY = ("p, user:ann, *, */*, call, , allow, ann may", "p, *, *, */*, call, , ask, a person looks at it")
TAINTS = (
    "p, user:ann, *, */*, call, , allow, ann may",
    "p, *, *, echo/echo, call, , ask, a person looks at it",
    "p, *, *, echo/echo, call, run.tainted, deny, not after foreign words",
)


def within(
    folder: Path,
    scenario: Callable[[App, Redeeming], Awaitable[None]],
    echo: Mapping[str, Any] = ECHO,
    policy: Sequence[str] = POLICY,
) -> None:
    setup = Setup(folder, {"echo": spec("echo", echo)})
    setup.write_policy(*policy)

    async def work() -> None:
        async with opened(setup) as app:
            await scenario(app, Redeeming(app.clients))

    asyncio.run(work())


async def approved(app: App, tool: str, text: str = "x", *, reads_first: bool = False) -> Approval:
    """A client has asked, gone, and somebody has agreed. `reads_first` what a server says that nobody trusts."""
    async with app.clients.run(ANN, "a client") as run:
        if reads_first:
            assert isinstance(await run.call("echo__count", {}), Returned)
        held = await run.call(tool, {"text": text})
    assert isinstance(held, Held)
    return await app.store.decide(held.approval_id, "approved", "user:bob", "")


def test_asked_often_at_the_same_time_the_call_is_made_once_and_kept_whole(tmp_path: Path) -> None:
    async def scenario(app: App, redeeming: Redeeming) -> None:
        long = "x" * 100_000
        approval = await approved(app, "echo__echo", long)
        others = [redeeming, Redeeming(app.clients), Redeeming(app.clients)]
        await asyncio.gather(*(one.standing(approval, WHOLE) for one in others * 3))
        used, events = await redeeming.standing(approval, WHOLE)
        assert used.state == "consumed"
        facts = [recorded.event for recorded in events]
        assert sum(isinstance(fact, Admitted) for fact in facts) == 1
        (returned,) = (fact for fact in facts if isinstance(fact, Returned))
        assert facts[-1] == Succeeded("")
        outcome = outcome_from_json(returned.outcome)
        assert isinstance(outcome, Answered)
        assert long in json.dumps(outcome.result)
        for one in others:
            await one.close()

    within(tmp_path, scenario)


def test_a_server_that_is_away_leaves_the_approval_good_and_the_task_at_work(tmp_path: Path) -> None:
    kept: list[Approval] = []

    async def asked(app: App, _redeeming: Redeeming) -> None:
        kept.append(await approved(app, "echo__echo"))

    async def away(app: App, redeeming: Redeeming) -> None:
        now, events = await redeeming.standing(kept[0], WHOLE)
        assert now.state == "approved"
        assert last_word(events) is None
        assert isinstance(events[-1].event, Denied)
        assert told(now, events, now.created)["status"] == "working"
        _, again = await redeeming.standing(now, WHOLE)
        assert len(again) == len(events)  # it is not tried at every question

    within(tmp_path, asked)
    within(tmp_path, away, hostile("crash-on-start"))


def test_what_was_taken_back_is_not_made_even_if_nobody_would_be_asked_by_now(tmp_path: Path) -> None:
    async def scenario(app: App, redeeming: Redeeming) -> None:
        seen = await approved(app, "echo__echo")
        await app.store.withdraw(seen.id, "user:ann", "")
        Setup(tmp_path).write_policy(POLICY[0])
        _, events = await redeeming.standing(seen, WHOLE)  # what it saw is out of date
        word = last_word(events)
        assert isinstance(word, Denied)
        assert word.gate == "approved"
        assert not any(isinstance(recorded.event, Admitted) for recorded in events)

    within(tmp_path, scenario)


def test_the_end_of_the_gateway_waits_for_nothing_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(app: App, redeeming: Redeeming) -> None:
        approval = await approved(app, "echo__echo")
        await redeeming.close()
        assert await app.store.events(run_of(approval)) == []

    within(tmp_path, scenario)


def test_the_run_of_a_task_is_no_more_tainted_than_the_one_that_asked(tmp_path: Path) -> None:
    async def scenario(app: App, redeeming: Redeeming) -> None:
        approval = await approved(app, "echo__echo")
        await redeeming.standing(approval, WHOLE)
        events = await app.store.events(run_of(approval))
        queued = events[0].event
        assert (queued.user, queued.input, queued.tainted) == ("user:ann", "a client", False)  # type: ignore[union-attr]

    within(tmp_path, scenario)


def test_the_run_of_a_task_is_as_tainted_as_the_one_that_asked(tmp_path: Path) -> None:
    """So what a policy forbids after foreign words stays forbidden, also where the call has a run to itself."""
    untrusted = {**ECHO, "trusted": False}
    lenient = TAINTS[:2]

    async def scenario(app: App, redeeming: Redeeming) -> None:
        approval = await approved(app, "echo__echo", reads_first=True)
        (tmp_path / "policy.csv").write_text(HEAD + "".join(f"{line}\n" for line in TAINTS), encoding="utf-8")
        _, events = await redeeming.standing(approval, WHOLE)
        queued, denied = events[0].event, last_word(events)
        assert (queued.user, queued.tainted) == ("user:ann", True)  # type: ignore[union-attr]
        assert isinstance(denied, Denied)
        assert (denied.gate, denied.why) == ("permitted", "not after foreign words")
        assert not any(isinstance(recorded.event, Admitted) for recorded in events)

    within(tmp_path, scenario, untrusted, lenient)


@pytest.mark.parametrize("knows", [True, False])
def test_where_a_value_came_from_is_known_of_the_run_that_asked_or_nothing_is_denied(
    tmp_path: Path, knows: bool
) -> None:
    policy = (*POLICY, "p, *, *, echo/echo, call, from_untrusted(args.text), deny, foreign words")

    async def scenario(app: App, redeeming: Redeeming) -> None:
        async with app.clients.run(ANN, "a client") as run:
            held = await run.call("echo__echo", {"text": "own"})
            assert isinstance(held, Held)
            approval = await app.store.decide(held.approval_id, "approved", "user:bob", "")
            _, events = await redeeming.standing(approval, WHOLE, run.ear if knows else None)
            kinds = [type(recorded.event) for recorded in events]
            assert (Returned in kinds, Denied in kinds) == (knows, not knows)

    within(tmp_path, scenario, policy=policy)
