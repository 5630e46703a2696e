"""In which cell of a policy line a cursor stands. Pure. Unlike `cells`, it takes lines that are not finished."""

import re
from dataclasses import dataclass

from gateway.policy.cells import CellError, split_line

__all__ = ["WHEN", "Cursor", "cursor_at", "whole_word"]

WHEN = 5  # the column that holds a condition

_BLANKS = re.compile(r"[ \t]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True, slots=True)
class Cursor:
    """`before` are the cells in front of this one; `text` is what stands in it, up to the cursor, from `start` on."""

    before: tuple[str, ...]
    start: int
    text: str

    @property
    def index(self) -> int:
        return len(self.before)

    @property
    def kind(self) -> str:
        """`p`, `g`, or whatever stands in front."""
        return self.before[0] if self.before else ""


def cursor_at(line: str, offset: int) -> Cursor:
    """Offsets count characters from 0."""
    prefix = line[:offset]
    before: list[str] = []
    at = 0
    while True:
        blanks = _BLANKS.match(prefix, at)
        start = blanks.end() if blanks else at
        quoted = prefix.startswith('"', start)
        end = _quote_end(prefix, start) if quoted else _end(prefix, start, code=len(before) == WHEN)
        if end < 0:
            start += quoted
            return Cursor(tuple(before), start, prefix[start:])
        before.append(prefix[start:end].strip().strip('"').replace('""', '"'))
        at = end + 1


def whole_word(line: str, offset: int) -> tuple[int, str]:
    """The name around an offset, with its dots (`args.amount`), and where it begins; empty where there is none."""
    found = next((word for word in _WORD.finditer(line) if word.start() <= offset <= word.end()), None)
    return (found.start(), found[0]) if found else (offset, "")


def _quote_end(prefix: str, start: int) -> int:
    """Where the comma stands behind a cell in double quotes; -1 while it is open, or is the last."""
    at = start + 1
    while (end := prefix.find('"', at)) >= 0 and prefix.startswith('"', end + 1):
        at = end + 2
    return prefix.find(",", end) if end >= 0 else -1


def _end(prefix: str, start: int, *, code: bool) -> int:
    """Where the comma stands that ends a bare cell; -1 if the cursor is still in it."""
    comma = prefix.find(",", start)
    while code and comma >= 0 and not _is_closed(prefix[start:comma]):
        comma = prefix.find(",", comma + 1)
    return comma


def _is_closed(code: str) -> bool:
    """Whether every bracket and quote in it is closed."""
    try:
        return len(split_line(f"x, {code}", frozenset({1}))) > 0
    except CellError:
        return False
