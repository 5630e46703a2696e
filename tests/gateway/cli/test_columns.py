import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.columns import ago, aligned, within

DAY = 86_400_000


def test_columns_are_as_wide_as_their_widest_cell_and_the_last_ends_where_it_ends() -> None:
    assert aligned([("a", "bbb", "c"), ("aaa", "b", "")]) == ["a    bbb  c", "aaa  b"]
    assert aligned([]) == []


def test_wide_and_combining_characters_count_as_they_stand_on_a_terminal() -> None:
    assert aligned([("日本", "x"), ("abcd", "x"), (unicodedata.normalize("NFD", "é") + "abc", "x")]) == [
        "日本  x",
        "abcd  x",
        unicodedata.normalize("NFD", "é") + "abc  x",
    ]


def test_no_cell_begins_a_line_or_steers_the_terminal() -> None:
    assert aligned([("a\nb", "\x1b[2J"), ("c", "d")]) == ["a\\nb  \\e[2J", "c     d"]


@given(st.lists(st.tuples(st.text("ab", max_size=9), st.text("ab", min_size=1, max_size=9)), min_size=1))
def test_every_second_column_begins_below_the_one_above(rows: list[tuple[str, str]]) -> None:
    width = max(len(first) for first, _ in rows)
    for (first, second), line in zip(rows, aligned(rows), strict=True):
        assert line == f"{first:<{width}}  {second}"


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (190_000, "3 min 10 s"),
        (2 * DAY, "2 d"),
        (DAY + 3_600_000, "1 d 1 h"),
    ],
)
def test_times_are_said_without_fractions(length: int, said: str) -> None:
    assert ago(5, 5 + length) == f"{said} ago"
    assert within(5, 5 + length) == f"in {said}"


def test_a_clock_that_went_back_makes_no_negative_times() -> None:
    assert ago(10_000, 0) == "0 s ago"
    assert within(10_000, 0) == "in 0 s"
