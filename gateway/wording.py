"""How a wrong word is answered. Pure."""

from collections.abc import Iterable

__all__ = ["did_you_mean", "listed"]

_CLOSE = 0.6
_FEW = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `path`?``, or else the whole list when it is short, or nothing."""
    from difflib import get_close_matches  # only a wrong word pays for it

    names = sorted(set(known))
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean `{by_lower[close[0]]}`?"
    return f"known: {listed(names)}" if 0 < len(names) <= _FEW else ""


def listed(words: Iterable[str]) -> str:
    """`` `a`, `b` ``"""
    return ", ".join(f"`{word}`" for word in words)
