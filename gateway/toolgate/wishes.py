"""What a program wants of a run, in its own words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.budget import Limits
    from gateway.call import Subject

__all__ = ["Budget", "check_priority", "check_status", "check_until", "limits_of", "moment_of", "subject_of"]

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


def moment_of(at: "datetime | None") -> int:
    """Milliseconds since 1970; 0 for none. Raises ConfigError for what is no time, or none that comes."""
    from datetime import datetime

    from gateway.dates import LATEST

    if at is None:
        return 0
    if not isinstance(at, datetime):
        raise ConfigError.at("at", f"{at!r} is no `datetime`")
    moment = round(at.timestamp() * 1000)
    if moment >= LATEST:
        raise ConfigError.at("at", f"{at.isoformat()} is later than all that can be told")
    return moment


def check_status(status: str | None) -> None:
    """Raises ConfigError for what no run is; None is any."""
    from gateway.transitions import Status

    if status is not None and status not in get_args(Status):
        raise ConfigError.at("status", f"`{status}` is none of {', '.join(get_args(Status))}")


def check_until(until: str) -> None:
    """Raises ConfigError for another word than those of `gateway.stream.Until`."""
    from gateway.stream import Until

    if until not in get_args(Until):
        raise ConfigError.at("until", f"`{until}` is none of {', '.join(get_args(Until))}")


def subject_of(where: str, own: "Subject", user: str | None, tenant: str | None) -> "Subject":
    """Whom a program names, without an agent. Only what is not said is as `own` has it: an empty name is nobody's, and
    never the operator's. Raises ConfigError at `where`.
    """
    from gateway.config.findings import validated
    from gateway.config.places import Place
    from gateway.config.settings import IdentityConfig

    given = {"user": own.user if user is None else user, "tenant": own.tenant if tenant is None else tenant}
    known = validated(IdentityConfig, given, {}, Place(where))
    if not isinstance(known, IdentityConfig):
        raise ConfigError(known)
    return replace(own, user=known.user, tenant=known.tenant, agent=None)
