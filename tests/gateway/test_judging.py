"""What the gates are asked, with all that they may know."""

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import bounded, schema
from gateway.admission import FIRST, Attempt, Work
from gateway.budget import Limits, Spend
from gateway.call import Allow, Ask, Deny
from gateway.errors import StoreError
from gateway.events import Admitted, Cancelled
from gateway.judging import Judging
from gateway.parties import CallSettings
from gateway.tracing import Place, Tracing
from tests.builders import a_call
from tests.fixtures.parts import ANN, ANN_VIA_CLERK, BOB, Replies, Stage, arrivals, calls, opened, says, tally


def test_a_call_is_judged_and_nothing_is_made_or_recorded_of_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage:
            parts = (stage.upstream, stage.store, stage.policy, Tracing(stage.recorder), CallSettings(), stage.booking)
            judging = Judging(*parts)
            work = Work(Place("r-1", ANN, Limits(), Spend()))
            verdicts = []
            for path in ("desk/put", "desk/send"):
                call, facts, verdict = await judging.judged(a_call(path, subject=ANN), work, FIRST)
                assert (call.path, facts.policy) == (path, stage.policy.glance)
                verdicts.append(type(verdict))
            assert verdicts == [Allow, Ask]
            assert arrivals(tmp_path) == []
            assert await stage.files.events("r-1") == []

    asyncio.run(scenario())


def test_arguments_that_take_long_to_check_are_judged_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[bool] = []
    real = schema.fault

    def fault(*args: Any, **rest: Any) -> Any:
        where.append(threading.current_thread() is threading.main_thread())
        return real(*args, **rest)

    monkeypatch.setattr(bounded, "AT_ONCE", (0, 0, 0.0))
    monkeypatch.setattr(schema, "fault", fault)

    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage:
            parts = (stage.upstream, stage.store, stage.policy, Tracing(stage.recorder), CallSettings(), stage.booking)
            work, judging = Work(Place("r-1", ANN, Limits(), Spend())), Judging(*parts)
            monkeypatch.setattr(schema, "_glance", lambda *_: None)
            assert isinstance((await judging.judged(a_call("desk/put", subject=ANN), work, FIRST))[2], Allow)
            assert where == [True, False]
            assert isinstance((await judging.judged(a_call("desk/send", subject=ANN), work, FIRST))[2], Ask)
            monkeypatch.setattr(bounded, "AT_LENGTH", (0, 0, 0.0))
            _, _, verdict = await judging.judged(a_call("desk/put", subject=ANN), work, FIRST)
            assert verdict == Deny("valid", schema.UNFINISHED)

    asyncio.run(scenario())


MODEL = Replies(calls(("desk__send", {"to": "carol"})), says("Sent."))
REPEATABLE = CallSettings(safe_to_repeat=("desk/send",))


async def made_with_a_yes(stage: Stage) -> Admitted:
    """`run-1` has made a call that bob agreed to."""
    await stage.drive(await stage.queued(), MODEL)
    (asked,) = await stage.store.approvals()
    await stage.approving.decide(BOB, asked.id, "approved")
    await stage.drive("run-1", MODEL)
    (admitted,) = [event for event in await stage.events() if isinstance(event, Admitted)]
    assert admitted.approval_id == asked.id
    return admitted


def test_a_further_attempt_rides_on_the_answer_that_was_given_to_this_very_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path)) as stage:
            before = await made_with_a_yes(stage)
            judging = Judging(stage.upstream, stage.store, stage.policy, Tracing(stage.recorder), CallSettings())
            call = a_call("desk/send", before.arguments, key=before.key, run_id="run-1", subject=ANN_VIA_CLERK)
            work = Work(Place("run-1", ANN_VIA_CLERK, Limits(), Spend()), driven=True)
            attempt = Attempt(2, before.pin, before.approval_id)
            assert isinstance((await judging.judged(call, work, attempt))[2], Allow)
            unknown = (replace(attempt, approval_id=name) for name in ("A", str(before.approval_id)[:9], "A-none"))
            for trial, how in (
                (replace(call, run_id="run-2"), attempt),
                (replace(call, key="t9/call/1"), attempt),
                *((call, other) for other in unknown),
            ):
                assert isinstance((await judging.judged(trial, work, how))[2], Ask)

    asyncio.run(scenario())


async def packed(stage: Stage, run_id: str) -> Any:
    """What the run would be, exported under another id when its call had just been admitted."""
    pack = json.loads(json.dumps(await stage.files.pack("run-1")).replace("run-1", run_id))
    upto = next(n for n, each in enumerate(pack["events"], 1) if each["event"] == "admitted")
    return pack | {"events": pack["events"][:upto]}


def test_a_file_that_was_edited_makes_no_call_again_that_people_agreed_to_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with opened(tmp_path, tally(tmp_path), settings=REPEATABLE) as stage:
            await made_with_a_yes(stage)
            without = (await packed(stage, "run-2")) | {"approvals": []}
            with pytest.raises(StoreError, match="is missing from it"):
                await stage.files.unpack(without, "user:ann")
            silent = [each for each in without["events"] if each["event"] not in ("held", "decided")]
            numbered = [each | {"seq": number} for number, each in enumerate(silent, 1)]
            assert await stage.files.unpack(without | {"events": numbered}, "user:ann")
            assert (await stage.drive("run-2", MODEL)).status == "waiting"
            assert len(arrivals(tmp_path, "send")) == 1
            await stage.store.append("run-2", [Cancelled("user:ann", "")], lease=None)

    asyncio.run(scenario())
