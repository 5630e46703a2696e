"""Rows of text as aligned columns, and times as people say them. Pure."""

import unicodedata
from collections.abc import Sequence

from gateway.budget import shown

__all__ = ["ago", "aligned", "within"]


def aligned(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """One line for each row; every column but the last is as wide as its widest cell. Rows have equal lengths."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)][:-1]
    return [gap.join([*map(_padded, row, widths), row[-1]]).rstrip() for row in rows]


def ago(then: int, now: int) -> str:
    """`3 min ago`: how long it is since, in the largest unit. Both in milliseconds."""
    return f"{_largest(now - then)} ago"


def within(then: int, now: int) -> str:
    """`in 6 d`: how long it is until then, in the largest unit. Both in milliseconds."""
    return f"in {_largest(then - now)}"


def _largest(milliseconds: int) -> str:
    """The first of `2 h 5 min`, without fractions of a second."""
    whole = shown("millis", max(0, milliseconds) // 1000 * 1000).split(" ")
    return " ".join(whole[:2])


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Cells of a terminal: wide characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
