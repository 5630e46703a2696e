"""What somebody says to a question, read in one way only, whichever channel he says it by. Pure.

    {"decision": "approved" | "denied" | "escalated", "digest": "...", "reason": "...",
     "edit": {...}, "stop": true,
     "remember": {"scope": "run" | "session" | "client" | "until", "until": "8h", "by": ["customer"]}}

Only `decision` and `digest`, that of the call which he was shown, must be there. `edit` and `remember` go with a yes,
`stop` with a no. What an answer is worth is decided in `gateway.approving`, and nowhere else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from gateway.approval import Remember, Said, Scope
from gateway.call import Arguments, JsonObject
from gateway.lasting import moment

__all__ = ["KEYS", "LONGEST_REASON", "MOST_NAMES", "Answer", "Unclear", "answer_of"]

KEYS = frozenset({"decision", "digest", "reason", "edit", "remember", "stop"})
LONGEST_REASON = 2_000  # characters
MOST_NAMES = 100  # of arguments by which a yes is remembered
_REMEMBER = frozenset({"scope", "until", "by"})
_GOES_WITH: Mapping[str, Said] = {"edit": "approved", "remember": "approved", "stop": "denied"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says to a question, and how he was known. `edited` are the arguments that he agrees to instead, or
    `edit` what he would have put in their place (a JSON merge patch); `seen` is the digest of the call that he was
    shown, where his channel knows it. `remember` says for which other calls a yes counts, too; with `stop`, a no ends
    the run.
    """

    decision: Said
    reason: str = ""
    method: str = ""
    edited: Arguments | None = None
    stop: bool = False
    seen: str | None = None
    remember: Remember | None = None
    edit: JsonObject | None = None


class Unclear(ValueError):
    """What is no answer. The text says why, for whoever sent it."""


def answer_of(said: Any, method: str, now: int) -> Answer:
    """Reads an answer. `now` is milliseconds since 1970. Raises Unclear."""
    if not isinstance(said, Mapping):
        raise Unclear("an answer is an object")
    if said.keys() - KEYS:
        raise Unclear("there is a key that means nothing here")
    for key, (fits, why) in _FIELDS.items():
        if (key in said or key in ("decision", "digest")) and not fits(said.get(key)):
            raise Unclear(why)
    decision: Said = said["decision"]
    for key, only in _GOES_WITH.items():
        if said.get(key) and decision != only:
            raise Unclear(f"`{key}` goes with the decision `{only}`")
    return Answer(
        decision,
        said.get("reason", ""),
        method,
        stop=said.get("stop", False),
        seen=said["digest"],
        remember=_remember(said["remember"], now) if said.get("remember") else None,
        edit=said.get("edit") or None,
    )


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_REASON


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "decision": (lambda value: value in get_args(Said), "`decision` must be `approved`, `denied` or `escalated`"),
    "digest": (lambda value: isinstance(value, str), "`digest` must be that of the call that you were shown"),
    "reason": (_is_reason, f"`reason` must be a text of at most {LONGEST_REASON} characters"),
    "edit": (lambda value: isinstance(value, Mapping), "`edit` must be an object: the arguments that are other ones"),
    "remember": (lambda value: isinstance(value, Mapping), "`remember` must be an object with a `scope`"),
    "stop": (lambda value: isinstance(value, bool), "`stop` must be true or false"),
}


def _remember(said: Mapping[str, Any], now: int) -> Remember:
    """Raises Unclear."""
    scope: Any = said.get("scope")
    until, by = said.get("until"), said.get("by", [])
    if said.keys() - _REMEMBER or scope not in get_args(Scope):
        raise Unclear("`remember` has a `scope` (`run`, `session`, `client` or `until`), and may have `until` and `by`")
    if (scope == "until") != isinstance(until, str):
        raise Unclear("the scope `until` goes with `until`: a date (`2026-12-01`), or a span (`8h`)")
    if not isinstance(by, list) or len(by) > MOST_NAMES or not all(isinstance(name, str) for name in by):
        raise Unclear(f"`by` names at most {MOST_NAMES} arguments")
    try:
        return Remember(scope, tuple(by), moment(until, now) if until is not None else None)
    except ValueError as error:
        raise Unclear(f"`until`: {error}") from None
