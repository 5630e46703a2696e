"""What an endpoint says in its headers about how much more it takes: of requests, and of tokens. Pure.

Two families: `x-ratelimit-remaining-requests: 59`, `x-ratelimit-reset-requests: 1m2.5s` (OpenAI, Groq and others), and
`anthropic-ratelimit-requests-remaining: 59`, `anthropic-ratelimit-requests-reset: 2026-11-26T05:00:00Z`. In both, the
reset is when all is there again; it fills up evenly until then.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Allowance", "allowance"]

_SPAN = re.compile(
    r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m(?!s))?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+(?:\.[0-9]+)?)ms)?"
)
_UNITS = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
_NAMES = (
    ("x-ratelimit-limit-{}", "x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("anthropic-ratelimit-{}-limit", "anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset"),
)
_MOST = 1e12


@dataclass(frozen=True, slots=True)
class Allowance:
    """`left` of `limit` may go now; in `resets` seconds all of it again. All are finite."""

    limit: float
    left: float
    resets: float

    @property
    def per_second(self) -> float | None:
        """How fast it fills up; None where that can't be told, because nothing is missing, or it does so at once, or so
        slowly that there is no number for it.
        """
        missing = self.limit - self.left
        rate = missing / self.resets if missing > 0 and self.resets > 0 else 0.0
        return rate if 0 < rate < math.inf else None


def allowance(headers: Mapping[str, str], what: str, now: float) -> Allowance | None:
    """What is said of `requests` or `tokens`; None where nothing is said, or nothing that can be understood.

    `now` is in seconds since 1970. The names of the headers are in small letters.
    """
    for names in _NAMES:
        said = [headers.get(name.format(what)) for name in names]
        limit, left, resets = _amount(said[0]), _amount(said[1]), _seconds(said[2], now)
        if limit is not None and left is not None and resets is not None and left <= limit:
            return Allowance(limit, left, resets)
    return None


def _amount(text: str | None) -> float | None:
    try:
        amount = float(text or "")
    except ValueError:
        return None
    return amount if 0 <= amount <= _MOST else None


def _seconds(text: str | None, now: float) -> float | None:
    """`1m2.5s`, `20ms`, `12` or a moment in time."""
    if not text:
        return None
    if (plain := _amount(text)) is not None:
        return plain
    if match := _SPAN.fullmatch(text.strip()):
        span = sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS, strict=True) if part)
        return span if span <= _MOST else None
    try:
        then = datetime.fromisoformat(text.strip())
        return max(0.0, (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None
