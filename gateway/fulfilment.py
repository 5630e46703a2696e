"""An outcome as the duties of its call leave it: before client, model, record and spans see it. Pure.

The pipeline asks here, for every call and whoever makes it; nothing is done for calls without duties. What is too large
is not cut: half of a JSON text says something else than the whole. An error says so, and that the call was made.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.call import (
    PAGE_FIRST,
    Action,
    Answered,
    Arguments,
    Call,
    InputRequired,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    Tool,
)
from gateway.duties import Duties
from gateway.offer import Offer
from gateway.redaction import Redactor
from gateway.schema import violation
from gateway.verbatim import Verbatim, altered, encode

__all__ = ["NO_QUESTIONS", "fulfilled", "rehearsed"]

_WITHHELD = -32603
NO_QUESTIONS = "the policy redacts this call's results, and so nothing is asked in its course"


def fulfilled(outcome: Outcome, duties: Duties, action: Action, thing: Tool | Offer | None) -> Outcome:
    """The same object, if there is nothing to redact in it and it is not too large."""
    if duties.redacts:
        outcome = _redacted(outcome, duties, thing)
    limit = duties.max_result_bytes
    size = _size(outcome) if limit is not None else 0
    if limit is None or size <= limit:
        return outcome
    text = (
        f"The call was made. Its result is withheld: it has {size:,} bytes, and the policy allows"
        f" {limit:,}{_by(duties)}. Ask for less at a time."
    )
    return _instead(outcome, text, action)


def _redacted(outcome: Outcome, duties: Duties, thing: Tool | Offer | None) -> Outcome:
    redactor = Redactor(duties)
    if duties.redact and _asks(outcome):
        return Refused(_WITHHELD, NO_QUESTIONS)
    match outcome:
        case Answered(result):
            new = redactor.result(result)
            return outcome if new is result else Answered(altered(_fitting(result, new, thing), result))
        case TaskCreated(result, identity):
            theirs = {"taskId": result["taskId"]} if "taskId" in result else {}  # no client sees it: `gateway.task`
            return TaskCreated(altered({**redactor.result(result), **theirs}, result), identity)
        case InputRequired(result):
            return InputRequired(altered(redactor.result(result), result))
        case Refused(code, message, data, more):
            said = {key: item for key, item in (("data", data), ("more", more)) if item is not None}
            told = {key: _in_part(item, said.get(key)) for key, item in redactor.result(said).items()}
            return Refused(code, redactor.words(message), told.get("data"), told.get("more"))
    return outcome


def _in_part(new: Any, old: Any) -> Any:
    """What is left of it keeps its text."""
    return altered(new, old) if isinstance(new, Mapping) and isinstance(old, Mapping) else new


def _asks(outcome: Outcome) -> bool:
    if isinstance(outcome, (Answered, InputRequired)):
        return bool(outcome.result.get("inputRequests"))
    return isinstance(outcome, Refused) and outcome.code == PAGE_FIRST


def _fitting(old: JsonObject, new: JsonObject, thing: Tool | Offer | None) -> JsonObject:
    """Clients check structured content against the tool's output schema: what does not fit it any more is left out,
    and the answer an error, for which no schema holds.
    """
    seen = new.get("structuredContent")
    schema = thing.definition.get("outputSchema") if isinstance(thing, Tool) else None
    if seen is old.get("structuredContent") or not isinstance(schema, Mapping) or not isinstance(thing, Tool):
        return new
    output = replace(thing, definition={"inputSchema": schema}, pin=f"{thing.pin} output")
    if isinstance(seen, Mapping) and violation(output, Arguments("", "", seen)) is None:
        return new
    note = {
        "type": "text",
        "text": "The call was made. What the policy redacts leaves no result of the tool's own form.",
    }
    content = new.get("content")
    blocks = [note, *(content if isinstance(content, list) else [])]
    return {key: item for key, item in new.items() if key != "structuredContent"} | {"content": blocks, "isError": True}


# ---- size


def _size(outcome: Outcome) -> int:
    match outcome:
        case Answered(result) | InputRequired(result):
            return len(result.text) if isinstance(result, Verbatim) else len(encode(result))
        case Refused(_, message, data, more):
            return len(encode([message, data, more] if more else [message, data]))
    return 0


def _instead(outcome: Outcome, text: str, action: Action) -> Outcome:
    result = outcome.result if isinstance(outcome, Answered) else {}
    if isinstance(result.get("result"), Mapping):  # where a task stands
        return Answered({**result, "result": _error(text)})
    return Answered(_error(text)) if action == "call" else Refused(_WITHHELD, text)


def _error(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], "isError": True}


def _by(duties: Duties) -> str:
    """By which line of which file; not in which folder of this machine."""
    rules = [rule.rpartition("/")[2] for rule in duties.rules]
    return f" ({', '.join(rules)})" if rules else ""


# ---- dry runs


def rehearsed(call: Call, thing: Tool | Offer | None, duties: Duties) -> Answered:
    """The answer to a call that was not made: what would have been sent. An error only where the tool promises a form
    of results that nobody can make up.
    """
    text = (
        f"Dry run: `{call.path}` was not called, and nothing was changed{_by(duties)}."
        f" It would have been sent {call.arguments.text}"
    )
    promised = isinstance(thing, Tool) and "outputSchema" in thing.definition
    return Answered({"content": [{"type": "text", "text": text}], "isError": promised})
