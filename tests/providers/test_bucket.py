import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.bucket import Bucket

amounts = st.lists(st.tuples(st.floats(0.1, 50), st.floats(0, 30)), min_size=1, max_size=40)


def test_a_minutes_worth_goes_at_once_and_what_is_more_waits_until_there_is_as_much() -> None:
    bucket = Bucket.full(60.0, 0.0)
    waits = []
    for _ in range(62):
        bucket, wait = bucket.taken(1.0, 0.0)
        waits.append(wait)
    assert waits == [0.0] * 60 + [1.0, 2.0]


def test_what_is_more_than_a_bucket_holds_waits_for_a_full_one_and_not_for_ever() -> None:
    bucket, wait = Bucket(60.0, 1.0, 0.0, 0.0).taken(1000.0, 0.0)
    assert wait == 60.0
    assert bucket.taken(1.0, 60.0)[1] == pytest.approx(941.0)


def test_what_was_not_used_is_given_back() -> None:
    bucket, _ = Bucket.full(60.0, 0.0).taken(60.0, 0.0)
    assert bucket.given_back(59.0, 0.0).taken(59.0, 0.0)[1] == 0.0
    assert bucket.given_back(-30.0, 0.0).taken(1.0, 0.0)[1] == pytest.approx(31.0)


@given(st.floats(1, 200), amounts)
def test_in_no_stretch_of_time_goes_more_than_the_bucket_and_what_fills_it(
    per_minute: float, steps: list[tuple[float, float]]
) -> None:
    """Each goes when its wait is over; between two goings, so much has been filled in."""
    bucket, now = Bucket.full(per_minute, 0.0), 0.0
    went: list[tuple[float, float]] = []
    for amount, passes in steps:
        now += passes
        taken = min(amount, per_minute)
        bucket, wait = bucket.taken(taken, now)
        went.append((now + wait, taken))
    for start in range(len(went)):
        for end in range(start, len(went)):
            total = sum(amount for _, amount in went[start : end + 1])
            filled = (went[end][0] - went[start][0]) * per_minute / 60
            assert total <= per_minute + filled + 1e-6 * max(1.0, total)


@given(st.floats(1, 200), amounts)
def test_who_comes_first_goes_first(per_minute: float, steps: list[tuple[float, float]]) -> None:
    bucket, now, last = Bucket.full(per_minute, 0.0), 0.0, 0.0
    for amount, passes in steps:
        now += passes
        taken = min(amount, per_minute)
        bucket, wait = bucket.taken(taken, now)
        assert now + wait >= last - 1e-6 * max(1.0, last)
        last = now + wait
