"""A budget in the words of budgets.toml."""

import pytest

from gateway.budget import Limits
from gateway.errors import ConfigError
from gateway.toolgate.wishes import limits_of


def test_a_budget_is_written_as_in_budgets_toml_and_none_is_none() -> None:
    assert limits_of({"usd": 1, "tokens": "20k", "turns": 3}) == Limits(nanos=10**9, tokens=20_000, turns=3)
    assert limits_of({}) == Limits()
    assert limits_of(None) is None


def test_what_is_no_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match="turnss"):
        limits_of({"turnss": 1})
