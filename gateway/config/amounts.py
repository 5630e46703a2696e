"""Amounts as people write them: `200k tokens`, `$5.00`, `15m`. Pure; money never touches a binary float.

Each reader takes what TOML gives (text, int, Decimal) and raises ValueError with a sentence that says how to write it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

__all__ = [
    "COUNT",
    "DOLLARS",
    "PERCENT",
    "RATE",
    "SECONDS",
    "SIZE",
    "TIME",
    "TOKENS",
    "Written",
    "count",
    "duration",
    "percent",
    "price",
    "rate",
    "seconds",
    "size",
    "tokens",
    "usd",
]

_DIGITS = re.compile(r"[0-9]{1,16}")
_TOKENS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([km]?)(?: ?tokens?)?", re.IGNORECASE)
_DOLLARS = re.compile(r"\$? ?([0-9]+(?:\.[0-9]+)?)")
_PERCENT = re.compile(r"([0-9]{1,3}) ?%")
_RATE = re.compile(r"([0-9]{1,9}) ?/ ?(second|minute|hour|day|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,9}) ?([KM]B)")
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Written:
    """How an amount may stand in a file, for those who check without us: which JSON number, if any, and which text."""

    number: str | None
    pattern: str  # ECMA-262, as JSON Schema has it; never narrower than what is read
    hint: str


COUNT = Written("integer", r"^\s*[0-9]{1,16}\s*$", "a whole number, such as 30")
TOKENS = Written("integer", r"^\s*[0-9]+(\.[0-9]+)? ?[kKmM]?( ?[A-Za-z]+)?\s*$", '200000, "200k" or "1.5m tokens"')
DOLLARS = Written("number", r"^\s*\$? ?[0-9]+(\.[0-9]+)?\s*$", 'US dollars, such as "$5.00"')
TIME = Written(None, r"^\s*[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)\s*$", 'a time with its unit: "90s", "15m" or "2h"')
PERCENT = Written(None, r"^\s*[0-9]{1,3} ?%\s*$", 'a part of the limit, such as "80%"')
RATE = Written(None, r"^\s*[0-9]{1,9} ?/ ?(second|minute|hour|day|s|m|h|d)\s*$", 'calls in a time, such as "10/minute"')
SIZE = Written("integer", r"^\s*[0-9]{1,9} ?[KM]B\s*$", 'bytes, such as "64MB" or "512KB"')
SECONDS = Written("number", r"^\s*[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)?\s*$", 'seconds, such as 60, or "2m"')

_TIMES = {"": Decimal(1), "k": Decimal(1000), "m": Decimal(1_000_000)}
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}

MOST_COUNTED = 10**15
MOST_DOLLARS = 10**9  # in nanos this still fits the 64 bits that a store has
MOST_SECONDS = 366 * 86400
LEAST_SIZE, MOST_SIZE = 1024, 1024 * 1024 * 1024
_SIZES = {"KB": 1024, "MB": 1024 * 1024}


def count(value: object) -> int:
    """A whole number above 0; also as text, which is what flags give."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    return _whole(_number(value, "write a whole number, such as `30`"), MOST_COUNTED)


def tokens(value: object) -> int:
    """`200000`, `"200k"`, `"200k tokens"` or `"1.5m"`."""
    match = _TOKENS.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        return _whole(Decimal(match[1]) * _TIMES[match[2].lower()], MOST_COUNTED)
    return _whole(_number(value, 'write `200000`, `"200k"` or `"1.5m tokens"`'), MOST_COUNTED)


def is_nothing(value: object) -> bool:
    """`0`, `"0"`, `"$0.00"`."""
    text = str(value) if isinstance(value, (int, Decimal, str)) else ""
    match = _DOLLARS.fullmatch(text.strip())
    return match is not None and Decimal(match[1]).is_zero()


def usd(value: object) -> Decimal:
    """US dollars: `"$5.00"`, `"5.00"`, `5` or `5.00`."""
    return _bounded(_dollars(value), MOST_DOLLARS)


def price(value: object) -> Decimal:
    """As `usd`, but something may cost nothing."""
    amount = _dollars(value)
    return amount if amount.is_zero() else _bounded(amount, MOST_DOLLARS)


def duration(value: object) -> float:
    """Seconds, from text with a unit: `"90s"`, `"15m"`, `"2h"`. A bare number is refused: of what?"""
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time with its unit: `"90s"`, `"15m"` or `"2h"`')
    return float(_bounded(Decimal(match[1]) * _SECONDS[match[2]], MOST_SECONDS))


def percent(value: object) -> int:
    """`"80%"`: from 1 to 100."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a part of the limit: `"80%"`')
    return _whole(Decimal(match[1]), 100)


def rate(value: object) -> tuple[int, int]:
    """`"10/minute"`: how many, and in how many microseconds."""
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write how many in which time: `"10/minute"`, `"2/s"`')
    return _whole(Decimal(match[1]), MOST_COUNTED), int(_SECONDS[match[2][0]] * 1_000_000)


def seconds(value: object) -> float:
    """As `duration`, for keys that are documented in seconds: a bare number is seconds."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", value.strip()):
        return duration(value)
    plain = Decimal(value.strip()) if isinstance(value, str) else value
    return float(_bounded(_number(plain, 'write seconds, such as `60`, or `"2m"`'), MOST_SECONDS))


def size(value: object) -> int:
    """Bytes: `"64MB"`, `"512KB"` (of 1024), or a bare number of them; at least 1 KB, at most 1024 MB."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    found = int(match[1]) * _SIZES[match[2]] if match else count(_number(value, 'write a size: `"64MB"`, `"512KB"`'))
    if not LEAST_SIZE <= found <= MOST_SIZE:
        raise ValueError("it must be at least 1KB, and at most 1024MB")
    return found


def _dollars(value: object) -> Decimal:
    match = _DOLLARS.fullmatch(value.strip()) if isinstance(value, str) else None
    return Decimal(match[1]) if match else _number(value, 'write dollars, such as `"$5.00"`')


def _number(value: object, hint: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError(hint)  # noqa: TRY004 - what pydantic turns into a finding is a ValueError
    return Decimal(value)


def _whole(value: Decimal, most: int) -> int:
    amount = _bounded(value, most)
    if amount != amount.to_integral_value():
        raise ValueError("must be a whole number")
    return int(amount)


def _bounded(value: Decimal, most: int) -> Decimal:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    if value <= 0:
        raise ValueError("must be more than 0")
    if value > most:
        raise ValueError(f"must be at most {most:,}")
    return value
