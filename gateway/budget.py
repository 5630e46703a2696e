"""What a run may spend, and what it has spent: arithmetic only, no clock, no I/O.

Amounts are whole numbers, so that sums are exact: money in nanos (billionths of a US dollar), time in milliseconds.
A reservation is made before anything is spent and settled after; what is reserved counts as spent until then, so that
parallel calls can't overspend together. The store does both in the transaction that records why.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from operator import add, attrgetter, sub
from typing import Literal, Protocol, get_args

from gateway.values import value

__all__ = ["NANOS", "UNITS", "Amounts", "Limits", "Price", "Spend", "Unit", "excess", "nanos", "shown", "usd"]

Unit = Literal[
    "turns",
    "tool_calls",
    "tokens",
    "nanos",
    "millis",
    "input_tokens",
    "output_tokens",
    "model_calls",
    "questions",
    "errors",
]
UNITS: tuple[Unit, ...] = get_args(Unit)
_KNOWN = frozenset(UNITS)
NANOS = 1_000_000_000
MOST = 2**53 - 1  # of any amount: what JSON readers agree on, and sums of them fit a database's integer


def nanos(dollars: Decimal) -> int:
    """US dollars to nanos, rounded up: a price is never rounded to nothing."""
    return int((dollars * NANOS).to_integral_value(ROUND_CEILING))


def usd(amount: int) -> Decimal:
    """Nanos to US dollars, exactly."""
    return Decimal(amount) / NANOS


class _Limited:
    """What was read off limits already."""

    __slots__ = ("_set", "_units")
    _units: frozenset[Unit]
    _set: tuple[tuple[Unit, int], ...]


@value(frozen=True, slots=True)
class Limits(_Limited):
    """The most that may be spent. None means no limit. `millis` is time at work; waiting for people is free.

    A turn may need several `model_calls`, because one that failed is made again. `questions` are those to people;
    `errors` are calls whose tool said that it failed.
    """

    turns: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    nanos: int | None = None
    millis: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model_calls: int | None = None
    questions: int | None = None
    errors: int | None = None

    @property
    def units(self) -> frozenset[Unit]:
        """What is limited."""
        try:
            return self._units
        except AttributeError:
            units = frozenset(unit for unit in UNITS if getattr(self, unit) is not None)
            object.__setattr__(self, "_units", units)
            return units

    def strictest(self, other: "Limits") -> "Limits":
        """The smaller limit of each unit."""
        return Limits(**{unit: _least(getattr(self, unit), getattr(other, unit)) for unit in UNITS})

    def replaced(self, other: "Limits") -> "Limits":
        """These limits with those that `other` sets in their place: an admin raised them."""
        return Limits(**{unit: _first(getattr(other, unit), getattr(self, unit)) for unit in UNITS})

    def left(self, spend: "Spend") -> dict[Unit, int]:
        """What is left of each limited unit, never below 0."""
        return {unit: max(0, limit - getattr(spend, unit)) for unit, limit in self.items()}

    def items(self) -> tuple[tuple[Unit, int], ...]:
        """The limits that are set."""
        try:
            return self._set
        except AttributeError:
            limits = ((unit, getattr(self, unit)) for unit in UNITS)
            items = tuple((unit, limit) for unit, limit in limits if limit is not None)
            object.__setattr__(self, "_set", items)
            return items

    def to_json(self) -> dict[str, int]:
        """Only the limits that are set."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _first(a: int | None, b: int | None) -> int | None:
    return b if a is None else a


_amounts = attrgetter(*UNITS)


class _Read:
    """What was read off a value already: one call asks the same amount a dozen times."""

    __slots__ = ("_items",)
    _items: tuple[tuple[Unit, int], ...]


@value(frozen=True, slots=True)
class Spend(_Read):
    """What has been spent or is reserved."""

    turns: int = 0
    tool_calls: int = 0
    tokens: int = 0
    nanos: int = 0
    millis: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    model_calls: int = 0
    questions: int = 0
    errors: int = 0

    def __add__(self, other: "Spend") -> "Spend":
        if not other.items():
            return self
        return Spend(*map(add, self.amounts, other.amounts))

    def __sub__(self, other: "Spend") -> "Spend":
        return Spend(*map(sub, self.amounts, other.amounts))

    @property
    def amounts(self) -> tuple[int, ...]:
        """One for each of UNITS."""
        amounts: tuple[int, ...] = _amounts(self)
        return amounts

    def get(self, unit: Unit, default: int = 0, /) -> int:
        """The amount of one unit, as of a mapping."""
        return getattr(self, unit, default)

    def under(self, limits: "Limits") -> "Spend":
        """Only the units that these limits have."""
        return _part(self.items(), limits.units)

    def like(self, reserved: "Spend") -> "Spend":
        """Only the units that were reserved."""
        return Spend(**{unit: getattr(self, unit) for unit, _ in reserved.items()})

    def items(self) -> tuple[tuple[Unit, int], ...]:
        """The units that are not zero."""
        try:
            return self._items
        except AttributeError:
            items = tuple([pair for pair in zip(UNITS, self.amounts, strict=True) if pair[1]])
            object.__setattr__(self, "_items", items)
            return items

    def to_json(self) -> dict[str, int]:
        return dict(self.items())

    @classmethod
    def from_json(cls, value: Mapping[str, int]) -> "Spend":
        """Never below 0: a model backend that reports negative tokens doesn't fill a budget up again."""
        if not value:
            return cls()
        amounts: Mapping[str, int] = value
        if not value.keys() <= _KNOWN:
            amounts = {unit: value[unit] for unit in UNITS if unit in value}
        if amounts and (min(amounts.values()) < 0 or max(amounts.values()) > MOST):
            amounts = {unit: min(max(0, amount), MOST) for unit, amount in amounts.items()}
        return cls(**amounts)


@lru_cache(1024)  # what one call costs is asked again and again
def _part(items: tuple[tuple[Unit, int], ...], units: frozenset[Unit]) -> Spend:
    return Spend(**{unit: amount for unit, amount in items if unit in units})


@value(frozen=True, slots=True)
class Price:
    """What a model costs, in nanos a token ($3 a million tokens are 3,000 nanos a token).

    `cache_read` and `cache_write` are those of input that was, or is, kept by the backend; None: as all other input.
    `tiers` are the prices of everything once the input has more tokens than so many, in ascending order.
    """

    input: int = 0
    output: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    tiers: tuple[tuple[int, "Price"], ...] = ()

    def of(self, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0) -> int:
        """Nanos. Input includes what is cached of it."""
        now = self._at(input_tokens)
        cached = ((now.cache_read, cache_read), (now.cache_write, cache_write))
        more = sum((price - now.input) * tokens for price, tokens in cached if price is not None)
        return now.input * input_tokens + more + now.output * output_tokens

    def most(self, input_tokens: int, output_tokens: int) -> int:
        """Nanos, if the dearest kind of input is all that there is."""
        now = self._at(input_tokens)
        return max(now.input, now.cache_write or 0) * input_tokens + now.output * output_tokens

    def _at(self, input_tokens: int) -> "Price":
        return next((price for start, price in reversed(self.tiers) if input_tokens > start), self)


class Amounts(Protocol):
    """What is taken of some units: a `Spend`, or a mapping of them."""

    def get(self, unit: Unit, default: int, /) -> int: ...


def excess(limits: Limits, taken: Amounts, amount: Spend) -> Unit | None:
    """The first unit in which `amount` more than what is taken (spent or reserved) would pass a limit; else None.

    The one place that decides whether something fits: the gate and the store's transaction both ask here.
    """
    for unit, wanted in amount.items():
        limit = getattr(limits, unit)
        if limit is not None and taken.get(unit, 0) + wanted > limit:
            return unit
    return None


def shown(unit: Unit, amount: int) -> str:
    """An amount as people write it: `$0.0042`, `1,200 tokens`, `0.3 s`, `30 min`, `2 h 5 min`."""
    match unit:
        case "nanos":
            return f"${usd(amount).quantize(Decimal('0.0001')).normalize():f}"
        case "millis":
            return _duration(amount)
        case _:
            name = unit.replace("_", " ")
            return f"{amount:,} {name.removesuffix('s') if amount == 1 else name}"


_SECONDS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def _duration(millis: int) -> str:
    """Below a minute with a tenth of a second if there is one; above it the two largest units, rounded down."""
    if millis < 60_000:
        return f"{millis / 1000:.1f}".removesuffix(".0") + " s"
    seconds, parts = millis // 1000, []
    for name, length in _SECONDS:
        count, seconds = divmod(seconds, length)
        parts.append((count, name))
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {name}" for count, name in parts[first : first + 2] if count)
