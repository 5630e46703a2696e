"""What a person is shown of a call before he answers: exactly what will run, whichever channel shows it. Pure.

Every value is spelled out, what is invisible in it as an escape. Two previews of one call are the same to the byte, so
that `digest_of` says what an approver had before him. What is too long is cut, with its length and its hash.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.approval import Approval
from gateway.call import Arguments
from gateway.visible import visible

__all__ = ["LONGEST", "Line", "changes", "differences", "digest_of", "name_of", "preview", "shown"]

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
