from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.amounts import count, duration, price, seconds, size, tokens, usd

READERS = (count, tokens, usd, price, duration, seconds, size)


@pytest.mark.parametrize(
    ("read", "value", "amount"),
    [
        (count, 30, 30),
        (count, "30", 30),
        (tokens, 200_000, 200_000),
        (tokens, "200k", 200_000),
        (tokens, "200K tokens", 200_000),
        (tokens, "1.5m", 1_500_000),
        (tokens, "12 tokens", 12),
        (usd, "$5.00", Decimal("5.00")),
        (usd, "0.000000001", Decimal("0.000000001")),
        (usd, 5, Decimal(5)),
        (usd, Decimal("0.1"), Decimal("0.1")),
        (price, 0, Decimal(0)),
        (price, "$0", Decimal(0)),
        (price, "3", Decimal(3)),
        (duration, "90s", 90.0),
        (duration, "15m", 900.0),
        (duration, "1.5h", 5400.0),
        (duration, "250ms", 0.25),
        (duration, "2d", 172800.0),
        (seconds, 60, 60.0),
        (seconds, Decimal("2.5"), 2.5),
        (seconds, "2.5", 2.5),
        (seconds, "2m", 120.0),
        (size, 4096, 4096),
        (size, "512KB", 512 * 1024),
        (size, "64 MB", 64 * 1024 * 1024),
    ],
)
def test_an_amount_is_read_as_people_write_it(read: Callable[[object], object], value: object, amount: object) -> None:
    assert read(value) == amount


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "value",
    [-1, "-1", Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), "nan", "inf", "1e3", "", "x", True, 1.5, None,
     [], "٣", 10**20, "1" * 400, Decimal("1e400"), "5 apples"],
)  # fmt: skip
def test_what_is_no_amount_is_refused_and_never_repeated(read: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match=r"^(write|must)") as refused:
        read(value)
    assert "apples" not in str(refused.value)


@pytest.mark.parametrize("value", [1023, "0KB", "1025MB", 2**31])
def test_a_size_that_is_no_bound_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="at least 1KB, and at most 1024MB"):
        size(value)


@pytest.mark.parametrize("read", [count, tokens, usd, seconds])
def test_nothing_is_no_limit(read: Callable[[object], object]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        read(0)


@pytest.mark.parametrize(("read", "value"), [(count, Decimal("1.5")), (tokens, "1.0005k"), (tokens, Decimal("0.5"))])
def test_half_a_token_is_refused(read: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        read(value)


@pytest.mark.parametrize("value", [15, "15", Decimal(15)])
def test_a_time_without_a_unit_is_refused_where_it_could_mean_anything(value: object) -> None:
    with pytest.raises(ValueError, match="unit"):
        duration(value)


@given(st.decimals(min_value="0.000000001", max_value="1000000", places=9))
def test_money_is_exact(amount: Decimal) -> None:
    assert usd(f"${amount:f}") == amount


@given(st.integers(1, 10**9))
def test_thousands_and_millions_are_that_many(number: int) -> None:
    assert tokens(f"{number}") == number
    if number <= 10**6:
        assert tokens(f"{number}k") == number * 1000
        assert tokens(f"{number}m tokens") == number * 1_000_000
