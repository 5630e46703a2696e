"""Whole numbers that can't be overspent."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.budget import UNITS, Limits, Price, Spend, Unit, excess, nanos, shown, usd

AMOUNTS = st.integers(0, 6)  # so that they often meet exactly
SPENDS = st.builds(Spend, *[AMOUNTS] * len(UNITS))
LIMITS = st.builds(Limits, *[st.none() | AMOUNTS] * len(UNITS))


def test_every_unit_has_a_limit_and_a_spend() -> None:
    assert [field.name for field in fields(Limits)] == [field.name for field in fields(Spend)] == list(UNITS)


@given(LIMITS, SPENDS, SPENDS)
def test_an_amount_fits_exactly_when_no_limit_is_passed_by_it(limits: Limits, taken: Spend, amount: Spend) -> None:
    def passes(unit: Unit) -> bool:
        limit, wanted = getattr(limits, unit), getattr(amount, unit)
        return limit is not None and wanted > 0 and getattr(taken, unit) + wanted > limit

    assert excess(limits, taken, amount) == next((unit for unit in UNITS if passes(unit)), None)


@given(LIMITS, st.lists(st.tuples(SPENDS, st.integers(0, 3), SPENDS), max_size=30))
def test_no_sequence_of_reservations_and_settlements_overshoots(
    limits: Limits, steps: list[tuple[Spend, int, Spend]]
) -> None:
    """Each step reserves if that fits, and settles some earlier reservation with at most what it held back."""
    used, open_reservations = Spend(), list[Spend]()
    for amount, which, spent in steps:
        taken = sum(open_reservations, used)
        if excess(limits, taken, amount) is None:
            open_reservations.append(amount)
        if which < len(open_reservations):
            reserved = open_reservations.pop(which)
            used = used + Spend(*(min(getattr(spent, unit), getattr(reserved, unit)) for unit in UNITS))
        taken = sum(open_reservations, used)
        assert all(limit is None or getattr(taken, unit) <= limit for unit, limit in _each(limits))


def _each(limits: Limits) -> list[tuple[Unit, int | None]]:
    return [(unit, getattr(limits, unit)) for unit in UNITS]


def test_what_is_not_wanted_fits_even_where_too_much_is_gone() -> None:
    assert excess(Limits(tokens=10), Spend(tokens=99), Spend(tool_calls=1)) is None
    assert excess(Limits(tokens=0), Spend(), Spend(tokens=1)) == "tokens"


def test_what_fills_a_limit_exactly_fits() -> None:
    assert excess(Limits(tokens=10), Spend(tokens=7), Spend(tokens=3)) is None
    assert excess(Limits(tokens=10), Spend(tokens=7), Spend(tokens=4)) == "tokens"


@given(SPENDS, SPENDS)
def test_spends_add_and_subtract_unit_by_unit(a: Spend, b: Spend) -> None:
    assert a + b == b + a
    assert a + b - b == a
    assert a + Spend() == a


@given(SPENDS)
def test_a_spend_is_written_without_its_zeros(spend: Spend) -> None:
    written = spend.to_json()
    assert 0 not in written.values()
    assert Spend.from_json(written) == spend


@pytest.mark.parametrize(
    ("written", "spend"),
    [
        ({}, Spend()),
        ({"tokens": 3, "since_a_later_version": 9}, Spend(tokens=3)),
        ({"tokens": -500, "nanos": -1}, Spend()),
        ({"tokens": 10**30}, Spend(tokens=2**53 - 1)),
    ],
)
def test_a_model_that_reports_nonsense_neither_fills_a_budget_up_nor_breaks_the_books(
    written: dict[str, int], spend: Spend
) -> None:
    assert Spend.from_json(written) == spend


@given(LIMITS, LIMITS, SPENDS)
def test_under_the_strictest_of_two_limits_fits_what_fits_under_both(a: Limits, b: Limits, amount: Spend) -> None:
    fits = excess(a.strictest(b), Spend(), amount) is None
    assert fits == (excess(a, Spend(), amount) is None and excess(b, Spend(), amount) is None)
    assert a.strictest(b) == b.strictest(a)


def test_limits_that_are_raised_replace_only_what_they_name() -> None:
    limits = Limits(turns=5, tokens=100)
    assert limits.replaced(Limits(tokens=200, nanos=7)) == Limits(turns=5, tokens=200, nanos=7)
    assert limits.replaced(Limits(tokens=0)) == Limits(turns=5, tokens=0)


def test_what_is_left_is_never_below_nothing() -> None:
    left = Limits(turns=5, tokens=100).left(Spend(turns=2, tokens=180, nanos=9))
    assert left == {"turns": 3, "tokens": 0}


@given(LIMITS)
def test_limits_are_written_with_their_zeros_but_not_where_there_is_none(limits: Limits) -> None:
    assert Limits(**limits.to_json()) == limits
    assert None not in limits.to_json().values()


@pytest.mark.parametrize(
    ("dollars", "amount"), [("1", 10**9), ("0.000000001", 1), ("0.0000000001", 1), ("0", 0), ("0.1", 10**8)]
)
def test_a_price_is_never_rounded_to_nothing(dollars: str, amount: int) -> None:
    assert nanos(Decimal(dollars)) == amount


@given(st.integers(0, 10**18))
def test_money_goes_there_and_back_exactly(amount: int) -> None:
    assert nanos(usd(amount)) == amount


def test_a_price_counts_tokens_that_are_read_and_written() -> None:
    assert Price(3_000, 15_000).of(1_000, 200) == 6_000_000
    assert Price().of(10**9, 10**9) == 0


@pytest.mark.parametrize(
    ("unit", "amount", "text"),
    [
        ("nanos", 4_200_000, "$0.0042"),
        ("nanos", 10 * 10**9, "$10"),
        ("nanos", 1_500_000_000, "$1.5"),
        ("nanos", 0, "$0"),
        ("millis", 300, "0.3 s"),
        ("tokens", 1_200, "1,200 tokens"),
        ("tool_calls", 3, "3 tool calls"),
        ("tool_calls", 1, "1 tool call"),
        ("turns", 0, "0 turns"),
    ],
)
def test_amounts_read_as_people_write_them(unit: Any, amount: int, text: str) -> None:
    assert shown(unit, amount) == text
