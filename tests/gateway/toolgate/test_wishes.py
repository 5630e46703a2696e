"""A budget in the words of budgets.toml."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.budget import Limits
from gateway.errors import ConfigError
from gateway.toolgate.wishes import check_priority, check_status, check_until, limits_of, moment_of


def test_a_budget_is_written_as_in_budgets_toml_and_none_is_none() -> None:
    assert limits_of({"usd": 1, "tokens": "20k", "turns": 3}) == Limits(nanos=10**9, tokens=20_000, turns=3)
    assert limits_of({}) == Limits()
    assert limits_of(None) is None


def test_what_is_no_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="turnss"):
        limits_of({"turnss": 1})


@pytest.mark.parametrize("priority", [1.5, True, "1", 101, -101])
def test_what_is_no_priority_is_refused(priority: Any) -> None:
    with pytest.raises(ConfigError, match="is not between -100 and 100, or no whole number"):
        check_priority(priority)


def test_a_moment_is_a_time_that_can_be_told() -> None:
    assert moment_of(None) == 0
    assert moment_of(datetime(2999, 12, 24, 18, tzinfo=UTC)) == 32_503_053_600_000
    with pytest.raises(ConfigError, match="later than all that can be told"):
        moment_of(datetime(9999, 12, 31, tzinfo=UTC))
    soon: Any = "tomorrow"
    with pytest.raises(ConfigError, match="'tomorrow' is no `datetime`"):
        moment_of(soon)


def test_a_status_is_one_that_runs_have() -> None:
    check_status(None)
    check_status("waiting")
    with pytest.raises(ConfigError, match="`nope` is none of queued, running, waiting"):
        check_status("nope")


def test_there_are_two_words_for_until_when_a_run_is_watched() -> None:
    check_until("end")
    check_until("rest")
    with pytest.raises(ConfigError, match="`bogus` is none of end, rest"):
        check_until("bogus")
