"""The arguments of some calls -> a condition that holds of them and of little else. Pure.

The condition says which arguments there are, and that there are no others: a call with one more is another call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.call import JsonObject
from gateway.policy.suggest.values import narrowed
from gateway.policy.suggest.writing import path_text

__all__ = ["Narrow", "Shape", "narrow", "shape_of"]

Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Which arguments there are: the size of each object (the arguments themselves are one), and where values stand."""

    objects: tuple[tuple[Steps, int], ...]
    leaves: tuple[Steps, ...]


@dataclass(frozen=True, slots=True)
class Narrow:
    """Conditions that all must hold, and what they let through besides what was seen."""

    parts: tuple[str, ...]
    notes: tuple[str, ...]


def shape_of(args: JsonObject) -> Shape:
    """Calls of one shape can be described together."""
    objects: list[tuple[Steps, int]] = []
    leaves: list[Steps] = []
    _walk(args, (), objects, leaves)
    return Shape(tuple(objects), tuple(leaves))


def _walk(value: Mapping[str, Any], at: Steps, objects: list[tuple[Steps, int]], leaves: list[Steps]) -> None:
    objects.append((at, len(value)))
    for key, item in sorted(value.items()):
        if isinstance(item, Mapping):
            _walk(item, (*at, key), objects, leaves)
        else:
            leaves.append((*at, key))


def narrow(shape: Shape, calls: Sequence[JsonObject]) -> Narrow:
    """For calls of one shape. Raises Unwritable where an argument's name can't be written."""
    found = [narrowed(path_text(leaf), leaf[-1], [_at(args, leaf) for args in calls]) for leaf in shape.leaves]
    sizes = [f"len({path_text(steps)}) == {size}" for steps, size in shape.objects]
    return Narrow((*(one.text for one in found), *sizes), tuple(one.note for one in found if one.note))


def _at(args: JsonObject, leaf: Steps) -> Any:
    value: Any = args
    for step in leaf:
        value = value[step]
    return value
