"""One line of a policy file -> its cells, each with the column where it stands. Pure.

Both styles of CSV are read: a cell in double quotes, with `""` for a quote (Excel, Go and Node readers), and a bare
cell, trimmed. In a column that holds code (a condition, JSON) a bare cell keeps commas that stand inside brackets or
quotes, as Casbin's own files do; in every other column a comma always ends the cell. A quote never spans lines.
"""

import re
import unicodedata
from collections.abc import Set as AbstractSet
from typing import NamedTuple

__all__ = ["Cell", "CellError", "closing_nothing", "not_closed", "split_line"]

_CLOSING = {")": "(", "]": "[", "}": "{"}
_OPENING = frozenset(_CLOSING.values())
_BLANK = " \t"
_JOINING = "\t\u200c\u200d"  # in a comment: words of some languages and some pictures are written with them
_LONE_CR = "it ends no line here: save the file with the line ends LF or CRLF"
_CELL = r"""[ \t]*+(?:"([^"]*+)"[ \t]*+|((?!")[^'",(){}\[\]]*+))"""  # one that can be read in one way
_MORE = 7  # cells behind the first, at most
_PLAIN = re.compile(_CELL + f"(?:,{_CELL}" * _MORE + ")?" * _MORE + r"\Z")
_BARE = re.compile(r'([ \t]*+)(?!")([^,]*)')  # up to the next comma; a cell in double quotes isn't one
_TELLING = re.compile(r"""['",(){}\[\]]""")  # what splits, opens or closes; nothing else matters to where a cell ends


class CellError(ValueError):
    """A line that can't be split in exactly one way. `column` counts from 1."""

    def __init__(self, column: int, message: str, hint: str = "") -> None:
        self.column, self.message, self.hint = column, message, hint
        super().__init__(message)


class Cell(NamedTuple):
    """A cell's text, and the column of its first character, counted from 1.

    `doubled` holds the offsets in `text` of quotes that the file writes twice: they shift what follows.
    """

    text: str
    column: int
    doubled: tuple[int, ...] = ()

    def column_of(self, offset: int) -> int:
        """The file's column of the character at this offset of `text`."""
        return self.column + offset + sum(1 for quote in self.doubled if quote < offset)


_new = tuple.__new__  # a third of the time of `Cell(...)`; a policy has a hundred thousand


def split_line(text: str, code: AbstractSet[int] = frozenset()) -> tuple[Cell, ...]:
    """The cells of a line; none for a blank line or a comment. `code` numbers the columns that hold code, from 0.

    Raises CellError for control and invisible characters, an open quote or bracket, and text behind a closing quote.
    In a comment, too: some editors show a line of its own where a character ends one for them, and here it would not
    count.
    """
    if not text.strip(_BLANK):
        return ()
    if text.lstrip(_BLANK).startswith("#"):
        _refuse_invisible(text, allowed=_JOINING)
        return ()
    _refuse_invisible(text)
    return _plain(text) or _any(text, code)


def _plain(text: str) -> tuple[Cell, ...]:
    """The cells of a line in which no bare one holds a quote or a bracket, in half the time; none for another line."""
    found = _PLAIN.match(text)
    cells: list[Cell] = []
    spans = found.regs[1:] if found else ()
    for (begin, until), (start, end) in zip(spans[::2], spans[1::2], strict=True):
        if start >= 0:
            cells.append(_new(Cell, (text[start:end].rstrip(_BLANK), start + 1, ())))
        elif begin >= 0:
            cells.append(_new(Cell, (text[begin:until], begin + 1, ())))
        else:
            break
    return tuple(cells)


def _any(text: str, code: AbstractSet[int]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    at = 0
    while at <= len(text):
        cell, at = _cell(text, at, code=len(cells) in code)
        cells.append(cell)
    return tuple(cells)


def _refuse_invisible(text: str, allowed: str = "\t") -> None:
    if text.isascii() and text.isprintable():
        return
    for offset, char in enumerate(text):
        if char not in allowed and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            hint = _LONE_CR if char == "\r" else "delete it"
            raise CellError(offset + 1, f"invisible character U+{ord(char):04X}", hint)


def _cell(text: str, at: int, *, code: bool) -> tuple[Cell, int]:
    """The cell that begins at an offset, and the offset behind its comma."""
    bare = _BARE.match(text, at)
    if not bare:
        return _quoted(text, text.index('"', at))
    start, end = bare.span(2)
    if code:
        found = _code_end(text, start)
        end = len(text) if found < 0 else found
    return Cell(text[start:end].rstrip(_BLANK), start + 1), end + 1


def _quoted(text: str, start: int) -> tuple[Cell, int]:
    parts: list[str] = []
    doubled: list[int] = []
    at = start + 1
    while True:
        end = text.find('"', at)
        if end < 0:
            raise CellError(start + 1, "a double quote opens here and is not closed on this line")
        parts.append(text[at:end])
        if not text.startswith('"', end + 1):
            break
        doubled.append(sum(map(len, parts)))
        parts.append('"')
        at = end + 2
    return Cell("".join(parts), start + 2, tuple(doubled)), _behind_quote(text, end + 1)


def _behind_quote(text: str, at: int) -> int:
    comma = text.find(",", at)
    end = len(text) if comma < 0 else comma
    rest = text[at:end].strip(_BLANK)
    if rest:
        hint = "a cell in double quotes ends at its closing quote; write strings inside conditions in single quotes"
        raise CellError(at + 1, f"`{rest}` stands behind a closing quote", hint)
    return end + 1


def _code_end(text: str, start: int) -> int:
    """Where the comma stands that ends a bare cell of code; -1 when it is the last."""
    opened: list[tuple[str, int]] = []
    found = _TELLING.search(text, start)
    while found:
        char, at = found[0], found.start()
        if char in "'\"":
            at = _string_end(text, at)
        elif char in _OPENING:
            opened.append((char, at))
        elif char in _CLOSING:
            _close(opened, char, at)
        elif not opened:
            return at
        found = _TELLING.search(text, at + 1)
    if opened:
        raise CellError(opened[-1][1] + 1, *not_closed(opened[-1][0]))
    return -1


def _close(opened: list[tuple[str, int]], char: str, at: int) -> None:
    if not opened or opened.pop()[0] != _CLOSING[char]:
        raise CellError(at + 1, *closing_nothing(char))


def _string_end(text: str, start: int) -> int:
    at = start + 1
    while at < len(text) and text[at] != text[start]:
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise CellError(start + 1, *not_closed(text[start]))
    return at


def not_closed(sign: str) -> tuple[str, str]:
    """Message and hint for a bracket or a quote that opens."""
    closing = next((closing for closing, opening in _CLOSING.items() if opening == sign), sign)
    what = f"`{sign}`" if sign in _OPENING else f"the quote {sign}"
    return f"{what} opens here and is never closed", f"close it with `{closing}`"


def closing_nothing(sign: str) -> tuple[str, str]:
    """Message and hint for a bracket that closes."""
    return f"`{sign}` closes nothing", f"take it out, or write the `{_CLOSING[sign]}` that it belongs to"
