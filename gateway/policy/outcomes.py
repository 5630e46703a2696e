"""What a condition can be at all: true, false, undecidable. Pure.

A condition is taken apart into its smallest questions, and tried with values that stand for all others: for numbers and
texts each written constant and what lies between them, a value of another kind, and none. Questions that are more than
a comparison with a written value (`matches(...)`, `args.a == args.b`) may be answered in any way, but each always in
the same. So an answer that is not in the result can't happen; one that is in it mostly can.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from gateway.policy.comparisons import COMPARISONS
from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition
from gateway.policy.functions import FUNCTIONS
from gateway.policy.logic import UNDECIDED, Truth, conjunction, negation, truth
from gateway.policy.samples import samples
from gateway.policy.scope import NAMES, ROOTS, Scope

__all__ = ["EVERYTHING", "literal_of", "outcomes"]

EVERYTHING: frozenset[Truth] = frozenset({True, False, UNDECIDED})
_WORLDS = 3000  # combinations of values; more are not tried, and then anything may happen
_ANSWERS: tuple[Truth, ...] = (True, False, UNDECIDED)
_NOTHING: Any = object()
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}

World = Mapping[str, Any]
Ask = Callable[[World], Truth]


def outcomes(
    condition: Condition, scope: Scope | None = None, unknown: AbstractSet[str] = frozenset(ROOTS)
) -> frozenset[Truth]:
    """The answers that can come out. `unknown` are the roots (`args`, `run`) whose values may be anything; what the
    others hold is read from the scope, which may be None if there are no others.
    """
    tree = ast.parse(condition.text, mode="eval").body
    reading = _Reading(scope, unknown)
    ask = reading.question(tree)
    names = list(reading.terms)
    values = [reading.terms[name].values(name) for name in names]
    if prod(map(len, values)) > _WORLDS:
        return EVERYTHING
    return frozenset(ask(dict(zip(names, world, strict=True))) for world in product(*values))


def literal_of(node: ast.expr) -> Any:
    """A written value; UNDECIDED for anything else."""
    found = _literal(node)
    return UNDECIDED if found is _NOTHING else found


@dataclass(slots=True)
class _Term:
    """A value that is not known, and what it is compared with. `free`: any answer, to a question of its own."""

    kind: str
    written: list[Any] = field(default_factory=list)
    free: bool = False

    def values(self, name: str) -> tuple[Any, ...]:
        return _ANSWERS if self.free else samples(name, self.kind, self.written)


class _Reading:
    """One condition: questions to functions of a world, and the terms met on the way."""

    def __init__(self, scope: Scope | None, unknown: AbstractSet[str]) -> None:
        self._scope, self._unknown = scope, unknown
        self.terms: dict[str, _Term] = {}

    def question(self, node: ast.expr) -> Ask:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return _every([self.question(part) for part in parts])
            case ast.BoolOp(values=parts):
                return _some([self.question(part) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                ask = self.question(inner)
                return lambda world: negation(ask(world))
        if self._is_known(node):
            return self._known(node)
        match node:
            case ast.Compare():
                return self._compare(node)
            case ast.Call(func=ast.Name(id="has"), args=[path]):
                there = self._term(path)
                return lambda world: world[there] is not UNDECIDED
            case ast.Attribute() | ast.Subscript():
                name = self._term(node, True, False)
                return lambda world: truth(world[name])
        return self._free(node)

    def _is_known(self, node: ast.expr) -> bool:
        """Whether all that it looks at is; not every function looks only at what stands in its brackets."""
        return not any(path.root in self._unknown for path in _compiled(ast.unparse(node)).paths)

    def _known(self, node: ast.expr) -> Ask:
        scope: Any = self._scope  # None, if there is nothing that could be read from it
        answer = _compiled(ast.unparse(node)).test(scope)
        return lambda _world: answer

    def _free(self, node: ast.expr) -> Ask:
        name = ast.unparse(node)
        self.terms[name] = _Term("bool", free=True)
        return lambda world: truth(world[name])

    def _compare(self, node: ast.Compare) -> Ask:
        sides = [node.left, *node.comparators]
        pairs = zip(sides, node.ops, sides[1:], strict=False)
        return _every([self._pair(left, op, right) for left, op, right in pairs])

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Ask:
        low, high = _literal(left), _literal(right)
        whole = ast.Compare(left, [op], [right])
        if self._is_known(whole):
            return self._known(whole)
        if isinstance(op, (ast.In, ast.NotIn)) and not isinstance(high, list):
            return self._free(whole)
        if high is not _NOTHING and _is_term(left):
            name = self._term(left, *(high if isinstance(op, (ast.In, ast.NotIn)) else [high]))
            return _asking(name, op, high, first=True)
        if low is not _NOTHING and _is_term(right):
            name = self._term(right, low)
            return _asking(name, op, low, first=False)
        return self._free(whole)

    def _term(self, node: ast.expr, *written: Any) -> str:
        name = ast.unparse(node)
        self.terms.setdefault(name, _Term(_kind_of(node))).written.extend(written)
        return name


@lru_cache(1024)
def _compiled(text: str) -> Condition:
    return compile_condition(text)


def _asking(name: str, op: ast.cmpop, written: Any, *, first: bool) -> Ask:
    """Compares a term with a written value; `first`: the term stands in front."""
    decide = COMPARISONS[type(op)].decide
    of_null = written is None and isinstance(op, (ast.Eq, ast.NotEq))

    def ask(world: World) -> Truth:
        value = world[name]
        if of_null:  # a question about kinds, which a value of any kind answers
            return UNDECIDED if value is UNDECIDED else (value is None) is isinstance(op, ast.Eq)
        return decide(value, written) if first else decide(written, value)

    return ask


def _every(asks: list[Ask]) -> Ask:
    return lambda world: conjunction([ask(world) for ask in asks])


def _some(asks: list[Ask]) -> Ask:
    def ask(world: World) -> Truth:
        answers = [one(world) for one in asks]
        return True if True in answers else UNDECIDED if UNDECIDED in answers else False

    return ask


def _is_term(node: ast.expr) -> bool:
    return isinstance(node, (ast.Attribute, ast.Subscript, ast.Call))


def _kind_of(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            return FUNCTIONS[name].gives
        case ast.Attribute(value=ast.Name(id=root), attr=name) if name in NAMES.get(root, {}):
            return NAMES[root][name][0]
    return "any"


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
        case ast.UnaryOp(op=ast.USub(), operand=inner) if isinstance(number := _literal(inner), (int, float)):
            return -number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _all(map(_literal, items))
    return _NOTHING


def _all(values: Iterable[Any]) -> Any:
    found = list(values)
    return _NOTHING if _NOTHING in found else found
