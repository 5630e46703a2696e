"""How a wrong word is answered. Pure."""

from collections.abc import Iterable
from heapq import nsmallest
from itertools import islice

__all__ = ["closest", "did_you_mean", "listed"]

_CLOSE = 0.6
_FEW = 12
LONGEST = 128  # characters of a word that is looked up: to compare two costs the product of their lengths
MOST_KNOWN = 10_000
COMPARED = 50_000  # pairs of characters: so many names of such a length are compared with the word, one by one


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name that a wrong word most likely means, if any is like it. A few milliseconds at most, whatever is known:
    it is asked with words that strangers choose, on the event loop.

    Only names of about the same length are looked at, and of these those that have most letters in common with it.
    """
    from difflib import get_close_matches  # only a wrong word pays for it

    if not 0 < len(word) <= LONGEST:
        return None
    letters, length, odd = frozenset(word), len(word), max(2, len(word) // 2)
    alike = [name for name in islice(known, MOST_KNOWN) if -odd <= len(name) - length <= odd]
    few = nsmallest(max(4, COMPARED // length**2), alike, key=lambda name: len(letters.symmetric_difference(name)))
    return next(iter(get_close_matches(word, few, n=1, cutoff=_CLOSE)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `path`?``, or else the whole list when it is short, or nothing."""
    names = sorted(set(known))
    by_lower = {name.lower(): name for name in names}
    close = closest(word.lower(), by_lower)
    if close:
        return f"did you mean `{by_lower[close]}`?"
    return f"known: {listed(names)}" if 0 < len(names) <= _FEW else ""


def listed(words: Iterable[str]) -> str:
    """`` `a`, `b` ``"""
    return ", ".join(f"`{word}`" for word in words)
