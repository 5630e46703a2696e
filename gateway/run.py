"""A run is the fold of its events. Pure: no clock, no I/O.

`gateway.transitions` says what may follow what. `apply()` makes the next state; `gateway.steps`
says as a value what happens next. Nothing else decides the course of a run, so any process can take one up after any
crash.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any

from gateway.budget import Limits, Spend
from gateway.call import Answered, InDoubt, JsonObject, Outcome, Subject, outcome_from_json, says
from gateway.conversation import (
    STOPPED,
    Carried,
    Compacted,
    Compaction,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.events import (
    Admitted,
    Budgeted,
    Cancelled,
    Decided,
    Denied,
    Doubted,
    Event,
    Failed,
    Held,
    LimitsRaised,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Paused,
    Queued,
    Recorded,
    Resolved,
    Resumed,
    Returned,
    Started,
    Succeeded,
    Waited,
)
from gateway.results import decided_text, denied_text, resolved_text, tool_result
from gateway.state import Answer, CallState, Run
from gateway.transitions import ENDED, FROM_OUTSIDE, TRANSITIONS, Status, after
from gateway.values import changed
from gateway.weight import weight

__all__ = ["ENDED", "TRANSITIONS", "Answer", "CallState", "Run", "Status", "after", "apply", "fold"]
__all__ += ["SMALLEST"]

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
    return changed(
        new,
        status=status,
        seq=recorded.seq,
        created=run.created or recorded.at,
        updated=recorded.at,
        active=run.active if type(event) in FROM_OUTSIDE else recorded.at,
        turn_began=run.turn_began if new.turn == run.turn else recorded.at,
        spend=new.spend + Spend(millis=_worked(run, recorded)),
    )


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
    )
    return _said(queued, _from_user(event.input)) if event.driver == "loop" else queued


def _carried(run: Run, event: Carried) -> Run:
    return changed(
        run,
        messages=tuple(event.messages),
        size=event.size,
        compaction=Compaction(**event.compaction),
        pinned=tuple(event.pinned),
        answers=tuple(Answer(**answer) for answer in event.answers),
        whole=event.whole,
        input=f"{event.said}\n{run.input}" if event.said else run.input,
        tainted=run.tainted or event.tainted,
        servers=None if run.servers is None or event.servers is None else run.servers | frozenset(event.servers),
    )


def _model_asked(run: Run, event: ModelAsked) -> Run:
    asked = Spend.from_json(event.reserved)
    return changed(run, turn=event.turn, asked=asked, asked_of={}, asked_model=event.model, asked_for=event.purpose)


def _said(run: Run, message: Mapping[str, Any]) -> Run:
    return changed(run, messages=(*run.messages, message), size=run.size + weight(message))


def _model_answered(run: Run, event: ModelAnswered) -> Run:
    if event.purpose == "summary":
        return _drafted(run, event)
    wishes = [part for part in event.message["parts"] if part["kind"] == "tool_call"]
    states = [
        CallState(call["key"], wish["id"], call["path"], call.get("arguments", wish["arguments"]))
        for call, wish in zip(event.calls, wishes, strict=False)  # a reply that was cut has wishes and no calls
    ]
    return changed(
        _said(run, event.message),
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


def _change(run: Run, key: str, **changes: Any) -> Run:
    """One call's new state; when all are done, their results join the conversation, in order, side by side.

    A client's run keeps no calls: nothing in it is driven by us.
    """
    if key not in run.calls:
        return run
    calls = {**run.calls, key: changed(run.calls[key], **changes)}
    if any(call.status != "done" for call in calls.values()):
        return changed(run, calls=calls)
    parts = [tool_result(call.id, call.outcome, call.text) for call in calls.values()]
    heard = changed(_said(run, {"role": "tool", "parts": parts}), calls={}, unsaid=())
    return reduce(_said, map(_from_user, run.unsaid), heard)


def _denied(run: Run, event: Denied) -> Run:
    new = _change(run, event.key, status="done", text=denied_text(event))
    if event.gate == "approved" and run.driver == "loop":
        again = f"{event.path} {event.arguments}"
        new = changed(new, refused={**run.refused, again: run.refused.get(again, 0) + 1})
    return changed(new, denials=run.denials + (event.gate != "reachable"))  # that one is nobody's no


def _held(run: Run, event: Held) -> Run:
    return _change(run, event.key, status="held", approval_id=event.approval_id)


def _decided(run: Run, event: Decided) -> Run:
    """An answer reaches only a call that still waits for just this one: one that went on is not made again."""
    call = run.calls.get(event.key)
    if call is None or (call.status, call.approval_id) != ("held", event.approval_id):
        return run
    if event.decision == "approved":
        return _change(run, event.key, status="approved")
    return _change(run, event.key, status="done", text=decided_text(event))


def _admitted(run: Run, event: Admitted) -> Run:
    sent = {**run.sent, event.key: event.path.partition("/")[0]} if run.driver == "client" else run.sent
    return _change(
        changed(run, sent=sent),
        event.key,
        status="admitted",
        attempt=event.attempt,
        pin=event.pin,
        approval_id=event.approval_id,
        reserved=Spend.from_json(event.reserved),
        accounts={},
    )


def _budgeted(run: Run, event: Budgeted) -> Run:
    told = {f"{left['budget']}/{left['unit']}": left for left in event.left}
    low = {name: left for name, left in {**run.low, **told}.items() if left["low"]}
    if event.key in run.calls:
        return _change(changed(run, low=low), event.key, accounts=event.accounts)
    return changed(run, low=low, asked_of=event.accounts if run.asked is not None else {})


def _returned(run: Run, event: Returned) -> Run:
    outcome = outcome_from_json(event.outcome)
    status = "in_doubt" if isinstance(outcome, InDoubt) else "done"
    new = _change(run, event.key, status=status, outcome=outcome, reserved=Spend())
    new = changed(
        new,
        spend=new.spend + Spend.from_json(event.spent),
        servers=_heard(run, event.key, outcome),
        sent=_without(run.sent, event.key),
    )
    return _tainted(new, run.calls.get(event.key), event) if event.tainting else new


def _tainted(run: Run, call: CallState | None, event: Returned) -> Run:
    if run.driver == "client":
        return changed(run, tainted=True)
    answer = Answer(event.key, call.path if call else "", event.outcome)
    return changed(run, tainted=True, answers=(*run.answers, answer))


def _heard(run: Run, key: str, outcome: Outcome) -> frozenset[str] | None:
    """The servers that have said something, with the one that says this."""
    server = run.calls[key].path.partition("/")[0] if key in run.calls else run.sent.get(key)
    if run.servers is None or server is None or not says(outcome):
        return run.servers
    return run.servers | {server}


def _without(sent: Mapping[str, str], key: str) -> Mapping[str, str]:
    return {other: server for other, server in sent.items() if other != key} if key in sent else sent


def _doubted(run: Run, event: Doubted) -> Run:
    new = _change(run, event.key, status="doubted", text=event.why, reserved=Spend())
    new = changed(new, sent=_without(run.sent, event.key))
    return changed(new, spend=new.spend + Spend.from_json(event.spent))


def _resolved(run: Run, event: Resolved) -> Run:
    """Like an answer: a call that is not in doubt, perhaps under way just now, is not touched."""
    if event.key not in run.calls or run.calls[event.key].status != "doubted":
        return run
    if event.resolution == "did_not_happen":
        return _change(run, event.key, status="approved", outcome=None, text="")
    return _change(run, event.key, status="done", outcome=None, text=resolved_text(event))


def _paused(run: Run, event: Paused) -> Run:
    cause = "person" if run.paused == "person" else event.cause
    return changed(run, cause=event.why, budget_spent=event.unit, budget=event.budget, paused=cause)


def _limits_raised(run: Run, event: LimitsRaised) -> Run:
    return changed(run, limits=run.limits.replaced(Limits(**event.limits)))


def _from_user(text: str) -> JsonObject:
    return {"role": "user", "parts": [{"kind": "text", "text": text}]}


def _user_spoke(run: Run, event: UserSpoke) -> Run:
    """He goes on: what went wrong before is behind him. His words stand behind the results of calls, never between."""
    heard = changed(run, input=f"{run.input}\n{event.text}", failures=(), refused={}, finish="")
    if run.calls:
        return changed(heard, unsaid=(*run.unsaid, event.text))
    return _said(heard, _from_user(event.text))


def _interrupted(run: Run, _event: Interrupted) -> Run:
    """What was sent is not undone; what was not, is not sent any more."""
    for call in tuple(run.calls.values()):
        if call.status in ("proposed", "held", "approved"):
            run = _change(run, call.key, status="done", text=STOPPED)
    return changed(run, cause="user")


def _searched(run: Run, event: Searched) -> Run:
    outcome = Answered({"content": list(event.content), "isError": event.is_error})
    return _change(run, event.key, status="done", outcome=outcome)


def _compacted(run: Run, event: Compacted) -> Run:
    compaction = Compaction(event.results, event.messages, event.summary, event.cut, event.longest)
    return changed(run, compaction=compaction, size=event.size, draft="", draft_failed=False)


_APPLY: Mapping[type[Event], Callable[[Run, Any], Run]] = {
    Queued: _queued,
    Carried: _carried,
    ModelAsked: _model_asked,
    ModelAnswered: _model_answered,
    ModelFailed: _model_failed,
    Denied: _denied,
    Held: _held,
    Decided: _decided,
    Admitted: _admitted,
    Budgeted: _budgeted,
    Returned: _returned,
    Doubted: _doubted,
    Resolved: _resolved,
    LimitsRaised: _limits_raised,
    Waited: lambda run, event: changed(run, cause=event.why or event.cause),
    Paused: _paused,
    Resumed: lambda run, _: changed(run, cause="", budget_spent=None, budget=None, paused=None),
    Succeeded: lambda run, event: changed(run, output=event.output),
    Failed: lambda run, event: changed(run, cause=f"{event.kind}: {event.why}"),
    Cancelled: lambda run, event: changed(run, cause=event.why),
    UserSpoke: _user_spoke,
    Interrupted: _interrupted,
    Pinned: lambda run, event: changed(run, pinned=(*run.pinned, event.text)),
    ModelChosen: lambda run, event: changed(run, model=event.model, overfull=None),
    Searched: _searched,
    Compacted: _compacted,
}
