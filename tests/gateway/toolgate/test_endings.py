"""An error about a run says what stands in the way and how it goes on, and carries the run."""

import asyncio
from dataclasses import replace

import pytest

from gateway.later import Slept
from gateway.run import Run
from gateway.toolgate import Result, RunCancelled, RunFailed, RunPaused, RunStopped, RunWaiting
from gateway.toolgate.endings import result_of, stopped
from tests.builders import QUEUED, STARTED, an_approval, doubted, folded, held, made, said, wanted

WAITS = replace(folded(QUEUED, STARTED, *wanted(1, "shop/refund"), held(1)), status="waiting")
DOUBTS = replace(
    folded(QUEUED, STARTED, *wanted(1, "shop/refund"), made(1)[0], doubted(1)), status="waiting"
)  # fmt: skip
SLEEPS = replace(
    folded(QUEUED, STARTED, *wanted(1, "wait_for"), Slept("t1/call/1", 1_700_000_000_000)), status="waiting"
)  # fmt: skip
HEARKENS = replace(
    folded(QUEUED, STARTED, *wanted(1, "wait_for"), Slept("t1/call/1", 1_700_000_000_000, "paid")), status="waiting"
)  # fmt: skip
ON = 'go on with `await gate.resume("r-1")`'


async def never() -> Result:
    raise AssertionError


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (replace(WAITS, status="failed", cause="auth: no"), RunFailed, "run `r-1` has failed: auth: no"),
        (replace(WAITS, status="cancelled"), RunCancelled, "run `r-1` was cancelled"),
        (replace(WAITS, status="paused", cause="it is spent"), RunPaused, f"run `r-1` is paused: it is spent; {ON}"),
        (WAITS, RunWaiting, f"run `r-1` waits: people must answer `A-1` about `shop/refund`; then {ON}"),
        (DOUBTS, RunWaiting, f"run `r-1` waits: somebody must say what became of `t1/call/1`; then {ON}"),
        (SLEEPS, RunWaiting, f"run `r-1` waits: until 2023-11-14T22:13:20+00:00; then {ON}"),
        (
            HEARKENS,
            RunWaiting,
            f"run `r-1` waits: for news (`paid`), until 2023-11-14T22:13:20+00:00 at most; then {ON}",
        ),
        (
            replace(WAITS, status="queued", session="trip"),
            RunWaiting,
            f"run `r-1` waits: run `r-0` of the session `trip` comes first; then {ON}",
        ),
    ],
)
def test_what_is_said_of_a_run_that_did_not_come_to_its_end(run: Run, kind: type[RunStopped], text: str) -> None:
    asked = [an_approval()] if run is WAITS else []
    error = stopped(run, never, asked, "r-0" if run.session else None)
    assert (type(error), str(error), error.run, error.run_id) == (kind, text, run, "r-1")
    if isinstance(error, RunWaiting):
        assert [approval.id for approval in error.approvals] == ["A-1"] * len(asked)


def test_it_goes_on_by_the_gate_that_it_came_from() -> None:
    done = result_of(replace(folded(QUEUED, STARTED, *said(1, "Noon.")), status="succeeded", output="Noon."))

    async def resume() -> Result:
        return done

    assert asyncio.run(stopped(WAITS, resume, [], None).resume()) is done
    assert (done.run_id, done.output, done.model) == ("r-1", "Noon.", "scripted:demo")
    assert "messages" not in repr(done)


def test_what_must_be_data_and_is_none_is_no_value() -> None:
    """In a run that was taken in from a file."""
    ended = replace(folded(QUEUED, STARTED, *said(1, "Noon.")), status="succeeded", output="Noon.", output_schema={})
    assert result_of(ended).value is None
    assert result_of(replace(ended, output="[12]")).value == [12]
