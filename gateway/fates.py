"""What becomes of the calls of a run, as its events tell. Pure.

When all calls of a turn are done, their results join the conversation. What is called beside them, to find out what
became of one, is an *aside*: it is no part of the conversation.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from gateway.budget import Spend
from gateway.call import Answered, InDoubt, JsonObject, Outcome, outcome_from_json, outcome_to_json, says
from gateway.conversation import STOPPED, Interrupted, Searched
from gateway.events import (
    Admitted,
    Budgeted,
    Decided,
    Denied,
    Doubted,
    Event,
    Held,
    Resolved,
    Returned,
)
from gateway.later import Deferred, Notified, Slept, Woke
from gateway.results import decided_text, denied_text, news_outcome, resolved_text, tool_result, woken
from gateway.state import NOTHING, Answer, CallState, Run
from gateway.transitions import ENDED
from gateway.values import changed
from gateway.weight import weight

_UNSURE = ("admitted", "in_doubt", "doubted")

__all__ = ["FATES", "from_user", "inquiry_key", "said"]

_UNSURE = ("admitted", "in_doubt", "doubted")  # where a call stands that was sent, and may have happened


def said(run: Run, message: Mapping[str, Any]) -> Run:
    return changed(run, messages=(*run.messages, message), size=run.size + weight(message))


def from_user(text: str) -> JsonObject:
    return {"role": "user", "parts": [{"kind": "text", "text": text}]}


def _change(run: Run, key: str, **changes: Any) -> Run:
    """One call's new state; when all are done, their results join the conversation, in order, side by side.

    A client's run keeps no calls: nothing in it is driven by us.
    """
    if key in run.asides:
        return changed(run, asides={**run.asides, key: changed(run.asides[key], **changes)})
    if key not in run.calls:
        return run
    calls = {**run.calls, key: changed(run.calls[key], **changes)}
    if any(call.status != "done" for call in calls.values()):
        return changed(run, calls=calls)
    parts = [tool_result(call.id, call.outcome, call.text) for call in calls.values()]
    heard = changed(said(run, {"role": "tool", "parts": parts}), calls={}, asides={}, unsaid=())
    return reduce(said, map(from_user, run.unsaid), heard)


def _denied(run: Run, event: Denied) -> Run:
    if run.driver == "loop" and event.key not in run.calls:
        return run  # an aside: the model had no wish
    status = "again" if _is_deferred(run, event.key) else "done"
    new = _change(run, event.key, status=status, text=denied_text(event))
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
    if run.driver == "loop" and event.key not in run.calls:
        run = changed(run, asides={**run.asides, event.key: CallState(event.key, "", event.path, event.arguments)})
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
        until=0,
        text="",
        sent=event.arguments,
    )


def _budgeted(run: Run, event: Budgeted) -> Run:
    told = {f"{left['budget']}/{left['unit']}": left for left in event.left}
    low = {name: left for name, left in {**run.low, **told}.items() if left["low"]}
    if event.key in run.calls or event.key in run.asides:
        return _change(changed(run, low=low), event.key, accounts=event.accounts)
    return changed(run, low=low, asked_of=event.accounts if run.asked is not None else {})


def _returned(run: Run, event: Returned) -> Run:
    outcome = outcome_from_json(event.outcome)
    settled = "again" if _is_deferred(run, event.key) else "done"
    status = "in_doubt" if isinstance(outcome, InDoubt) else settled
    new = _change(run, event.key, status=status, outcome=outcome, reserved=NOTHING)
    new = changed(
        new,
        spend=new.spend + Spend.from_json(event.spent),
        servers=_heard(run, event.key, outcome),
        sent=_without(run.sent, event.key),
    )
    return _tainted(new, _call(run, event.key), event) if event.tainting else new


def _tainted(run: Run, call: CallState | None, event: Returned) -> Run:
    if run.driver == "client":
        return changed(run, tainted=True)
    answer = Answer(event.key, call.path if call else "", event.outcome)
    return changed(run, tainted=True, answers=(*run.answers, answer))


def _heard(run: Run, key: str, outcome: Outcome) -> frozenset[str] | None:
    """The servers that have said something, with the one that says this."""
    call = _call(run, key)
    server = run.sent.get(key) if call is None else call.path.partition("/")[0]
    if run.servers is None or server is None or not says(outcome):
        return run.servers
    return run.servers | {server}


def _without(sent: Mapping[str, str], key: str) -> Mapping[str, str]:
    return {other: server for other, server in sent.items() if other != key} if key in sent else sent


def _doubted(run: Run, event: Doubted) -> Run:
    call = run.calls.get(event.key)
    asked = call is not None and inquiry_key(call) in run.asides
    inquiries = (call.inquiries if call else 0) + asked
    new = _change(run, event.key, status="doubted", text=event.why, reserved=NOTHING, inquiries=inquiries)
    new = changed(new, sent=_without(run.sent, event.key))
    return changed(new, spend=new.spend + Spend.from_json(event.spent))


def _resolved(run: Run, event: Resolved) -> Run:
    """Like an answer: a call that is not in doubt, perhaps under way just now, is not touched. In a run that has ended
    nothing is: what has no answer there is in doubt.
    """
    unsure = _UNSURE if run.status in ENDED else ("doubted",)
    if event.key not in run.calls or run.calls[event.key].status not in unsure:
        return run
    if event.resolution == "did_not_happen":
        return _change(run, event.key, status="approved", outcome=None, text="")
    return _change(run, event.key, status="done", outcome=None, text=resolved_text(event))


def _interrupted(run: Run, _event: Interrupted) -> Run:
    """What was sent is not undone; what was not, is not sent any more."""
    for call in tuple(run.calls.values()):
        if call.status in ("proposed", "held", "approved", "again", "asleep"):
            run = _change(run, call.key, status="done", text="" if isinstance(call.outcome, Answered) else STOPPED)
    return changed(run, cause="user")


def _searched(run: Run, event: Searched) -> Run:
    outcome = Answered({"content": list(event.content), "isError": event.is_error})
    return _change(run, event.key, status="done", outcome=outcome)


def inquiry_key(call: CallState) -> str:
    """The key of the next call that finds out what became of this one."""
    return f"{call.key}/reconcile/{call.inquiries + 1}"


def _call(run: Run, key: str) -> CallState | None:
    return run.calls.get(key) or run.asides.get(key)


def _is_deferred(run: Run, key: str) -> bool:
    call = run.calls.get(key)
    return call is not None and call.until > 0


def _deferred(run: Run, event: Deferred) -> Run:
    return _change(run, event.key, until=event.until, attempt=event.attempt)


def _slept(run: Run, event: Slept) -> Run:
    """News that came before somebody waited for them are there at once."""
    early = next((news for news in run.news if news.name == event.news), None)
    new = _change(run, event.key, status="asleep", until=event.until, news=event.news)
    if early is None or not event.news:
        return new
    return _heard_of(changed(new, news=tuple(news for news in run.news if news is not early)), event.key, early)


def _woke(run: Run, event: Woke) -> Run:
    call = run.calls.get(event.key)
    if call is None or call.status != "asleep":
        return run
    outcome = woken(call.until, call.news)
    return _change(run, event.key, status="done", outcome=outcome)


def _notified(run: Run, event: Notified) -> Run:
    """They reach the first call that waits for them, and are kept if none does."""
    waiting = (call.key for call in run.calls.values() if call.status == "asleep" and call.news == event.name)
    key = next(waiting, None)
    if key is None:
        return changed(run, news=(*run.news, event)) if run.driver == "loop" else run
    return _heard_of(run, key, event)


def _heard_of(run: Run, key: str, event: Notified) -> Run:
    outcome = news_outcome(event)
    new = _change(run, key, status="done", outcome=outcome)
    if not event.tainting:  # the user's own words
        return changed(new, input=f"{new.input}\n{event.data}")
    answer = Answer(key, run.calls[key].path, outcome_to_json(outcome))
    return changed(new, tainted=True, answers=(*new.answers, answer))


FATES: Mapping[type[Event], Callable[[Run, Any], Run]] = {
    Denied: _denied,
    Held: _held,
    Decided: _decided,
    Admitted: _admitted,
    Budgeted: _budgeted,
    Returned: _returned,
    Doubted: _doubted,
    Resolved: _resolved,
    Interrupted: _interrupted,
    Searched: _searched,
    Deferred: _deferred,
    Slept: _slept,
    Woke: _woke,
    Notified: _notified,
}
