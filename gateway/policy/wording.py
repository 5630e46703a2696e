"""The closed lists of the policy files, and how a wrong word is answered. Pure."""

from collections.abc import Iterable
from typing import Literal

__all__ = ["ACTIONS", "EFFECTS", "GROUPS", "PREFIXES", "Action", "Effect", "did_you_mean"]

Effect = Literal["allow", "ask", "deny"]
Action = Literal["call", "list", "read", "get", "subscribe", "complete", "approve", "admin"]

EFFECTS: tuple[Effect, ...] = ("allow", "ask", "deny")
ACTIONS: tuple[Action, ...] = ("call", "list", "read", "get", "subscribe", "complete", "approve", "admin")
PREFIXES = ("user", "agent", "team", "role")
GROUPS = ("team", "role")  # what others can be members of

_CLOSE = 0.6


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `deny`?``, or else the whole list when it is short, or nothing."""
    from difflib import get_close_matches  # only a wrong word pays for it

    names = sorted(set(known))
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), by_lower, n=1, cutoff=_CLOSE)
    if close:
        return f"did you mean `{by_lower[close[0]]}`?"
    return f"known: {', '.join(f'`{name}`' for name in names)}" if 0 < len(names) <= 10 else ""
