"""Numbers that a condition holds below a limit, and that may be as negative as anybody likes. Pure."""

import ast
from collections.abc import Iterator

from gateway.policy.condition import Condition

__all__ = ["only_bounded_above"]

_BELOW = (ast.Lt, ast.LtE)
_ABOVE = (ast.Gt, ast.GtE)


def only_bounded_above(condition: Condition) -> list[str]:
    """The arguments (`args.amount`) that must stay below a written number, and of which nothing else is said.

    Whatever else the condition asks about an argument, but for its being there, counts as a bound: who wrote it has
    thought of it.
    """
    trees = [ast.parse(part.text, mode="eval").body for part in condition.parts]
    held = dict.fromkeys(path for tree in trees for path in _held_below(tree))
    return [path for path in held if all(_spoken_of(tree, path) == _times_held(tree, path) for tree in trees)]


def _held_below(part: ast.expr) -> Iterator[str]:
    """Of one operand of the outermost `and`: `args.a < 5`, `5 >= args.a`."""
    if not isinstance(part, ast.Compare):
        return
    sides = [part.left, *part.comparators]
    for left, sign, right in zip(sides, part.ops, sides[1:], strict=False):
        small, large = (left, right) if isinstance(sign, _BELOW) else (right, left)
        if isinstance(sign, _BELOW + _ABOVE) and _is_argument(small) and _is_number(large):
            yield ast.unparse(small)


def _times_held(part: ast.expr, path: str) -> int:
    return list(_held_below(part)).count(path)


def _spoken_of(part: ast.expr, path: str) -> int:
    """How many comparisons and calls the path is in, in each of their places; `has(path)` says nothing about it."""
    sides = [side for node in ast.walk(part) for side in _sides(node)]
    return [ast.unparse(side) for side in sides].count(path)


def _sides(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            return [*sides, *sides[1:-1]]  # what stands between two signs is compared twice
        case ast.Call(func=ast.Name(id="has")):
            return []
        case ast.Call(args=given):
            return list(given)
    return []


def _is_argument(node: ast.expr) -> bool:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "args"


def _is_number(node: ast.expr) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub()):
            return True
        case ast.Constant(value=value):
            return type(value) in (int, float)
    return False
