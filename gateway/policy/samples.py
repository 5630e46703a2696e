"""A few values that stand for all values, as far as comparisons with written ones can tell them apart. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor
from typing import Any

from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import WEEKDAYS

__all__ = ["numbers", "samples", "texts"]

_RANGES: Mapping[str, Sequence[int]] = {"now.hour": range(24), "now.minute": range(60)}
_ALWAYS_THERE = ("now.", "run.")
_NEVER_NEGATIVE = ("run.", "subject.auth_age")
_NOT_ALWAYS = ("run.servers",)
_ANOTHER: Any = {}  # of a kind that no written value has


def samples(name: str, kind: str, written: Sequence[Any]) -> tuple[Any, ...]:
    """Values for `args.amount`, `now.hour`, `len(args.to)`: of a kind of the condition language, compared with these.

    With the missing value, unless there always is one.
    """
    if name in _RANGES:
        return tuple(_RANGES[name])
    missing = () if name.startswith(_ALWAYS_THERE) and name not in _NOT_ALWAYS else (UNDECIDED,)
    return (*missing, *_values(name, kind, written))


def _values(name: str, kind: str, written: Sequence[Any]) -> Iterator[Any]:
    if kind == "weekday":
        yield from WEEKDAYS
    elif kind == "bool":
        yield from (True, False)
    elif kind == "number":
        if name.startswith("len("):
            edges = [edge for value in written if _is_number(value) for edge in (floor(value), ceil(value))]
            yield from (found for found in numbers([0, *edges]) if found >= 0 and found == int(found))
        else:
            counted = name.startswith(_NEVER_NEGATIVE)
            yield from (found for found in numbers([0, *written] if counted else written) if found >= 0 or not counted)
    elif kind == "string":
        yield from texts(written)
    else:
        yield from _of_any_kind(written)


def _of_any_kind(written: Sequence[Any]) -> Iterator[Any]:
    yield _ANOTHER
    if any(value is None for value in written):
        yield None
    if any(isinstance(value, bool) for value in written):
        yield from (True, False)
    if any(_is_number(value) for value in written):
        yield from numbers(written)
    if any(isinstance(value, str) for value in written):
        yield from texts(written)
    lists = [value for value in written if isinstance(value, list)]
    yield from ([[], *lists] if lists else [])


def numbers(written: Sequence[Any]) -> list[Any]:
    """Each written number, one between each two, one below and one above all; 0 if there is none."""
    known = sorted({value for value in written if _is_number(value)})
    if not known:
        return [0]
    between = [_middle(low, high) for low, high in pairwise(known)]
    return sorted({known[0] - 1, *known, *between, known[-1] + 1})


def _middle(low: Any, high: Any) -> Any:
    whole = isinstance(low, int) and isinstance(high, int) and high - low > 1
    return (low + high) // 2 if whole else low + (high - low) / 2


def texts(written: Sequence[Any]) -> list[str]:
    """Each written text, the next one after it, and the first of all."""
    known = sorted({value for value in written if isinstance(value, str)})
    return list(dict.fromkeys(["", *(text for one in known for text in (one, f"{one}\x00"))]))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
