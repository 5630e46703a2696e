"""Where the task of a call stands that waits, or waited, for a person: read off its approval and its run. Pure."""

from collections.abc import Mapping, Sequence

from gateway.approval import Approval
from gateway.budget import Spend
from gateway.call import JsonObject, Refused, TaskCreated, Unsent, outcome_from_json
from gateway.events import (
    Admitted,
    Budgeted,
    Decided,
    Denied,
    Doubted,
    Imported,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Recorded,
    Returned,
)
from gateway.results import client_result, decided_text
from gateway.task import error_of, state_of

__all__ = ["NOTHING_HELD", "Held", "asking", "held_back", "last_word", "made_by", "reserved_for", "told", "unanswered"]

Held = Mapping[str, tuple[Spend, Mapping[str, Mapping[str, int]]]]
NOTHING_HELD: Held = {}


def last_word(events: Sequence[Recorded]) -> Denied | Returned | None:
    """What the call came to. A server that was not reached has said nothing yet."""
    for recorded in reversed(events):
        event = recorded.event
        if isinstance(event, Returned) and not isinstance(outcome_from_json(event.outcome), Unsent):
            return event
        if isinstance(event, Denied) and event.gate != "reachable":
            return event
    return None


def unanswered(events: Sequence[Recorded]) -> str | None:
    """The key of a call that was admitted, and has no answer."""
    answered = {recorded.event.key for recorded in events if isinstance(recorded.event, Returned)}
    admitted = (recorded.event.key for recorded in events if isinstance(recorded.event, Admitted))
    return next((key for key in admitted if key not in answered), None)


def held_back(events: Sequence[Recorded], before: Held = NOTHING_HELD) -> Held:
    """What calls and questions to models have reserved that have no answer, by key: of their run's budget, and of which
    other accounts.

    `before` is the same of all events before these.
    """
    held = dict(before)
    for event in (recorded.event for recorded in events):
        match event:
            case Admitted():
                held[event.key] = (Spend.from_json(event.reserved), {})
            case ModelAsked():
                held[asking(event.turn)] = (Spend.from_json(event.reserved), {})
            case Budgeted() if event.key in held:
                held[event.key] = (held[event.key][0], dict(event.accounts))
            case Imported():  # of what counts over many runs, it was reserved where the run was
                held = {key: (own, {}) for key, (own, _) in held.items()}
            case Returned() | Doubted():
                held.pop(event.key, None)
            case ModelAnswered() | ModelFailed():
                held.pop(asking(event.turn), None)
    return held


def asking(turn: int) -> str:
    """The key of what a question to the model takes of accounts beside its run's."""
    return f"t{turn}/model"


def reserved_for(events: Sequence[Recorded], key: str) -> tuple[Spend, Mapping[str, Mapping[str, int]]]:
    """What a call has reserved of its run's budget, and of which other accounts."""
    own = Spend()
    accounts: Mapping[str, Mapping[str, int]] = {}
    for event in (recorded.event for recorded in events):
        if isinstance(event, Admitted) and event.key == key:
            own, accounts = Spend.from_json(event.reserved), {}
        elif isinstance(event, Budgeted) and event.key == key:
            accounts = dict(event.accounts)
        elif isinstance(event, Imported):
            accounts = {}
    return own, accounts


def told(approval: Approval, events: Sequence[Recorded], now: int) -> JsonObject:
    """MCP's `DetailedTask`. Pure. `now` is milliseconds since 1970."""
    word = last_word(events)
    if word is not None:
        at = next(recorded.at for recorded in events if recorded.event is word)
        return _ended(approval, word, at)
    if approval.state == "pending" and now < approval.expires:
        text = f"A person must approve this call first ({approval.why}). It waits as approval {approval.id}:"
        return state_of(approval, "working", f"{text} `toolgate approve {approval.id}`", approval.created)
    decided = approval.decided_at or approval.created
    if approval.state == "cancelled":
        return state_of(approval, "cancelled", "The question was taken back, or its tool has changed.", decided)
    if approval.state == "consumed" and not events:
        used = "Its approval was used by the same call, made again: the answer to that one is the result."
        return _completed(approval, used, decided)
    if approval.state == "denied":
        answer = Decided(approval.key, approval.id, "denied", approval.decided_by or "", approval.reason)
        return _completed(approval, decided_text(answer), decided)
    if approval.state in ("expired", "pending") or (approval.state == "approved" and now >= approval.expires):
        late = Decided(approval.key, approval.id, "expired", "the clock")
        return _completed(approval, decided_text(late), approval.expires)
    by = f"Approved by {approval.by}."
    return state_of(approval, "working", f"{by}{_why_not_yet(events)}", events[-1].at if events else decided)


def _why_not_yet(events: Sequence[Recorded]) -> str:
    last = events[-1].event if events else None
    if isinstance(last, Denied):
        return f" Not made yet: {last.why}"
    outcome = outcome_from_json(last.outcome) if isinstance(last, Returned) else None
    return f" Not made yet: {outcome.why}" if isinstance(outcome, Unsent) else " The call is being made."


def _ended(approval: Approval, word: Denied | Returned, at: int) -> JsonObject:
    outcome = outcome_from_json(word.outcome) if isinstance(word, Returned) else None
    if isinstance(outcome, Refused):
        return state_of(approval, "failed", outcome.message, at, error=error_of(outcome))
    if isinstance(outcome, TaskCreated):
        return state_of(approval, "working", "The server has made a task of it.", at)
    return state_of(approval, "completed", _how(word), at, result=client_result(word, outcome))


def _how(word: Denied | Returned) -> str:
    return "The call was made as approved." if isinstance(word, Returned) else f"The call was not made: {word.why}"


def _completed(approval: Approval, text: str, at: int) -> JsonObject:
    verdict = {"effect": "deny" if approval.state != "consumed" else "allow", "approval": approval.id}
    result = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": {"toolgate/verdict": verdict},
    }
    return state_of(approval, "completed", text, at, result=result)


def made_by(events: Sequence[Recorded]) -> str | None:
    """The task that the server made of the call in its turn."""
    word = last_word(events)
    outcome = outcome_from_json(word.outcome) if isinstance(word, Returned) else None
    return outcome.id if isinstance(outcome, TaskCreated) else None
