"""A condition with every place where it can turn out one way or the other: its comparisons, and the operands of its
`and`s and `or`s. Pure.

It is evaluated as a decision does it, from the left and only as far as needed: a branch that was not reached was not
seen. What a branch gives is asked of the condition language itself, by its own text.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from gateway.policy.compiler import compile_condition
from gateway.policy.condition import Condition, ConditionError
from gateway.policy.logic import UNDECIDED, Truth, negation
from gateway.policy.scope import Scope

__all__ = ["OUTCOMES", "Branch", "Branches", "Outcome", "branches_of", "named"]

Outcome = Literal["true", "false", "undecidable"]
OUTCOMES: tuple[Outcome, ...] = ("true", "false", "undecidable")

Note = Callable[[int, Truth], None]
_Walk = Callable[[Scope, Note], Truth]
_BOTH: frozenset[Outcome] = frozenset({"true", "false"})
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Branch:
    """`wanted` are the outcomes that cases can show: undecidable only where a value may be missing or of another kind,
    and none where nothing is looked at.
    """

    text: str
    wanted: frozenset[Outcome]


@dataclass(frozen=True, slots=True)
class Branches:
    """`look` evaluates the condition, and tells each branch that it reaches by its number."""

    each: tuple[Branch, ...]
    look: _Walk = field(compare=False, repr=False)


def named(answer: Truth) -> Outcome:
    return "undecidable" if answer is UNDECIDED else "true" if answer else "false"


@lru_cache(_REMEMBERED)
def branches_of(when: Condition) -> Branches:
    """Every branch of a condition that was compiled; in doubt the whole of it is one."""
    reader = _Reader(when.text)
    try:
        walk = reader.read(ast.parse(when.text, mode="eval").body)
        return Branches(tuple(reader.branches), walk)
    except (ConditionError, SyntaxError):
        whole = _Reader(when.text)
        return Branches((_branch(when),), whole.leaf(when))


class _Reader:
    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        self.branches: list[Branch] = []

    def read(self, node: ast.expr) -> _Walk:
        match node:
            case ast.BoolOp(op=op, values=values):
                return _joined([self._operand(value) for value in values], ends=isinstance(op, ast.Or))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.read(operand)
                return lambda scope, note: negation(inner(scope, note))
            case ast.Compare(comparators=[_, _, *_]):
                return _joined([self._pair(node, number) for number in range(len(node.ops))], ends=False)
        return self.leaf(compile_condition(self._source(node, node)))

    def leaf(self, when: Condition) -> _Walk:
        """One question that has no parts."""
        self.branches.append(_branch(when))
        number = len(self.branches) - 1

        def walk(scope: Scope, note: Note) -> Truth:
            answer = when.test(scope)
            note(number, answer)
            return answer

        return walk

    def _operand(self, node: ast.expr) -> _Walk:
        """An operand that is made of others is a branch, too: `(a or b)` within an `and`."""
        if isinstance(node, (ast.Compare, ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Constant)):
            return self.read(node)
        number = len(self.branches)
        self.branches.append(Branch("", frozenset()))
        inner = self.read(node)
        wanted = frozenset[Outcome]().union(*(branch.wanted for branch in self.branches[number + 1 :]))
        self.branches[number] = Branch(self._source(node, node), wanted)

        def walk(scope: Scope, note: Note) -> Truth:
            answer = inner(scope, note)
            note(number, answer)
            return answer

        return walk

    def _pair(self, node: ast.Compare, number: int) -> _Walk:
        """One of the comparisons of `0 < args.amount <= 100`."""
        sides = [node.left, *node.comparators]
        return self.leaf(compile_condition(self._source(sides[number], sides[number + 1])))

    def _source(self, first: ast.expr, last: ast.expr) -> str:
        return self._bytes[first.col_offset : last.end_col_offset].decode()  # Python counts bytes


def _joined(walks: list[_Walk], *, ends: bool) -> _Walk:
    """`and` ends at the first false, `or` at the first true."""

    def walk(scope: Scope, note: Note) -> Truth:
        result: Truth = not ends
        for one in walks:
            answer = one(scope, note)
            if answer is ends:
                return ends
            if answer is UNDECIDED:
                result = UNDECIDED
        return result

    return walk


def _branch(when: Condition) -> Branch:
    if not when.paths:
        return Branch(when.text, frozenset())
    missing = any(path.root == "args" and path.text != "args" and not path.guarded for path in when.paths)
    return Branch(when.text, _BOTH | {"undecidable"} if missing else _BOTH)
