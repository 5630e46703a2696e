import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import Answered, InDoubt
from gateway.tolls import META, Toll, Tolls

MOST = 50_000_000  # $0.05


def told(said: object) -> int:
    return Toll(MOST, META).charged(Answered({"content": [], "_meta": {META: said}}))


@pytest.mark.parametrize(
    ("said", "nanos"),
    [("0.01", 10_000_000), (0.01, 10_000_000), (0, 0), ("0", 0), ("0.00000000001", 1), ("1e-3", 1_000_000)],
)
def test_a_result_may_say_what_it_cost(said: object, nanos: int) -> None:
    assert told(said) == nanos


@pytest.mark.parametrize(
    "said", ["-1", -1, "nan", float("nan"), "inf", float("inf"), "1e400", "$1", "", None, True, [], {}, "9" * 99]
)
def test_what_is_no_amount_counts_as_the_most_that_it_may_cost(said: object) -> None:
    assert told(said) == MOST


def test_nothing_costs_more_than_the_admin_has_agreed_to() -> None:
    assert told("1000") == MOST


@given(st.integers() | st.floats() | st.text(max_size=30))
def test_whatever_a_server_says_is_within_bounds(said: object) -> None:
    assert 0 <= told(said) <= MOST


def test_without_a_word_in_the_result_the_most_counts() -> None:
    assert Toll(MOST, META).charged(Answered({"content": []})) == MOST
    assert Toll(MOST, META).charged(Answered({"_meta": 1})) == MOST
    assert Toll(MOST, META).charged(InDoubt("gone")) == MOST


def test_a_fixed_price_does_not_listen_to_the_server() -> None:
    assert Toll(MOST).charged(Answered({"_meta": {META: "0"}})) == MOST


def test_the_longest_glob_counts() -> None:
    tolls = Tolls({"*/*": Toll(None), "maps/*": Toll(2), "maps/route": Toll(3)})
    assert [tolls.of(path).nanos for path in ("maps/route", "maps/find", "shop/pay")] == [3, 2, None]
    assert Tolls().of("shop/pay") == Toll(0)
    assert (Tolls().said_of("shop/pay"), tolls.said_of("maps/find")) == (None, Toll(2))
