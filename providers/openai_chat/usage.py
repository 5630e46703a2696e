"""The tokens of a reply, as compatible endpoints count them. Pure."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.reply import Usage

__all__ = ["cost_in", "usage_in"]

_NANOS = 1_000_000_000


def usage_in(told: Any) -> Usage | None:
    """The usage that an endpoint tells; None if it tells nothing, or that there was none."""
    if not isinstance(told, Mapping):
        return None
    read, written = _number(told, "prompt_tokens"), _number(told, "completion_tokens")
    whole = max(written, _number(told, "total_tokens") - read)  # some leave out what was thought
    if not whole and not read:
        return None
    of_read, of_written = _details(told, "prompt_tokens_details"), _details(told, "completion_tokens_details")
    return Usage(
        input=read,
        output=whole,
        cache_read=_number(of_read, "cached_tokens") or _number(told, "prompt_cache_hit_tokens"),
        cache_write=_number(of_read, "cache_write_tokens"),
        reasoning=_number(of_written, "reasoning_tokens"),
    )


def cost_in(told: Any) -> int | None:
    """The price of a reply in billionths of a US dollar, where an endpoint tells it (`{"cost": 0.0014}`)."""
    cost = told.get("cost") if isinstance(told, Mapping) else None
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    try:
        return max(0, int(Decimal(str(cost)) * _NANOS))
    except (InvalidOperation, OverflowError, ValueError):  # neither a number nor finite
        return None


def _details(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = told.get(name)
    return details if isinstance(details, Mapping) else {}


def _number(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return value if isinstance(value, int) and value > 0 else 0
