"""A server's questions to a client: what he must have declared, and how the older era wants them written. Pure.

MCP 2026-07-28, Multi round-trip requests; Elicitation, Sampling, Roots: Capabilities.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from gateway.call import JsonObject
from gateway.verbatim import altered
from gateway.visible import shortened

__all__ = [
    "QUESTIONS",
    "for_the_handshake_era",
    "for_the_modern_era",
    "lacking",
    "lacking_among",
    "no_answers",
    "pages_first",
    "unasked",
    "without_answers",
    "worded",
]

QUESTIONS = ("elicitation/create", "sampling/createMessage", "roots/list")


def without_answers(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a request is held against MCP's schema: not a client's answers, which go to whoever asked as they are,
    also where nobody knows an action, a role or a type of content in them. Pass it what `no_answers` says nothing of.
    """
    return {key: each for key, each in params.items() if key != "inputResponses"}


def no_answers(params: Mapping[str, Any]) -> str | None:
    """What is wrong with a client's answers: each is an object, whatever is in it."""
    answers = params.get("inputResponses")
    if answers is None:
        return None
    if not isinstance(answers, Mapping):
        return "`inputResponses` must be an object: the answers by the keys of `inputRequests`"
    odd = next((key for key, answer in answers.items() if not isinstance(answer, Mapping)), None)
    return None if odd is None else f"The answer to `{shortened(odd, 60)}` in `inputResponses` must be an object"


def lacking(method: str, params: Mapping[str, Any], declared: JsonObject) -> JsonObject:
    """The capabilities that a client needs for this question and did not declare; empty when it can be asked.

    An `elicitation` that names no mode means forms.
    """
    needed = _needed(method, params)
    (name, within), *_ = needed.items()
    has = declared.get(name)
    if not isinstance(has, Mapping):
        return needed
    have = {"form": {}} if name == "elicitation" and not has else has
    return needed if any(key not in have for key in within) else {}


def lacking_among(state: JsonObject, declared: JsonObject) -> JsonObject:
    """The same for all that a task's server asks: of the first question that can't be put. What is none stays."""
    asked = state.get("inputRequests")
    for one in asked.values() if isinstance(asked, Mapping) else ():
        method, params = (one.get("method"), one.get("params", {})) if isinstance(one, Mapping) else (None, {})
        if method in QUESTIONS and (missing := lacking(str(method), _object(params), declared)):
            return missing
    return {}


def unasked(state: JsonObject, declared: JsonObject) -> JsonObject:
    """Where a task stands, without questions that can't be put: for a client who has not asked what they are."""
    if not lacking_among(state, declared):
        return state
    return altered({key: each for key, each in state.items() if key != "inputRequests"}, state)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _needed(method: str, params: Mapping[str, Any]) -> dict[str, JsonObject]:
    match method:
        case "elicitation/create":
            return {"elicitation": {"url" if params.get("mode") == "url" else "form": {}}}
        case "sampling/createMessage":
            return {"sampling": {"tools": {}} if params.get("tools") or params.get("toolChoice") else {}}
        case "roots/list":
            return {"roots": {}}
    return {method: {}}


def worded(capabilities: JsonObject) -> str:
    """`elicitation.form`, in backticks."""
    (name, within), *_ = capabilities.items()
    return "`" + ".".join([name, *within]) + "`"


def pages_first(data: Any) -> Mapping[str, JsonObject] | None:
    """The questions in the error with which a server of the older era wants pages to be visited first (`PAGE_FIRST`),
    as its own era writes them. None for what holds none, or something else.
    """
    asked = data.get("elicitations") if isinstance(data, Mapping) else None
    if not isinstance(asked, list) or not asked or not all(isinstance(one, Mapping) for one in asked):
        return None
    return {f"page-{number}": {**one, "mode": "url"} for number, one in enumerate(asked, 1)}


def for_the_handshake_era(method: str, params: JsonObject) -> JsonObject:
    """A question of a modern server for a client of the older era, in which a page to visit has an id."""
    if method != "elicitation/create" or params.get("mode") != "url" or "elicitationId" in params:
        return params
    return {**params, "elicitationId": uuid4().hex}


def for_the_modern_era(params: JsonObject) -> JsonObject:
    """The other way round."""
    return {key: each for key, each in params.items() if key != "elicitationId"}
