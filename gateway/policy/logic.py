"""Three-valued logic over JSON values: true, false, undecidable (Kleene's strong logic). Pure and total.

Nothing here raises and nothing is converted: a comparison of different kinds of values is undecidable. A bool is never
a number, NaN compares with nothing, null equals only null.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Literal

__all__ = ["UNDECIDED", "Truth", "Undecided", "conjunction", "contains", "equal", "negation", "ordered", "truth"]


class Undecided(Enum):
    """The third truth value; also what a missing value reads as."""

    UNDECIDED = "undecidable"

    def __repr__(self) -> str:
        return "undecidable"


UNDECIDED: Final = Undecided.UNDECIDED

Truth = bool | Literal[Undecided.UNDECIDED]


def truth(value: Any) -> Truth:
    """A bool as itself; anything else is undecidable, also 1 and "true"."""
    return value if value is True or value is False else UNDECIDED


def negation(value: Any) -> Truth:
    return (not value) if value is True or value is False else UNDECIDED


def conjunction(values: list[Truth]) -> Truth:
    """False beats undecidable beats true."""
    return False if False in values else UNDECIDED if UNDECIDED in values else True


def _number(value: Any) -> bool:
    kind = type(value)
    return kind is int or (kind is float and not math.isnan(value))


def equal(left: Any, right: Any) -> Truth:
    """Equality of two strings, numbers, bools, nulls or lists of these; undecidable for two different kinds."""
    if type(left) is str and type(right) is str:
        return left == right
    if _number(left) and _number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return UNDECIDED
    if left is None or type(left) is bool:
        return left is right
    return _equal_lists(left, right) if type(left) is list else UNDECIDED


def _equal_lists(left: list[Any], right: list[Any]) -> Truth:
    if len(left) != len(right):
        return False
    try:
        return conjunction([equal(a, b) for a, b in zip(left, right, strict=True)])
    except RecursionError:  # nested deeper than anything that a tool takes
        return UNDECIDED


def ordered(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Truth]:
    """`<` and its kin between two numbers or two strings (by code point); else undecidable."""

    def decide(left: Any, right: Any) -> Truth:
        if (_number(left) and _number(right)) or (type(left) is str and type(right) is str):
            return bool(compare(left, right))
        return UNDECIDED

    return decide


def contains(item: Any, container: Any) -> Truth:
    """`item in container`: an element of a list, a part of a string, a key of an object; else undecidable.

    In a list, an equal element decides; without one, elements of another kind than the item make it undecidable.
    """
    if type(container) is list:
        found = [equal(item, element) for element in container]
        return True if True in found else UNDECIDED if UNDECIDED in found or item is UNDECIDED else False
    if type(item) is str and type(container) is str:
        return item in container
    if type(item) is str and isinstance(container, Mapping):
        return item in container
    return UNDECIDED
