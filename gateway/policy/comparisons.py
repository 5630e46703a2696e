"""The comparisons of the condition language: what decides each, and which kinds it can decide at all. Pure."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.logic import Truth, contains, equal, negation, ordered
from gateway.policy.scope import Kind

__all__ = ["COMPARISONS", "Comparison", "is_chain"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`fits` says of two kinds, known when the policy is loaded, whether `decide` can ever give true or false."""

    sign: str
    decide: Callable[[Any, Any], Truth]
    fits: Callable[[Kind, Kind], bool]


def _equatable(left: Kind, right: Kind) -> bool:
    alike = left == right or "any" in (left, right) or {left, right} == {"weekday", "string"}
    return "object" not in (left, right) and (alike or "null" in (left, right))


def _orderable(left: Kind, right: Kind) -> bool:
    return {left, right} <= {"number", "string", "any"} and (left == right or "any" in (left, right))


def _containable(left: Kind, right: Kind) -> bool:
    return right in ("list", "any") or (right in ("object", "string") and left in ("string", "weekday", "any"))


COMPARISONS: Mapping[type[ast.cmpop], Comparison] = {
    ast.Eq: Comparison("==", equal, _equatable),
    ast.NotEq: Comparison("!=", lambda left, right: negation(equal(left, right)), _equatable),
    ast.Lt: Comparison("<", ordered(operator.lt), _orderable),
    ast.LtE: Comparison("<=", ordered(operator.le), _orderable),
    ast.Gt: Comparison(">", ordered(operator.gt), _orderable),
    ast.GtE: Comparison(">=", ordered(operator.ge), _orderable),
    ast.In: Comparison("in", contains, _containable),
    ast.NotIn: Comparison("not in", lambda item, container: negation(contains(item, container)), _containable),
}

_ONE_WAY = ({ast.Lt, ast.LtE}, {ast.Gt, ast.GtE}, {ast.Eq})


def is_chain(signs: Sequence[ast.cmpop]) -> bool:
    """Whether several comparisons in a row say what they seem to: `0 < x <= 9` does, `a != b != c` and
    `x in y == true` do not.
    """
    return len(signs) == 1 or any({type(sign) for sign in signs} <= way for way in _ONE_WAY)
