"""What a model or a client is told about a call that did not simply return. Pure: one wording for loop and gateway.

A refusal says why, by which rule, and what to do next; it never says how the rules could be got round.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from gateway.approval import Approval
from gateway.budget import shown
from gateway.call import Answered, Deny, InDoubt, InputRequired, JsonObject, Outcome, Refused, TaskCreated, Unsent
from gateway.conversation import AnswerRejected
from gateway.dates import dated
from gateway.events import Decided, Denied, Doubted, Held, Resolved, Returned
from gateway.later import Notified
from gateway.preview import changes
from gateway.schema import OF_SCHEMA
from gateway.verbatim import altered, extended

__all__ = [
    "afar",
    "amended",
    "client_result",
    "decided_text",
    "denied_text",
    "failure_text",
    "held_text",
    "news_outcome",
    "rejected_text",
    "resolved_text",
    "soon",
]
__all__ += ["tool_result", "unforged", "woken"]

BALANCES = "toolgate/budgets"  # `[{"budget", "unit", "left", "limit", "low"}]`
OUR_KEYS = "toolgate/"  # what begins so in a result's `_meta` is said by the gateway


Fact = TypeVar("Fact", bound=Any)


def afar(fact: Fact) -> Fact:
    """A denial or a question (also a verdict), as somebody elsewhere is told of it: by which line of which file, not in
    which folder of this machine. Anything else is as it was.
    """
    if type(fact) is Returned or not isinstance(fact, (Denied, Held, Deny)) or fact.rule is None:
        return fact
    short: Fact = replace(fact, rule=fact.rule.rpartition("/")[2])
    return short


def denied_text(event: Denied) -> str:
    if event.gate == "reachable":
        return f"Not reached: {event.why}. Nothing was sent; the same call may be made again later."
    rule = f" (rule {event.rule})" if event.rule else ""
    mendable = event.gate in ("known", "valid") and not event.why.startswith(OF_SCHEMA)
    advice = "Correct the call." if mendable else "Do not retry this call."
    if event.retry_after is not None:
        advice = f"It may fit again in {shown('millis', event.retry_after * 1000)}; not before."
    return f"Denied: {event.why}{rule}. {advice}"


def rejected_text(event: AnswerRejected) -> str:
    """For a model whose answer is no data of the form that it must have."""
    where = f"at `{event.where}`: " if event.where else ""
    return (
        f"Your answer does not fit the JSON Schema that it must fit: {where}{event.why}. Answer again, with the whole"
        " JSON value and nothing else."
    )


def held_text(event: Held) -> str:
    """For an MCP client: it has to come back, because nothing is held open for as long as people take."""
    return (
        f"Not executed yet: a person must approve this call first ({event.why}). It waits as approval"
        f" {event.approval_id}. After `toolgate approve {event.approval_id}`, make exactly the same call again;"
        " it will then run once, as approved."
    )


def decided_text(event: Decided) -> str:
    if event.decision == "withdrawn":
        return "Not executed: whoever made this call took it back."
    if event.decision == "expired":
        return "Denied: nobody approved this call in time. Do not retry this call."
    reason = f": {event.reason}" if event.reason else ""
    return f"Denied by {event.by}{reason}. Do not retry this call."


def resolved_text(event: Resolved) -> str:
    note = f": {event.note}" if event.note else ""
    if event.resolution == "happened":
        return f"No answer came from the tool, but {event.by} confirms that the call took effect{note}."
    return f"Nobody knows whether this call took effect; {event.by} gave it up{note}. Do not retry this call."


def woken(until: int, news: str) -> Answered:
    """What a model is told that has waited until this moment (milliseconds since 1970), for news or without."""
    at = dated(until).isoformat(timespec="seconds")
    if news:
        return Answered({"content": [_block(f"No news of `{news}` came until {at}.")], "isError": True})
    return Answered({"content": [_block(f"The time has come: it is {at}, or later.")], "isError": False})


def news_outcome(event: Notified) -> Answered:
    """What a model is told of news: their data, as JSON."""
    return Answered({"content": [_block(f"News of `{event.name}`: {event.data}")], "isError": False})


def tool_result(call_id: str, outcome: Outcome | None, text: str) -> dict[str, Any]:
    """A `providers.ToolResult` as JSON. The server's own content goes through unmodified."""
    if isinstance(outcome, Answered) and not text:
        content = outcome.result.get("content")
        part: dict[str, Any] = {
            "kind": "tool_result",
            "call_id": call_id,
            "content": content if isinstance(content, list) else [],
            "is_error": outcome.is_error,
        }
        structured = outcome.result.get("structuredContent")
        return part if structured is None else part | {"meta": {"structuredContent": structured}}
    said = text or (failure_text(outcome) if outcome else "The call was not made.")
    confirmed = outcome is None and text.startswith("No answer came from the tool, but")
    return {"kind": "tool_result", "call_id": call_id, "content": [_block(said)], "is_error": not confirmed}


def client_result(event: Denied | Held | Returned | Doubted, outcome: Outcome | None) -> JsonObject:
    """A `CallToolResult` for an MCP client. Raw when the server answered, but for words that only we may say."""
    if isinstance(outcome, Answered):
        return _with_balances(unforged(outcome.result), event)
    if isinstance(event, Denied):
        verdict = {"effect": "deny", "gate": event.gate, "rule": event.rule, **soon(event)}
        return _error_result(denied_text(event), verdict)
    if isinstance(event, Held):
        return _error_result(held_text(event), {"effect": "ask", "approval": event.approval_id, "rule": event.rule})
    return _error_result(failure_text(outcome), {"effect": "allow"})


def _with_balances(result: JsonObject, event: Denied | Held | Returned | Doubted) -> JsonObject:
    """What is left of the budgets in which the call counts, where there are any."""
    if not isinstance(event, Returned) or not event.left:
        return result
    meta = result.get("_meta")
    said = {**(meta if isinstance(meta, Mapping) else {}), BALANCES: [*event.left]}
    return extended({**result, "_meta": said}, result)


def soon(event: Denied) -> dict[str, Any]:
    """In how many seconds the same call may fit, where that is known."""
    return {} if event.retry_after is None else {"retry_after": event.retry_after}


def amended(outcome: Outcome, approval: Approval) -> Outcome:
    """The same object, unless a person changed the call before it was made: whoever made it is told what ran."""
    changed = changes(approval)
    if not changed:
        return outcome
    told = f"{approval.by} changed this call before it was made: {'; '.join(changed)}."
    if isinstance(outcome, Refused):
        return replace(outcome, message=f"{told} {outcome.message}")
    if isinstance(outcome, Answered):
        content = outcome.result.get("content")
        blocks = content if isinstance(content, list) else []
        return Answered(altered({**outcome.result, "content": [_block(told), *blocks]}, outcome.result))
    return outcome


def unforged(result: JsonObject) -> JsonObject:
    """The same object, unless its `_meta` holds keys of ours: no server may forge a verdict."""
    meta = result.get("_meta")
    if not meta or not isinstance(meta, Mapping) or not any(map(_is_ours, meta)):
        return result
    return altered({**result, "_meta": {key: value for key, value in meta.items() if not _is_ours(key)}}, result)


def _is_ours(key: object) -> bool:
    return str(key).startswith(OUR_KEYS)


def failure_text(outcome: Outcome | None) -> str:
    match outcome:
        case InputRequired():
            return "The server asks its client something first, and nobody is there to answer. The call did not happen."
        case TaskCreated():
            return "The server answers later, by a task, and nobody is there to ask for it."
        case Refused(code, message):
            return f"The server refused the call: {message} (code {code})."
        case Unsent(why):
            return f"The call was not sent: {why}. It is safe to try again later."
        case InDoubt(why):
            return f"No answer came: {why}. The call may or may not have taken effect; do not simply repeat it."
    return "The call did not return."


def _error_result(text: str, verdict: Mapping[str, Any]) -> JsonObject:
    return {"content": [_block(text)], "isError": True, "_meta": {"toolgate/verdict": dict(verdict)}}


def _block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
