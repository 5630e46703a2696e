"""The closures of which a compiled condition is made. Pure and total: each gives a value for every scope."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.policy.condition import Node
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.scope import Kind, Scope
from gateway.values import value

__all__ = ["Expr", "all_of", "any_of", "binary", "is_null", "literal", "reader"]


@value(frozen=True, slots=True)
class Expr:
    """A compiled expression: what gives its value, its kind, and the value itself if it is literal."""

    run: Node
    kind: Kind
    literal: Any = UNDECIDED


def literal(written: Any) -> Expr:
    return Expr(lambda _scope: written, _KIND_OF[type(written)], written)


def reader(steps: tuple[str | int, ...]) -> Node:
    """Reads a path below the arguments: lookup in objects and lists, never an attribute of anything."""
    if len(steps) == 1 and isinstance(steps[0], str):
        key = steps[0]
        return lambda scope: UNDECIDED if scope.args is None else scope.args.get(key, UNDECIDED)

    def run(scope: Scope) -> Any:
        found: Any = UNDECIDED if scope.args is None else scope.args
        for step in steps:
            found = _item(found, step)
        return found

    return run


def binary(decide: Callable[[Any, Any], Truth], left: Node, right: Node) -> Node:
    return lambda scope: decide(left(scope), right(scope))


def is_null(left: Expr, right: Expr, *, same: bool) -> Node:
    """A written null is a question about kinds, so that a value of another kind answers it."""
    read = right.run if left.kind == "null" else left.run

    def run(scope: Scope) -> Truth:
        found = read(scope)
        return UNDECIDED if found is UNDECIDED else (found is None) is same

    return run


def _item(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step, UNDECIDED) if isinstance(value, Mapping) else UNDECIDED
    inside = type(value) is list and -len(value) <= step < len(value)
    return value[step] if inside else UNDECIDED


def all_of(nodes: list[Node]) -> Node:
    if len(nodes) == 1:
        return nodes[0]

    def run(scope: Scope) -> Truth:
        result: Truth = True
        for node in nodes:
            value = node(scope)
            if value is False:
                return False
            if value is not True:
                result = UNDECIDED
        return result

    return run


def any_of(nodes: list[Node]) -> Node:
    def run(scope: Scope) -> Truth:
        result: Truth = False
        for node in nodes:
            value = node(scope)
            if value is True:
                return True
            if value is not False:
                result = UNDECIDED
        return result

    return run


_KIND_OF: Mapping[type, Kind] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    type(None): "null",
}
