"""Euros at the edge, whole cents inside. Pure."""

from decimal import Decimal

__all__ = ["MAX_CENTS", "BadAmount", "cents", "euros"]

MAX_CENTS = 100_000_000  # a million euros


class BadAmount(ValueError):
    """An amount of money that nobody can pay."""


def cents(amount: float) -> int:
    """12.9 (a JSON number, in euros) -> 1290. Raises BadAmount for parts of a cent, zero and less, and too much."""
    exact = Decimal(str(amount)) * 100  # through the shortest text: 0.29 is meant, not 0.28999999999999998
    if not exact.is_finite() or not 0 < exact <= MAX_CENTS:
        raise BadAmount(f"`{amount}` is not an amount between 0.01 and {MAX_CENTS // 100} euros")
    if exact != exact.to_integral_value():
        raise BadAmount(f"`{amount}` has parts of a cent; give euros with two decimals at most")
    return int(exact)


def euros(amount: int) -> float:
    """1290 -> 12.9: the float whose shortest text is the exact amount."""
    return amount / 100
