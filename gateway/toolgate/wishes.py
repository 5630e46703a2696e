"""What a program wants of a run, in its own words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.budget import Limits

__all__ = ["Budget", "check_priority", "limits_of"]

Budget = Mapping[str, str | int | float]  # in the words of budgets.toml: `{"usd": 1, "tokens": "20k"}`


def limits_of(budget: Budget | None) -> "Limits | None":
    """Raises ConfigError."""
    from gateway.config import parse_budget

    return None if budget is None else parse_budget([f"{unit}={amount}" for unit, amount in budget.items()])


def check_priority(priority: int) -> None:
    """Raises ConfigError for one that no queue knows."""
    from gateway.job import HIGHEST, LOWEST

    if not LOWEST <= priority <= HIGHEST:
        raise ConfigError.at("priority", f"{priority} is not between {LOWEST} and {HIGHEST}")
