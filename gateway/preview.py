"""What a person is shown of a call before he answers: exactly what will run, whichever channel shows it. Pure.

Every value is spelled out, what is invisible in it as an escape. Two previews of one call are the same to the byte, so
that `digest_of` says what an approver had before him. What is too long is cut, with its length and its hash. A value
that holds one of the gateway's own secrets is not shown, wherever it would stand: who approves need not know it.
"""

import hashlib
import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from gateway import budget
from gateway.approval import CREDENTIAL, Approval
from gateway.budget import Limits, Spend
from gateway.call import Arguments
from gateway.sources import Sources
from gateway.tolls import FREE, Toll
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
    "record",
    "shown",
    "value_of",
    "without",
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
    """What else is known: the last such call that was agreed to, what the run has heard, what it has spent, and what
    such a call costs.
    """

    before: Approval | None = None
    sources: Sources | None = None
    spend: Spend = field(default_factory=Spend)
    limits: Limits = field(default_factory=Limits)
    toll: Toll = FREE


def value_of(approval: Approval, name: str, *, whole: bool = True) -> str:
    """One argument of the call that will run, as everybody is shown it."""
    value = approval.call.arguments.value[name]
    return _kept_back(value) if name in approval.withheld else shown(value, whole=whole)


def _kept_back(value: Any) -> str:
    return (
        f"(not shown: it holds a credential of this gateway; {len(json.dumps(value, ensure_ascii=False)):,} characters)"
    )


def record(approval: Approval) -> dict[str, Any]:
    """`Approval.to_json`, without the values that nobody is shown."""
    told, before = approval.to_json(), approval.asked.arguments
    told["arguments"] = without(approval.call.arguments, approval.withheld)
    if approval.asked_for is not None:
        told["asked_for"] = without(before, _credentials(approval))
    return told


def without(arguments: Arguments, kept_back: AbstractSet[str]) -> str:
    """Their text; in the place of a value that is kept back it says so."""
    value = arguments.value
    if not kept_back & value.keys():
        return arguments.text
    return Arguments.parse({key: _kept_back(item) if key in kept_back else item for key, item in value.items()}).text


def _credentials(approval: Approval) -> frozenset[str]:
    """The names of the arguments that held one of ours when the question was put."""
    return frozenset(word.removeprefix(CREDENTIAL) for word in approval.risk if word.startswith(CREDENTIAL))


def background(approval: Approval, known: Background) -> tuple[Line, ...]:
    """What differs from the last such call, where each value came from, and what it costs."""
    return (*_since(approval, known.before), *_origins(approval, known.sources), _cost(approval, known))


def _since(approval: Approval, before: Approval | None) -> list[Line]:
    if before is None:
        return [Line("before", "no call of this tool by this user was agreed to before")]
    old, new = before.call.arguments, approval.call.arguments
    changed = differences(old, new, before.withheld | approval.withheld)
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
    price = _price(known.toll) if approval.action == "call" else ""
    return Line("cost", f"{'1 tool call' if approval.action == 'call' else 'nothing'}{price}; {so_far}{money}")


def _price(toll: Toll) -> str:
    if toll.nanos is None:
        return ", and nobody knows its price: it will be refused"
    most = "at most " if toll.meta else ""
    return f", {most}{budget.shown('nanos', toll.nanos)}" if toll.nanos else ""


def _arguments(approval: Approval, *, whole: bool) -> list[Line]:
    """One line for each argument, the whole of each name and value: none can hide another or pass for two."""
    names = approval.call.arguments.value
    lines = [Line("with", f"{name_of(key)} = {value_of(approval, key, whole=whole)}") for key in names]
    return lines or [Line("with", "no arguments")]


def changes(approval: Approval) -> tuple[str, ...]:
    """What a person has changed: `amount: 900 -> 100`."""
    if approval.asked_for is None:
        return ()
    return differences(approval.asked.arguments, approval.call.arguments, _credentials(approval))


def differences(before: Arguments, after: Arguments, kept_back: AbstractSet[str] = frozenset()) -> tuple[str, ...]:
    """Each argument that is not the same: `amount: 900 -> 100`, `note: "x" -> nothing`; of those that are kept back
    only that.
    """
    old, new = before.value, after.value
    keys = [key for key in (*old, *(key for key in new if key not in old)) if _differs(old, new, key)]
    return tuple(
        f"{name_of(key)}: not what it was (not shown: it held, or holds, a credential of this gateway)"
        if key in kept_back
        else f"{name_of(key)}: {_or_nothing(old, key)} -> {_or_nothing(new, key)}"
        for key in keys
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
    found += [f"`{name_of(name)}` holds a credential of this gateway" for name in sorted(approval.withheld)]
    return [Line("risk", "; ".join(found))] if found else []


def _people(approval: Approval) -> list[Line]:
    """Nothing where one is enough: that is what everybody expects."""
    return [Line("needs", f"{approval.needs} people who agree")] if approval.needs > 1 else []
