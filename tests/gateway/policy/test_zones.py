from datetime import UTC, datetime

import pytest

from gateway.policy.compiler import compile_condition
from gateway.policy.condition import ConditionError
from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import Scope
from gateway.policy.zones import CLOCKS
from gateway.zones import zone_named
from tests.fixtures.policies import a_query

SUMMER = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
WINTER = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def says(text: str, now: datetime) -> object:
    return compile_condition(text).test(Scope(a_query(now=now), "user:ann", frozenset()))


@pytest.mark.parametrize(
    ("condition", "now"),
    [
        ("hour('Europe/Berlin') == 0 and minute('Europe/Berlin') == 30", SUMMER),  # two hours ahead
        ("hour('Europe/Berlin') == 0 and date('Europe/Berlin') == '2027-01-01'", WINTER),  # one hour ahead
        ("hour('Asia/Kolkata') == 5 and minute('Asia/Kolkata') == 0", WINTER),
        ("weekday('Europe/Berlin') == 'wed' and now.weekday == 'tue'", SUMMER),
        ("weekday('America/New_York') in ['mon', 'tue'] and date('America/New_York') == '2026-06-30'", SUMMER),
        ("before(date('Europe/Berlin'), '2026-07-02') and hour('UTC') == now.hour", SUMMER),
    ],
)
def test_a_clock_shows_the_time_of_its_place(condition: str, now: datetime) -> None:
    assert says(condition, now) is True


@pytest.mark.parametrize(
    ("condition", "offset", "hint"),
    [
        ("hour('Europe/Berln') < 9", 5, "did you mean `Europe/Berlin`?"),
        ("hour('europe/berlin') < 9", 5, "did you mean `Europe/Berlin`?"),
        ("true and weekday('localtime') == 'mon'", 17, "IANA"),
        ("hour('../../etc/passwd') < 9", 5, "IANA"),
        ("hour('Factory/x') < 9", 5, ""),
    ],
)
def test_an_unknown_zone_is_found_when_the_policy_is_loaded(condition: str, offset: int, hint: str) -> None:
    with pytest.raises(ConditionError, match="unknown time zone") as caught:
        compile_condition(condition)
    assert caught.value.offset == offset
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "condition",
    ["hour() < 9", "hour(args.zone) < 9", "hour('UTC', 'UTC') < 9", "hour < 9", "hour('UTC') < '9'", "hour('UTC')"],
)
def test_what_can_not_be_a_clock_is_refused(condition: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(condition)


def test_a_condition_with_a_clock_depends_on_the_time() -> None:
    assert compile_condition("hour('UTC') < 9").mentions("now")


def test_at_the_ends_of_the_calendar_a_clock_says_nothing() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert CLOCKS["hour"].at(zone_named("America/New_York"))(first) is UNDECIDED
