"""Which written texts a condition compares with what it knows: `'ann'` with `subject.user`. Pure."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.policy.condition import Condition
from gateway.policy.outcomes import literal_of
from gateway.policy.scope import NAMES

__all__ = ["Saying", "sayings"]

_GLOBS = ("matches", "all_match", "any_match")
_RANKS = ast.Lt | ast.LtE | ast.Gt | ast.GtE


@dataclass(frozen=True, slots=True)
class Saying:
    """`fact` is a name (`subject.user`) or a function (`lower`); `text` is how the condition writes it.

    `ranked`: it asks which comes first, so that the text need not be one that the fact can be. `glob`: the text is a
    pattern.
    """

    fact: str
    text: str
    value: str
    ranked: bool = False
    glob: bool = False


def sayings(condition: Condition) -> tuple[Saying, ...]:
    """Each once."""
    return _sayings(condition.text)


@lru_cache(4096)
def _sayings(text: str) -> tuple[Saying, ...]:
    found = (saying for node in ast.walk(ast.parse(text, mode="eval")) for saying in _of_node(text, node))
    return tuple(dict.fromkeys(found))


def _of_node(text: str, node: ast.AST) -> Iterator[Saying]:
    match node:
        case ast.Compare(left=left, ops=signs, comparators=others):
            for one, sign, other in zip([left, *others], signs, others, strict=False):
                yield from _of_pair(text, one, sign, other)
        case ast.Call(func=ast.Name(id=name), args=[asked, *globs]) if name in _GLOBS:
            for glob in globs:
                yield from _of_sides(text, asked, glob, glob=True)


def _of_pair(text: str, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Iterator[Saying]:
    among = isinstance(sign, (ast.In, ast.NotIn))
    if not among or isinstance(literal_of(right), list):  # else a part of a text is asked for
        yield from _of_sides(text, left, right, ranked=isinstance(sign, _RANKS))
    if not among or _is_list(right) or _fact(right) == "lower":  # each part of a text in small letters is in them
        yield from _of_sides(text, right, left, ranked=isinstance(sign, _RANKS))


def _of_sides(
    text: str, asked: ast.expr, written: ast.expr, *, ranked: bool = False, glob: bool = False
) -> Iterator[Saying]:
    fact, value = _fact(asked), literal_of(written)
    values: list[Any] = value if isinstance(value, list) else [value]
    for one in values if fact else ():
        if isinstance(one, str):
            yield Saying(fact, _source(text, asked), one, ranked, glob)


def _fact(node: ast.expr) -> str:
    match node:
        case ast.Attribute(value=ast.Name(id=root), attr=name) if name in NAMES.get(root, {}):
            return f"{root}.{name}"
        case ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def _is_list(node: ast.expr) -> bool:
    root, _, name = _fact(node).partition(".")
    return name in NAMES.get(root, {}) and NAMES[root][name][0] == "list"


def _source(text: str, node: ast.expr) -> str:
    return text.encode()[node.col_offset : node.end_col_offset].decode()
