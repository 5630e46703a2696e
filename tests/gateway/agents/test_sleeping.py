"""A model says until when it waits, or for which news."""

import json
from typing import Any

import pytest

from gateway.agents.sleeping import LONGEST, WAIT_FOR, Nap, nap, news_name
from gateway.schema import violation
from tests.builders import NOON, a_tool

DAY = 86_400_000


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({"seconds": 1.5}, Nap(NOON + 1_500)),
        ({"until": "2026-11-21T12:01:00Z"}, Nap(NOON + 60_000)),
        ({"until": "2026-11-21T13:01:00+01:00"}, Nap(NOON + 60_000)),
        ({"event": "paid"}, Nap(NOON + DAY, "paid")),
        ({"event": "order:O-1.paid", "seconds": 60}, Nap(NOON + 60_000, "order:O-1.paid")),
        ({"seconds": LONGEST}, Nap(NOON + round(LONGEST * 1000))),
    ],
)
def test_a_wish_is_a_moment_and_perhaps_the_name_of_news(wish: Any, found: Nap) -> None:
    assert nap(json.dumps(wish), NOON) == found


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("{}", "say one of"),
        ("[]", "say one of"),
        ('{"seconds": 1, "more": 2}', "say one of"),
        ('{"seconds": 1', "not JSON"),
        ('{"seconds": 1, "until": "2026-11-21T12:01:00Z"}', "not both"),
        ('{"seconds": 0}', "more than 0"),
        ('{"seconds": -1}', "more than 0"),
        ('{"seconds": true}', "more than 0"),
        ('{"seconds": "5"}', "more than 0"),
        ('{"seconds": 2592001}', "at most"),
        ('{"until": "soon"}', "no moment"),
        ('{"until": 5}', "no moment"),
        ('{"until": "2026-11-21T12:01:00"}', "no zone"),
        ('{"until": "2026-11-21T11:59:59Z"}', "has passed: it is 2026-11-21T12:00:00+00:00"),
        ('{"until": "2027-11-21T12:00:00Z"}', "at most"),
        ('{"event": ""}', "a name has"),
        ('{"event": "a b"}', "a name has"),
        ('{"event": 5}', "a name has"),
    ],
)
def test_a_wrong_wish_is_told_why(wish: str, said: str) -> None:
    found = nap(wish, NOON)
    assert isinstance(found, str)
    assert said in found


def test_the_tool_says_what_it_takes() -> None:
    from gateway.arguments import Arguments

    tool = a_tool("toolgate/wait_for", WAIT_FOR.input_schema)
    assert violation(tool, Arguments.parse({"event": "paid", "seconds": 5})) is None
    assert violation(tool, Arguments.parse({"event": "a b"})) is not None


def test_a_name_of_news_steers_nothing() -> None:
    assert news_name("paid") is None
    assert all(news_name(text) for text in ("", "\x1b[31m", "a\n", "-x", "x" * 65))
