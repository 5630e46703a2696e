"""What happens next in a run, as a value. Pure: a ladder of rungs; the first that has an answer gives it.

`loop.drive()` takes the steps. A call that was admitted and has no answer when a step is asked for is an orphan of a
crash, or of a time-out: steps are only asked for when nothing is in flight.
"""

from collections.abc import Callable
from dataclasses import replace

from gateway.call import JsonObject
from gateway.lifecycle import WaitCause
from gateway.output import data_in, misfit
from gateway.run import CallState, Run
from gateway.values import value

__all__ = [
    "MAX_MODEL_FAILURES",
    "MAX_REFUSALS",
    "MAX_REJECTED",
    "AskModel",
    "Fail",
    "Finish",
    "ForgetReply",
    "MakeCalls",
    "Pause",
    "Reconcile",
]
__all__ += [
    "Reject",
    "Rest",
    "Step",
    "Wait",
    "Wake",
    "broken",
    "may_go_on",
    "next_step",
    "tells_less",
    "users_turn",
    "why_it_goes_on",
]

MAX_MODEL_FAILURES = 3
MAX_REFUSALS = 3  # of one call, after people have said no to it
MAX_REJECTED = 1  # answers that do not fit their schema: the model is told so often


@value(frozen=True, slots=True)
class Reconcile:
    """Find out what became of calls that were sent and have no answer."""

    calls: tuple[CallState, ...]


@value(frozen=True, slots=True)
class ForgetReply:
    """A model call whose answer was lost with its worker: it changed nothing, so it is asked again."""

    turn: int


@value(frozen=True, slots=True)
class MakeCalls:
    """Make these calls, all at once."""

    calls: tuple[CallState, ...]


@value(frozen=True, slots=True)
class Wake:
    """The moment has come for which these calls waited."""

    calls: tuple[CallState, ...]


@value(frozen=True, slots=True)
class AskModel:
    turn: int
    attempt: int = 1


@value(frozen=True, slots=True)
class Wait:
    """Nothing more can be done until people answer; in a conversation, until the user goes on (`user`); or until the
    moment for which the model waits (`timer`), or news from outside (`event`). `until` is the moment, in milliseconds
    since 1970, at which something can be done in any case.
    """

    cause: WaitCause
    why: str = ""
    until: int | None = None


@value(frozen=True, slots=True)
class Pause:
    """A budget that no reservation can see: time."""

    unit: str
    why: str


@value(frozen=True, slots=True)
class Reject:
    """The answer is not what the run must end in: the model is told `where` and `why`, and asked once more."""

    where: str
    why: str


@value(frozen=True, slots=True)
class Finish:
    output: str


@value(frozen=True, slots=True)
class Fail:
    kind: str
    why: str


@value(frozen=True, slots=True)
class Rest:
    """The run is not running: there is nothing to drive."""


Step = Reconcile | ForgetReply | MakeCalls | Wake | AskModel | Wait | Pause | Reject | Finish | Fail | Rest


def next_step(run: Run, now: int) -> Step:
    """The next step at `now` (milliseconds since 1970)."""
    for rung in _LADDER:
        step = rung(run, now)
        if step is not None:
            return step
    return AskModel(run.turn if run.failures else run.turn + 1, len(run.failures) + 1)


def users_turn(run: Run) -> bool:
    """Whether a conversation waits for nothing but what its user says next."""
    open_calls = any(call.status in ("held", "doubted", "asleep") for call in run.calls.values())
    return run.conversation and run.status == "waiting" and not open_calls


def may_go_on(run: Run, now: int) -> bool:
    """Whether a run that waits has what it waited for."""
    return run.status == "waiting" and not isinstance(next_step(replace(run, status="running"), now), Wait)


def why_it_goes_on(run: Run, now: int) -> str:
    """Of a run that waited, at `now`."""
    if users_turn(run):
        return "the user goes on"
    woken = any(call.status == "asleep" and call.until <= now for call in run.calls.values())
    return "its time has come" if woken else "news came" if run.cause == "event" else "people answered"


def _resting(run: Run, _now: int) -> Step | None:
    return None if run.status == "running" and run.driver == "loop" else Rest()


def _reconciling(run: Run, _now: int) -> Step | None:
    return _of_calls(run, Reconcile, "admitted", "in_doubt")


def _forgetting(run: Run, _now: int) -> Step | None:
    return ForgetReply(run.turn) if run.asked is not None else None


def _out_of_time(run: Run, now: int) -> Step | None:
    limit = run.limits.millis
    if limit is None or (worked := run.worked(now)) < limit or _answered(run):
        return None
    return Pause("millis", f"the run may work for {limit / 1000:g} s and has worked for {worked / 1000:.1f} s")


def _insisting(run: Run, _now: int) -> Step | None:
    """A model that was told not to retry, and does."""
    worst = next((call for call, times in run.refused.items() if times >= MAX_REFUSALS), None) if run.refused else None
    if worst is None:
        return None
    why = f"the model made a call {MAX_REFUSALS} times again that people had refused: `{worst.partition(' ')[0]}`"
    return broken(run, "insistence", why)


def _calling(run: Run, _now: int) -> Step | None:
    return _of_calls(run, MakeCalls, "proposed", "approved", "again")


def _waking(run: Run, now: int) -> Step | None:
    if not run.calls:
        return None
    calls = tuple(call for call in run.calls.values() if call.status == "asleep" and call.until <= now)
    return Wake(calls) if calls else None


def _waiting(run: Run, _now: int) -> Step | None:
    if not run.calls:
        return None
    statuses = {call.status for call in run.calls.values()}
    if "doubted" in statuses or "held" in statuses:
        return Wait("doubt" if "doubted" in statuses else "approval", until=run.wakes)
    news = [bool(call.news) for call in run.calls.values() if call.status == "asleep"]
    return Wait("event" if any(news) else "timer", until=run.wakes) if news else None


def _failing(run: Run, _now: int) -> Step | None:
    counted = [failure for failure in run.failures if failure.kind != "lost" and not failure.then]
    if not counted:  # a worker that died is not the model; and what goes on by itself was only interrupted
        return None
    last = counted[-1]
    if (last.retryable and len(counted) < MAX_MODEL_FAILURES) or tells_less(run):
        return None
    return broken(run, last.kind, last.why)


def tells_less(run: Run) -> bool:
    """Whether a model that has refused a question as too large is asked once more, with less in it."""
    kinds = [failure.kind for failure in run.failures if not failure.then]
    return run.overfull is not None and kinds[-1:] == ["too_large"] and kinds.count("too_large") == 1


def _finishing(run: Run, _now: int) -> Step | None:
    if not _answered(run):
        return None
    if run.finish != "stop":
        return broken(run, run.finish, f"the model stopped with `{run.finish}`")
    if run.output_schema is not None:
        return _ending_in_data(run, run.output_schema)
    return Wait("user") if run.conversation else Finish(_text(run))


def _ending_in_data(run: Run, schema: JsonObject) -> Step:
    data = data_in(_text(run))
    found = misfit(schema, data)
    if found is None:
        return Wait("user") if run.conversation else Finish(data)
    if run.rejected < MAX_REJECTED:
        return Reject(found.where, found.why)
    return broken(run, "output", f"the answer does not fit the schema that it must fit: {found}")


def broken(run: Run, kind: str, why: str) -> Step:
    """The run fails; but who is there to talk to may know better."""
    return Wait("user", f"{kind}: {why}") if run.conversation else Fail(kind, why)


def _answered(run: Run) -> bool:
    """Whether the model's last word was an answer and not a call."""
    return not run.calls and bool(run.messages) and run.messages[-1]["role"] == "assistant"


def _text(run: Run) -> str:
    return "".join(part["text"] for part in run.messages[-1]["parts"] if part["kind"] == "text")


def _of_calls(run: Run, step: type[Reconcile] | type[MakeCalls], *statuses: str) -> Step | None:
    if not run.calls:
        return None
    calls = tuple([call for call in run.calls.values() if call.status in statuses])
    return step(calls) if calls else None


_LADDER: tuple[Callable[[Run, int], Step | None], ...] = (
    _resting,
    _reconciling,
    _forgetting,
    _insisting,
    _out_of_time,
    _calling,
    _waking,
    _waiting,
    _failing,
    _finishing,
)
