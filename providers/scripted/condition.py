"""What a script expects of what came back, or makes its way depend on. Pure.

A condition looks at one call (`call`), or at all calls of the last turn together; at all of the result, or at one
field (`at`). All of its wants must hold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.scripted.nodes import Node, Where, fields, flag, plain, refused, text_of, where
from providers.scripted.seen import Returned, Seen
from providers.scripted.template import Form, Path, compiled, dig, filled, path_of

__all__ = ["Condition", "condition", "miss"]

_SHOWN = 200  # characters of a result that an error repeats

_READERS: Mapping[str, Callable[[Node], Any]] = {
    "contains": compiled,
    "equals": compiled,
    "is_error": flag,
    "denied": flag,
    "pending": flag,
    "said": text_of,
}
_KEYS = ("call", "at", *_READERS)


@dataclass(frozen=True, slots=True)
class Condition:
    """`wants` are (kind, value) pairs; `call` is None for all calls of the last turn."""

    where: Where
    call: int | str | None
    at: Path
    wants: tuple[tuple[str, Form], ...]


def condition(node: Node) -> Condition:
    """Reads one condition. Raises ScriptError."""
    found = fields(node, _KEYS)
    wants = tuple((kind, read(found[kind])) for kind, read in _READERS.items() if kind in found)
    if not wants:
        raise refused(node, f"a condition needs one of {', '.join(f'`{kind}`' for kind in _READERS)}")
    if "at" in found and not {"contains", "equals"} & set(found):
        raise refused(found["at"], "`at` names a field for `contains` or `equals`")
    call = _call(found["call"]) if "call" in found else None
    return Condition(where(node), call, path_of(text_of(found["at"])) if "at" in found else (), wants)


def _call(node: Node) -> int | str:
    value = plain(node)
    if isinstance(value, bool) or not isinstance(value, int | str) or (isinstance(value, int) and value < 0):
        raise refused(node, "`call` is a call's number in the last turn (from 0), its name (`as`), or its tool")
    return value


def miss(wanted: Condition, seen: Seen) -> str | None:
    """What was expected and what came, if the condition does not hold; None if it does."""
    try:
        looked_at = seen.results if wanted.call is None else (seen.of(wanted.call),)
        for kind, form in wanted.wants:
            value = filled(form, seen.look)
            came = _TESTS[kind](value, looked_at, wanted.at, seen)
            if came is not None:
                return f"expected {_named(wanted)} {_SAID[kind].format(_json(value))}, but {came}"
    except LookupError as error:
        return f"expected {_named(wanted)} to be there, but {error.args[0]}"
    return None


def _named(wanted: Condition) -> str:
    if any(kind == "said" for kind, _ in wanted.wants):
        return "the user"
    what = "the results" if wanted.call is None else f"call `{wanted.call}`"
    return f"`{'.'.join(str(part) for part in wanted.at)}` of {what}" if wanted.at else what


_SAID = {
    "contains": "to contain {}",
    "equals": "to equal {}",
    "is_error": "to have is_error {}",
    "denied": "to have denied {}",
    "pending": "to have pending {}",
    "said": "to say {}",
}


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[:_SHOWN]}…`"


def _contains(value: Any, results: Sequence[Returned], at: Path, _seen: Seen) -> str | None:
    wanted = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    found = [returned.text if not at else _written(dig(returned.value, at)) for returned in results]
    return None if any(wanted in text for text in found) else f"got {_json(' | '.join(found))}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _equals(value: Any, results: Sequence[Returned], at: Path, _seen: Seen) -> str | None:
    if len(results) != 1:
        return f"there are {len(results)} results; say which one with `call`"
    found = dig(results[0].value, at)
    same = found == value or (isinstance(value, str) and not at and results[0].text == value)
    return None if same else f"got {_json(found)}"


def _any(attribute: str) -> Callable[[Any, Sequence[Returned], Path, Seen], str | None]:
    def test(value: Any, results: Sequence[Returned], _at: Path, _seen: Seen) -> str | None:
        so = [returned for returned in results if getattr(returned, attribute)]
        if bool(so) == value:
            return None
        texts = [returned.text for returned in so or results]
        return f"got {_json(' | '.join(texts))}" if texts else "nothing came back"

    return test


def _said(value: Any, _results: Sequence[Returned], _at: Path, seen: Seen) -> str | None:
    return None if value.casefold() in seen.said.casefold() else f"they said {_json(seen.said)}"


_TESTS: Mapping[str, Callable[[Any, Sequence[Returned], Path, Seen], str | None]] = {
    "contains": _contains,
    "equals": _equals,
    "is_error": _any("is_error"),
    "denied": _any("denied"),
    "pending": _any("pending"),
    "said": _said,
}
