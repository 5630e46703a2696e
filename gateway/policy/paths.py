"""Paths below the arguments, `args.to[0].iban`: read from a condition, followed, and set. Pure."""

import ast
from collections.abc import Mapping
from typing import Any

from gateway.policy.logic import UNDECIDED
from gateway.policy.outcomes import literal_of

__all__ = ["Steps", "steps_of", "value_at", "with_value"]

Steps = tuple[str | int, ...]


def steps_of(node: ast.expr) -> Steps | None:
    """The steps below `args`; None for anything else."""
    steps: list[str | int] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        step = node.attr if isinstance(node, ast.Attribute) else literal_of(node.slice)
        steps.append(step if isinstance(step, int) else str(step))
        node = node.value
    return tuple(reversed(steps)) if isinstance(node, ast.Name) and node.id == "args" else None


def value_at(value: Any, steps: Steps) -> Any:
    """What is there; UNDECIDED for nothing."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, UNDECIDED) if isinstance(value, Mapping) else UNDECIDED
        else:
            inside = isinstance(value, list) and -len(value) <= step < len(value)
            value = value[step] if inside else UNDECIDED
    return value


def with_value(args: Mapping[str, Any], steps: Steps, value: Any) -> Mapping[str, Any] | None:
    """The arguments with another value there, the given ones untouched; None where that can't be, in a list that is
    too short, say.
    """
    return _set(args, steps, value) if steps else None


def _set(at: Any, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    first, *rest = steps
    if isinstance(first, str):
        if not isinstance(at, Mapping):
            return None
        inner = _set(at.get(first, {} if rest else None), tuple(rest), value)
        return None if rest and inner is None else {**at, first: inner}
    if not isinstance(at, list) or not -len(at) <= first < len(at):
        return None
    inner = _set(at[first], tuple(rest), value)
    return None if rest and inner is None else [*at[:first], inner, *at[first:][1:]]
