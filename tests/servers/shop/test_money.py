import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.shop.money import MAX_CENTS, BadAmount, cents, euros


@given(st.integers(1, MAX_CENTS))
def test_an_amount_survives_the_way_out_and_back(amount: int) -> None:
    assert cents(json.loads(json.dumps(euros(amount)))) == amount


@pytest.mark.parametrize(("amount", "expected"), [(12.9, 1290), (0.29, 29), (1, 100), (1_000_000, MAX_CENTS)])
def test_euros_become_whole_cents(amount: float, expected: int) -> None:
    assert cents(amount) == expected


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.005, "parts of a cent"),
        (29.999, "parts of a cent"),
        (0, "between 0.01 and"),
        (-1, "between 0.01 and"),
        (1_000_000.01, "between 0.01 and"),
        (float("nan"), "between 0.01 and"),
        (float("inf"), "between 0.01 and"),
    ],
)
def test_an_amount_that_nobody_can_pay_is_refused(amount: float, text: str) -> None:
    with pytest.raises(BadAmount, match=text):
        cents(amount)
