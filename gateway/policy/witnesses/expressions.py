"""A regular expression -> a few texts that it matches, as far as that is easy to say. Pure.

Python's parser reads it, and nothing is matched here: whether a text fits is asked of the condition itself.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["matching"]

_LONGEST = 1_000
_CATEGORIES: Mapping[str, str] = {"CATEGORY_DIGIT": "0", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}

_Tree = Iterable[tuple[Any, Any]]


def matching(pattern: str) -> list[str]:
    """The shortest and a longer one; none for what Python's syntax does not have."""
    try:
        tree = import_module("re._parser").parse(pattern)
        return [_text(tree, longer=longer) for longer in (False, True)]
    except Exception:  # noqa: BLE001 - it is RE2's syntax, and this only guesses
        return []


def _text(tree: _Tree, *, longer: bool) -> str:
    pieces = (_PIECES[str(kind)](what, longer) for kind, what in tree if str(kind) in _PIECES)
    return "".join(pieces)[:_LONGEST]


def _repeated(what: Any, longer: bool) -> str:
    least, most, inner = what
    text = _text(inner, longer=longer)
    count: int = min(int(most), max(least, 1)) if longer else least
    return text * min(count, _LONGEST // max(1, len(text)))


def _one_of(what: Any, longer: bool) -> str:
    kind, value = what[-1 if longer else 0]
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "RANGE":
            return chr(value[longer])
        case "CATEGORY":
            return _CATEGORIES.get(str(value), "~")
    return "~"


_PIECES: Mapping[str, Callable[[Any, bool], str]] = {
    "LITERAL": lambda what, _: chr(what),
    "ANY": lambda _, __: "a",
    "NOT_LITERAL": lambda what, _: chr(what ^ 1),
    "IN": _one_of,
    "MAX_REPEAT": _repeated,
    "MIN_REPEAT": _repeated,
    "SUBPATTERN": lambda what, longer: _text(what[3], longer=longer),
    "BRANCH": lambda what, longer: _text(what[1][-1 if longer else 0], longer=longer),
}
