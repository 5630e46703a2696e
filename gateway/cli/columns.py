"""Rows of text as aligned columns, and times as people say them. Pure."""

import unicodedata
from collections.abc import Sequence

from gateway.budget import shown
from gateway.visible import visible

__all__ = ["ago", "aligned", "within"]


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """One line for each row; every column but the last is as wide as its widest cell. Rows have equal lengths. What
    would steer a terminal, or begin a line of its own, is spelled out, whoever wrote it.
    """
    rows = [[*map(visible, row)] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)][:-1]
    return [gap.join([*map(_padded, row, widths), row[-1]]).rstrip() for row in rows]


def ago(then: int, now: int) -> str:
    """`3 min 10 s ago`: how long it is since. Both in milliseconds."""
    return f"{_span(then, now)} ago"


def within(now: int, then: int) -> str:
    """`in 6 d 23 h`: how long it is until then. Both in milliseconds."""
    return f"in {_span(now, then)}"


def _span(first: int, second: int) -> str:
    """Without fractions of a second; nothing if the clock went back in between."""
    return shown("millis", max(0, second - first) // 1000 * 1000)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Cells of a terminal: wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
