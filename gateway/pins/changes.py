"""Two definitions, as lines that a person can compare. Pure, and linear but for texts of few lines.

Every changed value is shown whole, but for what it has in common with the old one at its beginning and end; and what
is invisible in it is spelled out, so that nothing can be in the new definition that is not on the screen.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject
from gateway.visible import visible

__all__ = ["Change", "change_lines", "changes", "values"]

_MOST_LINES = 200  # of a text that is compared line by line: that takes quadratic time
_CONTEXT = 60  # characters around what differs in a long line


@dataclass(frozen=True, slots=True)
class Change:
    """One value: where it stands, what it was and what it is now, as JSON or plain text; None where there was none."""

    where: str
    old: str | None
    new: str | None

    def to_json(self) -> dict[str, str | None]:
        return {"where": self.where, "old": self.old, "new": self.new}


def changes(old: JsonObject | None, new: JsonObject) -> list[Change]:
    """Every value that differs, sorted by its path. Without an old definition, everything is new."""
    before, now = dict(values(old or {})), dict(values(new))
    paths = sorted({*before, *now})
    return [Change(path, before.get(path), now.get(path)) for path in paths if before.get(path) != now.get(path)]


def change_lines(change: Change) -> list[str]:
    """The change in lines that begin with `-`, `+` or a blank; each safe to print."""
    old = [] if change.old is None else change.old.split("\n")
    new = [] if change.new is None else change.new.split("\n")
    if len(old) == len(new) == 1:
        return _one_line(old[0], new[0])
    if len(old) > _MOST_LINES or len(new) > _MOST_LINES:
        return [*_marked("-", old), *_marked("+", new)]
    return [f"{line[0]} {visible(line[2:])}" for line in difflib.ndiff(old, new) if line[0] != "?"]


def _one_line(old: str, new: str) -> list[str]:
    """What both begin and end with is shortened to what one needs to find one's place."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    return [f"{mark} {_middle(text, start, len(text) - end)}" for mark, text in (("-", old), ("+", new))]


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _middle(text: str, start: int, end: int) -> str:
    head, tail = max(0, start - _CONTEXT), min(len(text), end + _CONTEXT)
    before = f"…({head} characters as before)…" if head else ""
    after = f"…({len(text) - tail} characters as before)…" if tail < len(text) else ""
    return f"{before}{visible(text[head:tail])}{after}"


def _marked(mark: str, lines: Sequence[str]) -> list[str]:
    return [f"{mark} {visible(line)}" for line in lines]


def values(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a definition with its path: texts as they are, others as JSON.

    A list of plain values is one value: its order is part of it.
    """
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from values(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for index, item in enumerate(value):
            yield from values(item, f"{where}[{index}]")
    elif isinstance(value, str):
        yield where, value
    elif where:
        yield where, json.dumps(value, ensure_ascii=False)
