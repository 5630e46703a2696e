"""What is taken and what is left of budgets, for people: read off their accounts. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from gateway.accounts import Budget, Dimension, Then
from gateway.budget import Spend, Unit, shown
from gateway.call import Subject
from gateway.windows import Span

__all__ = ["Balance", "Booked", "Person", "balances"]


@dataclass(frozen=True, slots=True)
class Booked:
    """A row of an account: what is settled in one unit, and what is held back for what is under way."""

    account: str
    unit: str
    used: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Person:
    """Whose balances are looked for. `roles` are his, and `runs`."""

    subject: Subject
    roles: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Balance:
    """One limit of one account; `key` says which (`tenant=acme,subject=user:ann`), and is empty where all share one.

    Amounts are in the unit of `gateway.budget`; `ends` is when its window does, in seconds since 1970. Of a window that
    slides, it is when something may be free again.
    """

    budget: str
    key: str
    unit: Unit
    limit: int
    used: int
    reserved: int
    left: int
    low: bool
    then: Then
    ends: int | None

    @property
    def text(self) -> str:
        """`3 of 20 tool calls left`, with what is under way."""
        under_way = f", {shown(self.unit, self.reserved)} under way" if self.reserved else ""
        return f"{shown(self.unit, self.left)} of {shown(self.unit, self.limit)} left{under_way}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def balances(
    budgets: Sequence[Budget], rows: Iterable[Booked], now: datetime, person: Person | None = None
) -> list[Balance]:
    """What is left in every account of now; of a budget that nobody has used yet, of all. In the budgets' order."""
    booked = list(rows)
    found = (_of_budget(budget, booked, now) for budget in budgets)
    return [balance for each in found for balance in each if person is None or _concerns(balance, budgets, person)]


def _of_budget(budget: Budget, rows: Sequence[Booked], now: datetime) -> list[Balance]:
    span = None if budget.window is None else budget.window.at(now)
    sums: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        name, key, *dated = row.account.split("|")
        if name == f"budget:{budget.name}" and _counts(span, int(dated[0]) if dated else 0):
            amounts = sums.setdefault(key, {}).setdefault(row.unit, [0, 0])
            amounts[0] += row.used
            amounts[1] += row.reserved
    ends = None if span is None else span.ends
    return [
        balance for key in sorted(sums or {"": {}}) for balance in _of_account(budget, key, sums.get(key, {}), ends)
    ]


def _counts(span: Span | None, start: int) -> bool:
    """Whether what was spent in the window or slice that began then counts in this one."""
    if span is None or span.since is None:
        return start == (0 if span is None else span.start)
    return start >= span.since


def _of_account(budget: Budget, key: str, sums: dict[str, list[int]], ends: int | None) -> list[Balance]:
    taken = Spend.from_json({unit: sum(amounts) for unit, amounts in sums.items()})
    found = []
    for unit, left in budget.limits.left(taken).items():
        limit, (used, reserved) = getattr(budget.limits, unit), sums.get(unit, [0, 0])
        low = (limit - left) * 100 >= limit * budget.warn_at
        found.append(Balance(budget.name, key, unit, limit, used, reserved, left, low, budget.then, ends))
    return found


def _concerns(balance: Balance, budgets: Sequence[Budget], person: Person) -> bool:
    """Whether this person's calls may count in it: nobody else's account, and nothing that is not about him."""
    said = dict(part.partition("=")[::2] for part in balance.key.split(",") if part)
    own = all(_is(person, dimension, unquote(value)) for dimension, value in said.items())
    only = next(budget for budget in budgets if budget.name == balance.budget).scope.only
    return own and all(_fits(person, dimension, globs) for dimension, globs in only.items())


def _is(person: Person, dimension: str, value: str) -> bool:
    match dimension:
        case "subject":
            return value == person.subject.user
        case "tenant":
            return value == person.subject.tenant
        case "role":
            return value in person.roles
        case "run" | "session":
            return value in person.runs
    return True


def _fits(person: Person, dimension: Dimension, globs: Sequence[str]) -> bool:
    match dimension:
        case "subject":
            names: Iterable[str] = (person.subject.user,)
        case "tenant":
            names = (person.subject.tenant,)
        case "role":
            names = person.roles
        case _:
            return True
    return any(fnmatchcase(name, glob) for name in names for glob in globs)
