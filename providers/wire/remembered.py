"""What was encoded for the last request, and need not be for this one: tools stay the same from turn to turn. Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["remembered"]

T = TypeVar("T")
R = TypeVar("R")


def remembered(function: Callable[[Sequence[T]], R], *, keep: int = 8) -> Callable[[Sequence[T]], R]:
    """The function, with its last results kept for the very same tuple. What is not a tuple may change: it is not kept.

    A result is shared between requests: nobody may change it.
    """
    kept: dict[int, tuple[Sequence[T], R]] = {}  # by identity; the tuple is held, so that its id is not used again

    def of(items: Sequence[T]) -> R:
        found = kept.get(id(items))
        if found is not None:
            return found[1]
        result = function(items)
        if isinstance(items, tuple):
            if len(kept) >= keep:
                del kept[next(iter(kept))]
            kept[id(items)] = (items, result)
        return result

    return of
