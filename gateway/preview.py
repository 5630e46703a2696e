"""What a person is shown of a call before he answers: exactly what will run, whichever channel shows it. Pure.

Every value is spelled out, what is invisible in it as an escape. Two previews of one call are the same to the byte, so
that `digest_of` says what an approver had before him. What is too long is cut, with its length and its hash.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway import budget
from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Arguments
from gateway.sources import Sources
from gateway.visible import visible

__all__ = [
    "LONGEST",
    "Background",
    "Line",
    "background",
    "changes",
    "differences",
    "digest_of",
    "name_of",
    "preview",
    "shown",
]

LONGEST = 4_000  # characters of one value
_ENDS = 400  # of them that are left of a longer one, at each end


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    text: str


def preview(approval: Approval, *, whole: bool = False) -> tuple[Line, ...]:
    """The call, for whom it is, why it is asked about, and each argument. With `whole` nothing is cut."""
    who = f"{approval.agent} for {approval.user}" if approval.agent else approval.user
    return (
        Line("call", visible(approval.path)),
        Line("for", f"{visible(who)} · {visible(approval.tenant)}"),
        Line("why", visible(approval.why) + (f"  [{approval.rule}]" if approval.rule else "")),
        *_arguments(approval, whole=whole),
        *(Line("changed", text) for text in changes(approval)),
        *_risks(approval),
        *_people(approval),
    )


def digest_of(lines: Sequence[Line]) -> str:
    """SHA-256 in hex."""
    text = json.dumps([[line.label, line.text] for line in lines], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def shown(value: Any, *, whole: bool = True) -> str:
    """A value as JSON, spelled out; a very long one cut in the middle."""
    text = json.dumps(value, ensure_ascii=False)
    if whole or len(text) <= LONGEST:
        return visible(text)
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    mark = f" …({len(text):,} characters, sha256 {digest[:16]})… "
    return f"{visible(text[:_ENDS])}{mark}{visible(text[-_ENDS:])}"


def name_of(key: str) -> str:
    """As it is if it is a plain word, else as JSON."""
    return key if key.isascii() and key.replace("-", "_").isidentifier() else visible(json.dumps(key))


@dataclass(frozen=True, slots=True)
class Background:
    """What else is known: the last such call that was agreed to, what the run has heard, what it has spent."""

    before: Approval | None = None
    sources: Sources | None = None
    spend: Spend = field(default_factory=Spend)
    limits: Limits = field(default_factory=Limits)


def background(approval: Approval, known: Background) -> tuple[Line, ...]:
    """What differs from the last such call, where each value came from, and what it costs."""
    return (*_since(approval, known.before), *_origins(approval, known.sources), _cost(approval, known))


def _since(approval: Approval, before: Approval | None) -> list[Line]:
    if before is None:
        return [Line("before", "no call of this tool by this user was agreed to before")]
    changed = differences(before.call.arguments, approval.call.arguments)
    pin = ["its definition: it is not the same any more"] if before.pin != approval.pin else []
    told = [Line("unlike", text) for text in (*changed, *pin)]
    who = f"the last one was agreed to by {visible(before.by)} ({before.id})"
    return [Line("before", who if told else f"{who}, and is the same"), *told]


def _origins(approval: Approval, sources: Sources | None) -> list[Line]:
    """Of each argument whose origin is known. In doubt nothing is said."""
    if sources is None:
        return []
    found = ((name_of(key), _origin(value, sources)) for key, value in approval.call.arguments.value.items())
    return [Line("origin", f"{name} was {where}") for name, where in found if where]


def _origin(value: Any, sources: Sources) -> str:
    heard = sources.origin(value)
    if heard is not None:
        answer = f"in its answer to {visible(heard.key)}: nobody vouches for it"
        return f"said by the server `{visible(heard.server)}`, {answer}"
    return "in the user's own words" if sources.from_user(value) else ""


def _cost(approval: Approval, known: Background) -> Line:
    spent, limits = known.spend, known.limits
    most = f" of {limits.tool_calls}" if limits.tool_calls is not None else ""
    so_far = f"the run has made {spent.tool_calls}{most}"
    money = f", and spent {budget.shown('nanos', spent.nanos)}" if spent.nanos else ""
    return Line("cost", f"{'1 tool call' if approval.action == 'call' else 'nothing'}; {so_far}{money}")


def _arguments(approval: Approval, *, whole: bool) -> list[Line]:
    """One line for each argument, the whole of each name and value: none can hide another or pass for two."""
    given = approval.call.arguments.value.items()
    lines = [Line("with", f"{name_of(key)} = {shown(value, whole=whole)}") for key, value in given]
    return lines or [Line("with", "no arguments")]


def changes(approval: Approval) -> tuple[str, ...]:
    """What a person has changed: `amount: 900 -> 100`."""
    return () if approval.asked_for is None else differences(approval.asked.arguments, approval.call.arguments)


def differences(before: Arguments, after: Arguments) -> tuple[str, ...]:
    """Each argument that is not the same: `amount: 900 -> 100`, `note: "x" -> nothing`."""
    old, new = before.value, after.value
    keys = [*old, *(key for key in new if key not in old)]
    return tuple(
        f"{name_of(key)}: {_or_nothing(old, key)} -> {_or_nothing(new, key)}" for key in keys if _differs(old, new, key)
    )


def _differs(old: Any, new: Any, key: str) -> bool:
    """As texts: 1 and 1.0 and true are not the same."""
    return _or_nothing(old, key) != _or_nothing(new, key)


def _or_nothing(value: Any, key: str) -> str:
    return shown(value[key], whole=False) if key in value else "nothing"


_SAID = {
    "destructive": "may destroy",
    "open_world": "reaches outside",
    "tainted": "this run has read what an untrusted server said",
}


def _risks(approval: Approval) -> list[Line]:
    found = [words for name, words in _SAID.items() if name in approval.risk]
    return [Line("risk", "; ".join(found))] if found else []


def _people(approval: Approval) -> list[Line]:
    """Nothing where one is enough: that is what everybody expects."""
    return [Line("needs", f"{approval.needs} people who agree")] if approval.needs > 1 else []
