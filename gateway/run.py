"""A run is the fold of its events. Pure: no clock, no I/O.

`gateway.transitions` says what may follow what. `apply()` makes the next state; `gateway.steps`
says as a value what happens next. Nothing else decides the course of a run, so any process can take one up after any
crash.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.conversation import (
    AnswerRejected,
    Carried,
    Compacted,
    Compaction,
    ModelChosen,
    Pinned,
    UserSpoke,
)
from gateway.events import (
    Cancelled,
    Event,
    Failed,
    Imported,
    LimitsRaised,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Paused,
    Queued,
    Recorded,
    Resumed,
    Started,
    Succeeded,
    Waited,
)
from gateway.fates import FATES, from_user, said
from gateway.results import rejected_text
from gateway.state import Answer, CallState, Run
from gateway.transitions import ENDED, FROM_OUTSIDE, TRANSITIONS, Status, after
from gateway.values import changed

__all__ = ["ENDED", "TRANSITIONS", "Answer", "CallState", "Run", "Status", "after", "apply", "fold"]
__all__ += ["SMALLEST", "retimed"]

SMALLEST = 4_000  # bytes of a conversation of which less can be told


def fold(run_id: str, events: Iterable[Recorded], start: Run | None = None) -> Run:
    """The run after these events. Raises IllegalEvent."""
    run = start or Run(run_id)
    for recorded in events:
        run = apply(run, recorded)
    return run


def apply(run: Run, recorded: Recorded) -> Run:
    """The run after one more event. Raises IllegalEvent, and then nothing has changed."""
    event = recorded.event
    status = after(None if run.seq == 0 else run.status, event)
    new = _APPLY[type(event)](run, event) if type(event) in _APPLY else run
    worked = _worked(run, recorded)
    if type(event) is ModelFailed and event.delay:
        new = changed(new, asked_again=recorded.at + round(event.delay * 1000))
    return changed(
        new,
        status=status,
        seq=recorded.seq,
        created=run.created or recorded.at,
        updated=recorded.at,
        active=run.active if type(event) in FROM_OUTSIDE else recorded.at,
        turn_began=run.turn_began if new.turn == run.turn else recorded.at,
        spend=new.spend + Spend(millis=worked) if worked else new.spend,
    )


def retimed(run: Run, before: Run, last: Recorded) -> Run:
    """`run` is what `before` became by facts up to the `last`, whose moments had only been foreseen: the same with the
    moment at which all of them came. Of facts that no turn begins with, by whoever drives the run.
    """
    millis = before.spend.millis + _worked(before, last)
    spend = run.spend if run.spend.millis == millis else run.spend + Spend(millis=millis - run.spend.millis)
    return changed(run, updated=last.at, active=last.at, spend=spend)


def _worked(run: Run, recorded: Recorded) -> int:
    """Milliseconds at work since the last event: not while it waits, nor between a crash and the take-over."""
    idle = run.status != "running" or isinstance(recorded.event, Started) or run.driver == "client"
    return 0 if idle or type(recorded.event) in FROM_OUTSIDE else max(0, recorded.at - run.active)


def _queued(run: Run, event: Queued) -> Run:
    subject = Subject(event.user, event.tenant, event.agent)
    queued = changed(
        run,
        driver=event.driver,
        subject=subject,
        model=event.model,
        input=event.input,
        limits=Limits(**event.limits),
        tainted=event.tainted,
        servers=None if event.servers is None else frozenset(event.servers),
        conversation=event.conversation,
        session=event.session,
        output_schema=event.output_schema,
    )
    return said(queued, from_user(event.input)) if event.driver == "loop" else queued


def _carried(run: Run, event: Carried) -> Run:
    return changed(
        run,
        messages=tuple(event.messages),
        size=event.size,
        compaction=Compaction(**event.compaction),
        pinned=tuple(event.pinned),
        answers=tuple(Answer(**answer) for answer in event.answers),
        whole=event.whole,
        version=event.source.get("version"),
        input=f"{event.said}\n{run.input}" if event.said else run.input,
        tainted=run.tainted or event.tainted,
        servers=None if run.servers is None or event.servers is None else run.servers | frozenset(event.servers),
    )


def _imported(run: Run, _event: Imported) -> Run:
    """A file may have been edited on its way: nothing in it is known to have been said by the user, or by nobody."""
    calls, asides = ({key: changed(call, accounts={}) for key, call in of.items()} for of in (run.calls, run.asides))
    brought = changed(run, calls=calls, asides=asides, asked_of={})  # other accounts have it reserved where it was
    return changed(brought, tainted=True, servers=None, whole=False, input="")


def _model_asked(run: Run, event: ModelAsked) -> Run:
    asked = Spend.from_json(event.reserved)
    return changed(run, turn=event.turn, asked=asked, asked_of={}, asked_model=event.model, asked_for=event.purpose)


def _model_answered(run: Run, event: ModelAnswered) -> Run:
    if event.purpose == "summary":
        return _drafted(run, event)
    wishes = [part for part in event.message["parts"] if part["kind"] == "tool_call"]
    states = [
        CallState(call["key"], wish["id"], call["path"], call.get("arguments", wish["arguments"]))
        for call, wish in zip(event.calls, wishes, strict=False)  # a reply that was cut has wishes and no calls
    ]
    return changed(
        said(run, event.message),
        asked=None,
        failures=(),
        finish=event.finish,
        calls={state.key: state for state in states},
        spend=run.spend + Spend.from_json(event.spent),
    )


def _drafted(run: Run, event: ModelAnswered) -> Run:
    """A summary is no part of the conversation, before it takes the place of one (`Compacted`)."""
    text = "".join(part["text"] for part in event.message["parts"] if part["kind"] == "text").strip()
    spend = run.spend + Spend.from_json(event.spent)
    return changed(run, asked=None, draft=text, draft_failed=not text, spend=spend)


def _model_failed(run: Run, event: ModelFailed) -> Run:
    spend = run.spend + Spend.from_json(event.spent)
    if event.purpose == "summary":  # a worker that died is no reason not to ask again
        return changed(run, asked=None, draft_failed=event.kind != "lost", spend=spend)
    too_large = event.kind == "too_large" and not event.then and run.size >= SMALLEST
    overfull = min(run.size, run.overfull or run.size) if too_large else run.overfull
    return changed(run, asked=None, failures=(*run.failures, event), spend=spend, overfull=overfull)


def _paused(run: Run, event: Paused) -> Run:
    cause = "person" if run.paused == "person" else event.cause
    return changed(run, cause=event.why, budget_spent=event.unit, budget=event.budget, paused=cause)


def _limits_raised(run: Run, event: LimitsRaised) -> Run:
    return changed(run, limits=run.limits.replaced(Limits(**event.limits)))


def _user_spoke(run: Run, event: UserSpoke) -> Run:
    """He goes on: what went wrong before is behind him. His words stand behind the results of calls, never between."""
    heard = changed(run, input=f"{run.input}\n{event.text}", failures=(), refused={}, finish="", rejected=0)
    if run.calls:
        return changed(heard, unsaid=(*run.unsaid, event.text))
    return said(heard, from_user(event.text))


def _answer_rejected(run: Run, event: AnswerRejected) -> Run:
    """It is told as the user would; but these are not the user's words, and no policy takes them for his."""
    told = said(run, from_user(rejected_text(event)))
    return changed(told, rejected=run.rejected + 1)


def _compacted(run: Run, event: Compacted) -> Run:
    compaction = Compaction(event.results, event.messages, event.summary, event.cut, event.longest)
    return changed(run, compaction=compaction, size=event.size, draft="", draft_failed=False)


_APPLY: Mapping[type[Event], Callable[[Run, Any], Run]] = {
    **FATES,
    Queued: _queued,
    Carried: _carried,
    Imported: _imported,
    ModelAsked: _model_asked,
    ModelAnswered: _model_answered,
    ModelFailed: _model_failed,
    LimitsRaised: _limits_raised,
    Waited: lambda run, event: changed(run, cause=event.why or event.cause),
    Paused: _paused,
    Resumed: lambda run, _: changed(run, cause="", budget_spent=None, budget=None, paused=None),
    Succeeded: lambda run, event: changed(run, output=event.output),
    Failed: lambda run, event: changed(run, cause=f"{event.kind}: {event.why}"),
    Cancelled: lambda run, event: changed(run, cause=event.why, moved=event.moved),
    UserSpoke: _user_spoke,
    Pinned: lambda run, event: changed(run, pinned=(*run.pinned, event.text)),
    ModelChosen: lambda run, event: changed(run, model=event.model, overfull=None),
    Compacted: _compacted,
    AnswerRejected: _answer_rejected,
}
