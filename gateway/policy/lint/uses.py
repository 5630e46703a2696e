"""What a condition does with each argument: what it compares it with, and what that must be. Pure."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.policy.condition import Condition
from gateway.policy.functions import FUNCTIONS
from gateway.policy.lint.schemas import ANY
from gateway.policy.logic import UNDECIDED
from gateway.policy.outcomes import literal_of
from gateway.policy.paths import Steps, steps_of
from gateway.policy.scope import NAMES, Kind

__all__ = ["Pair", "Use", "pairs", "uses"]

_TYPE: Mapping[Kind, str] = {
    "bool": "boolean", "number": "number", "string": "string", "list": "array", "weekday": "string",
    "object": "object", "null": "null",
}  # fmt: skip
_OF_TEXTS = ("all_match", "any_match", "in_domain")  # whose lists hold texts


@dataclass(frozen=True, slots=True)
class Use:
    """`wants` are the JSON types that can be decided; `of_items` the same for the elements, where it must be a list.

    `values` are written values that it must be equal to one of, or not; `against` is what a message calls them.
    `guard`: only whether it is there is asked.
    """

    text: str
    steps: Steps
    wants: frozenset[str] = ANY
    of_items: frozenset[str] = ANY
    values: tuple[Any, ...] = ()
    against: str = ""
    guard: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arguments that are compared with one another. `among`: the one is looked for in the other."""

    text: str
    steps: Steps
    of: str
    other: Steps
    among: bool


def pairs(condition: Condition) -> tuple[Pair, ...]:
    """Each once, in the order of the text."""
    return _pairs(condition.text)


@lru_cache(4096)
def _pairs(text: str) -> tuple[Pair, ...]:
    found: list[Pair] = []
    for node in ast.walk(ast.parse(text, mode="eval")):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        for left, sign, right in zip(sides, getattr(node, "ops", ()), sides[1:], strict=False):
            if (steps := steps_of(left)) and (other := steps_of(right)):
                among = isinstance(sign, (ast.In, ast.NotIn))
                found.append(Pair(_source(text, left), steps, _source(text, right), other, among))
    return tuple(dict.fromkeys(found))


def uses(condition: Condition) -> tuple[Use, ...]:
    """Every use of an argument, in the order of the text."""
    return _uses(condition.text)


@lru_cache(4096)
def _uses(text: str) -> tuple[Use, ...]:
    return tuple(_of_question(text, ast.parse(text, mode="eval").body))


def _of_question(text: str, node: ast.expr) -> Iterator[Use]:
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _of_question(text, part)
        case ast.UnaryOp(operand=inner):
            yield from _of_question(text, inner)
        case ast.Compare():
            sides = [node.left, *node.comparators]
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
                yield from _of_pair(text, left, op, right)
        case _:
            yield from _of_value(text, node, frozenset({"boolean"}), "a yes or no")


def _of_value(
    text: str, node: ast.expr, wants: frozenset[str], against: str, values: tuple[Any, ...] = ()
) -> Iterator[Use]:
    """A path, or a function of one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield from _of_call(text, node, node.func.id)
    elif (steps := steps_of(node)) is not None:
        yield Use(_source(text, node), steps, wants, ANY, values, against)


def _of_call(text: str, node: ast.Call, name: str) -> Iterator[Use]:
    for given in node.args:
        if (steps := steps_of(given)) is None:
            continue
        if name == "has":
            yield Use(_source(text, given), steps, guard=True)
        elif name in FUNCTIONS:
            takes = FUNCTIONS[name].takes
            wants = frozenset(_TYPE[kind] for kind in takes if kind in _TYPE)
            of_items = frozenset({"string"}) if name in _OF_TEXTS else ANY
            yield Use(_source(text, given), steps, wants or ANY, of_items, (), f"`{name}`")


def _of_pair(text: str, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Iterator[Use]:
    if isinstance(op, (ast.In, ast.NotIn)):
        yield from _of_membership(text, left, right)
        return
    for one, other in ((left, right), (right, left)):
        wants = _types_of(other)
        if isinstance(op, (ast.Eq, ast.NotEq)) and wants == {"null"}:
            wants = ANY  # a value of any kind answers
        value = literal_of(other)
        equal = isinstance(op, (ast.Eq, ast.NotEq)) and value is not UNDECIDED and value is not None
        yield from _of_value(text, one, wants, _source(text, other), (value,) if equal else ())


def _of_membership(text: str, item: ast.expr, container: ast.expr) -> Iterator[Use]:
    listed, found = literal_of(container), literal_of(item)
    if steps_of(container) == () and isinstance(found, str):  # `'order' in args` asks what `has(args.order)` does
        yield Use(f"args.{found}", (found,), guard=True)
    if isinstance(listed, list):
        wants = frozenset(_type_of(value) for value in listed) or ANY
        yield from _of_value(text, item, wants, _source(text, container), tuple(listed))
    else:
        yield from _of_value(text, item, ANY, "")
    wants = frozenset({"array", "object", "string"} if type(found) is str else {"array"})
    for use in _of_value(text, container, ANY if found is UNDECIDED else wants, _source(text, item)):
        of_items = ANY if found is UNDECIDED or use.against.startswith("`") else frozenset({_type_of(found)})
        yield Use(use.text, use.steps, use.wants, of_items, (), use.against)


def _types_of(node: ast.expr) -> frozenset[str]:
    """What something has to be to be comparable with this; anything, where that can't be told."""
    value = literal_of(node)
    if value is not UNDECIDED:
        return frozenset({_type_of(value)})
    kind: Kind = "any"
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            kind = FUNCTIONS[name].gives
        case ast.Attribute(value=ast.Name(id=root), attr=name) if name in NAMES.get(root, {}):
            kind = NAMES[root][name][0]
    return frozenset({_TYPE[kind]}) if kind in _TYPE else ANY


def _type_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "null")


def _source(text: str, node: ast.expr) -> str:
    return text.encode()[node.col_offset : node.end_col_offset].decode()
