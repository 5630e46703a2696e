"""Values, paths and rows as the policy's own text. Pure."""

import keyword
import re
from collections.abc import Sequence
from typing import Any

from gateway.visible import hides

__all__ = ["Unwritable", "literal", "path_text", "row", "tool_pattern"]

LONGEST = 120  # characters of a text that is written into a line

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ODD = re.compile(r"[^A-Za-z0-9._/:@%+~=&;$-]")
_ODD_SERVER = re.compile(r"[^A-Za-z0-9._-]")


class Unwritable(ValueError):
    """A value that a condition can't hold, or that nobody could read in one."""


def literal(value: Any) -> str:
    """A text, a number, true, false, null, or a list of these. Raises Unwritable."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(map(literal, value))}]"
    raise Unwritable("an object")


def _text(text: str) -> str:
    if len(text) > LONGEST:
        raise Unwritable("a long text")
    if "\\" in text or not text.isprintable() or any(hides(character) for character in text):
        raise Unwritable("a text with a character that a condition can't hold")
    quote = next((quote for quote in "'\"" if quote not in text), None)
    if quote is None:
        raise Unwritable("a text with both kinds of quotes")
    return f"{quote}{text}{quote}"


def path_text(steps: Sequence[str]) -> str:
    """`args.a["odd name"]`. Raises Unwritable."""
    return "args" + "".join(
        f".{step}" if _NAME.fullmatch(step) and not keyword.iskeyword(step) else f"[{literal(step)}]" for step in steps
    )


def tool_pattern(path: str) -> str:
    """The pattern of one tool: its path, with `?` for what a pattern can't hold."""
    server, _, name = path.partition("/")
    return f"{_ODD_SERVER.sub('?', server)}/{_ODD.sub('?', name)}"


def row(cells: Sequence[str]) -> str:
    """A line of the file; a cell that holds a comma or a double quote stands in quotes, as readers of CSV want."""
    return ", ".join(_cell(cell) for cell in cells)


def _cell(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"') else cell
