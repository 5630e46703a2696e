"""`from_user(args.to)` and `from_untrusted(args.url)`: where a value of the arguments came from. Pure and total.

Without a run of which it is known (an MCP client's words never reach us) the answer is undecidable: so `from_user` does
not grant, and `from_untrusted` restricts.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.policy.logic import UNDECIDED, Truth
from gateway.sources import Sources

__all__ = ["ORIGINS", "told"]

Question = Callable[[Sources | None, Any], Truth]


def _from_user(sources: Sources | None, value: Any) -> Truth:
    return _truth(None if sources is None or value is UNDECIDED else sources.from_user(value))


def _from_untrusted(sources: Sources | None, value: Any) -> Truth:
    return _truth(None if sources is None or value is UNDECIDED else sources.from_untrusted(value))


def _truth(answer: bool | None) -> Truth:
    return UNDECIDED if answer is None else answer


def told(sources: Sources | None, value: Any) -> Any:
    """Where it came from, for people: `the user's own words`, `untrusted server web (t1/call/c1)`."""
    if sources is None or value is UNDECIDED:
        return UNDECIDED
    found = ["the user's own words"] if sources.from_user(value) else []
    heard = sources.origin(value)
    found += [f"untrusted server {heard.server} ({heard.key})"] if heard else []
    if not found and not sources.complete:
        return UNDECIDED
    return " and ".join(found) or "neither the user's own words nor an untrusted server"


ORIGINS: Mapping[str, Question] = {"from_user": _from_user, "from_untrusted": _from_untrusted}
