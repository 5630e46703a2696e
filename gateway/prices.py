"""What models cost, by the list that the package `genai-prices` brings along: nothing is fetched."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from genai_prices import Usage, calc_price
from genai_prices.types import TieredPrices

from gateway.budget import Price, nanos

__all__ = ["listed", "window"]

_MILLION = 1_000_000


def listed(model: str, provider: str | None = None) -> Price | None:
    """The price of a model by its provider's own name for it; None for one that is not in the list."""
    try:
        found = calc_price(Usage(input_tokens=0, output_tokens=0), model, provider_id=provider).model_price
    except LookupError:
        return None
    parts = (found.input_mtok, found.output_mtok, found.cache_read_mtok, found.cache_write_mtok)
    starts = sorted({tier.start for part in parts if isinstance(part, TieredPrices) for tier in part.tiers})
    base, *dearer = (_price([_at(part, start) for part in parts]) for start in (0, *starts))
    known = [(start, price) for start, price in zip(starts, dearer, strict=True) if price is not None]
    return None if base is None or len(known) < len(starts) else replace(base, tiers=tuple(known))


def window(model: str, provider: str | None = None) -> int | None:
    """How many tokens a model can read, by the same list; None where it does not say."""
    try:
        return calc_price(Usage(input_tokens=0, output_tokens=0), model, provider_id=provider).model.context_window
    except LookupError:
        return None


def _at(price: Decimal | TieredPrices | None, start: int) -> Decimal | None:
    """The price of input that is longer than this."""
    if not isinstance(price, TieredPrices):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= start), price.base)


def _price(parts: Sequence[Decimal | None]) -> Price | None:
    """Nanos a token, rounded up. What is no amount is no price."""
    read, written, kept, keeping = (_nanos(part) for part in parts)
    return None if read is None or written is None else Price(read, written, kept, keeping)


def _nanos(price: Decimal | None) -> int | None:
    return None if price is None or not price.is_finite() or price < 0 else nanos(price / _MILLION)
