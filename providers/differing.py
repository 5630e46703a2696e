"""The first difference between what was said then and what is said now, in words. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from providers import Message, Part, Text, ToolResult

__all__ = ["difference"]

_SHOWN = 80  # characters of a value
_BEFORE = 20  # of them in front of the first that differs
_MISSING = object()


def difference(then: Sequence[Message], now: Sequence[Message], names: Mapping[str, str]) -> str | None:
    """None where there is none. `names` says which tool each call was of.

    What the gateway adds, or leaves out to save room (`aside` in its `meta`), is not compared.
    """
    for one, other in zip_longest(_said(then), _said(now)):
        if one is None or other is None:
            return _surplus(one, other, names)
        found = _between(one, other, names)
        if found is not None:
            return found
    return None


def _said(messages: Sequence[Message]) -> Iterator[tuple[str, Part]]:
    for message in messages:
        yield from ((message.role, part) for part in message.parts)


def _surplus(then: tuple[str, Part] | None, now: tuple[str, Part] | None, names: Mapping[str, str]) -> str | None:
    if then is not None:
        return f"{_what(then, names)} is missing"
    if now is not None and not now[1].meta.get("aside"):
        return f"{_what(now, names)} is new"
    return None


def _between(then: tuple[str, Part], now: tuple[str, Part], names: Mapping[str, str]) -> str | None:
    one, other = then[1], now[1]
    if then[0] == now[0] and other.meta.get("aside"):
        return None
    if then[0] != now[0] or type(one) is not type(other):
        return f"there was {_what(then, names)}, and there is {_what(now, names)}"
    if isinstance(one, ToolResult) and isinstance(other, ToolResult):
        return _first(_result(one), _result(other), then, names)
    if isinstance(one, Text) and isinstance(other, Text):
        return _first(one.text, other.text, then, names)
    return None if one == other else f"{_what(then, names)} is another one"


def _result(result: ToolResult) -> dict[str, Any]:
    structured = result.meta.get("structuredContent")
    more = {} if structured is None else {"structuredContent": structured}
    return {"error": result.is_error, "content": list(result.content), **more}


def _what(said: tuple[str, Part], names: Mapping[str, str]) -> str:
    role, part = said
    if isinstance(part, ToolResult):
        return f"the result of `{names.get(part.call_id, part.call_id)}`"
    return "what the user said" if role == "user" else f"a part of the {role}'s"


def _first(then: Any, now: Any, said: tuple[str, Part], names: Mapping[str, str]) -> str | None:
    found = next(_differing(then, now, ""), None)
    if found is None:
        return None
    path, one, other = found
    where = f" at `{path.removeprefix('.')}`" if path else ""
    return f"{_what(said, names)}{where} was {_shown(one, other)} and is {_shown(other, one)}"


def _differing(then: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*then, *now]):
            yield from _differing(then.get(key, _MISSING), now.get(key, _MISSING), f"{path}.{key}")
    elif isinstance(then, list) and isinstance(now, list):
        for at, (one, other) in enumerate(zip_longest(then, now, fillvalue=_MISSING)):
            yield from _differing(one, other, f"{path}[{at}]")
    elif then != now or type(then) is not type(now):
        yield path, then, now


def _shown(value: Any, other: Any) -> str:
    """Of a long text the place where it differs."""
    if value is _MISSING:
        return "not there"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    same = _common(text, other) if isinstance(other, str) and isinstance(value, str) else 0
    begin = max(0, same - _BEFORE)
    cut = text[begin : begin + _SHOWN]
    return f"`{'…' if begin else ''}{cut}{'…' if begin + _SHOWN < len(text) else ''}`"


def _common(one: str, other: str) -> int:
    """How many characters they have in common from the beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
