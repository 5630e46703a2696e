"""What a program wants of a run, in its own words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from gateway.budget import Limits

__all__ = ["Budget", "check_priority", "check_until", "limits_of"]

Budget = Mapping[str, str | int | float]  # in the words of budgets.toml: `{"usd": 1, "tokens": "20k"}`


def limits_of(budget: Budget | None) -> "Limits | None":
    """Raises ConfigError."""
    from gateway.config import parse_budget

    return None if budget is None else parse_budget([f"{unit}={amount}" for unit, amount in budget.items()])


def check_priority(priority: int) -> None:
    """Raises ConfigError for one that no queue knows."""
    from gateway.job import HIGHEST, LOWEST

    if type(priority) is not int or not LOWEST <= priority <= HIGHEST:
        raise ConfigError.at("priority", f"{priority} is not between {LOWEST} and {HIGHEST}, or no whole number")


def check_until(until: str) -> None:
    """Raises ConfigError for another word than those of `gateway.stream.Until`."""
    from gateway.stream import Until

    if until not in get_args(Until):
        raise ConfigError.at("until", f"`{until}` is none of {', '.join(get_args(Until))}")
