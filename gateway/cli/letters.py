"""What can be typed to a question on a terminal: a letter for each thing that somebody may say. Pure.

    y                it happens, once, as shown
    n WHY            it does not; the model is told why
    e {"amount": 1}  it would happen with other arguments: what that changes is shown first
    r run            it happens, and calls like it happen, too
    s WHY            it does not, and its run ends
    u WHY            others decide

A line becomes what any other channel sends, and is read as that is (`gateway.answer`). Only what `Choices` has is
offered, and taken. A yes with words behind it is none.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.answer import Unclear
from gateway.approval import Approval
from gateway.approving import Choices
from gateway.call import Arguments, ArgumentsError, JsonObject
from gateway.visible import visible

__all__ = ["MAX_REASON", "explained", "help_wanted", "said_in"]

MAX_REASON = 500  # characters

_LINE = re.compile(r"(?P<word>[a-z]+)(?:(?P<gap>[\s,:;.]+)(?P<rest>.*))?", re.IGNORECASE | re.DOTALL)
_REMEMBER = re.compile(
    r"(?P<scope>run|session|client|until)(?:(?<=until)\s+(?P<until>\S.*?))?(?:\s+by\s+(?P<by>\S.*))?", re.DOTALL
)
_EDIT = 'write the arguments that are other ones as JSON: e {"amount": 10}'
_KEEP = "write for how long: r run, r session, r client, r until 8h; or by some arguments only: r run by amount,note"


def help_wanted(line: str) -> bool:
    """Whether it asks what can be said."""
    return line.strip().lower() in ("?", "h", "help")


def said_in(line: str, may: Choices) -> JsonObject | None:
    """What a line says, as `gateway.answer` reads it, but for the digest. None: nothing that decides.

    Raises Unclear for what is begun as an answer and can't be one, and for what this person may not say here.
    """
    found = _LINE.fullmatch(line.strip())
    reader = _SAID.get(found["word"].lower()) if found else None
    if not found or not reader:
        return None
    if reader is _yes and found["gap"]:  # `y:` may be the beginning of something
        return None
    said: JsonObject | None = reader(found["rest"] or "", may)
    return said


def explained(approval: Approval, may: Choices) -> Iterator[tuple[str, str]]:
    """What can be typed, and what it does."""
    yield "y", "it happens, once, as shown"
    yield "n WHY", "it does not happen; the model is told why"
    yield 'e {"NAME": VALUE}', "it would happen with other arguments; you see first what that changes"
    if may.remember:
        of_client = ", r client" if approval.client else ""
        yield "r run", f"it happens, and the same calls in this run happen, too; also r session{of_client}, r until 8h"
        yield "r run by NAMES", "... with the same values of these arguments, whatever the others are: amount,note"
    yield "s WHY", "it does not happen, and its run ends"
    if may.escalate_to:
        yield "u WHY", f"{visible(may.escalate_to)} decides"


def _yes(rest: str, _may: Choices) -> JsonObject | None:
    return None if rest else {"decision": "approved"}


def _no(rest: str, _may: Choices) -> JsonObject:
    return {"decision": "denied", "reason": rest[:MAX_REASON]}


def _stop(rest: str, may: Choices) -> JsonObject:
    return {**_no(rest, may), "stop": True}


def _edit(rest: str, _may: Choices) -> JsonObject:
    try:
        return {"decision": "approved", "edit": Arguments.parse(rest).value}
    except ArgumentsError as error:
        raise Unclear(f"{error}; {_EDIT}" if rest else _EDIT) from None


def _remember(rest: str, may: Choices) -> JsonObject:
    if not may.remember:
        raise Unclear("a yes to this call counts once")
    found = _REMEMBER.fullmatch(rest)
    if found is None:
        raise Unclear(_KEEP)
    names = [name.strip() for name in (found["by"] or "").split(",") if name.strip()]
    until = {"until": found["until"]} if found["until"] is not None else {}
    return {"decision": "approved", "remember": {"scope": found["scope"], "by": names, **until}}


def _up(rest: str, may: Choices) -> JsonObject:
    if not may.escalate_to:
        raise Unclear("there is nobody to whom this could be handed up")
    return {"decision": "escalated", "reason": rest[:MAX_REASON]}


_READERS: Mapping[str, Callable[[str, Choices], Any]] = {
    "y yes": _yes,
    "n no": _no,
    "e edit": _edit,
    "r remember": _remember,
    "s stop": _stop,
    "u up escalate": _up,
}
_SAID = {word: reader for words, reader in _READERS.items() for word in words.split()}
