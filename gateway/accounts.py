"""Budgets that count over many runs: which of them a use of a tool or a model counts in, and in which account. Pure.

A `Budget` is a table of budgets.toml. It keeps an account for each value of its `each` (a subject, a tool, ...) in each
window; `only` says what counts at all. A `Use` is what is about to be spent, and by whom. A `Claim` is what that takes
of one account: all claims of a call are reserved together, in the transaction that admits it. The strictest counts,
because each must fit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, get_args
from urllib.parse import quote

from gateway.budget import Limits, Spend, Unit, excess, shown
from gateway.call import JsonObject, Subject
from gateway.tolls import FREE, Toll
from gateway.values import value
from gateway.windows import Window

__all__ = ["DIMENSIONS", "Account", "Bill", "Budget", "Claim", "Dimension", "Pace", "Rate", "Scope"]
__all__ += ["Proviso", "Then", "Use", "budget_of", "claims", "tells_errors_apart", "told"]

Dimension = Literal[
    "run", "session", "subject", "agent", "role", "tenant", "model", "server", "tool", "arguments", "error"
]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

Then = Literal["deny", "stop", "ask", "tell"]

_DIGEST = re.compile(r"#([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")
EACH = "each"  # what stands in the name of an account in which every error is counted by itself

_NOTHING = Spend()


class _Read:
    """What was read off a use already: every budget asks it."""

    __slots__ = ("_said",)
    _said: Mapping[Dimension, str]


@value(frozen=True, slots=True)
class Use(_Read):
    """One call of a tool, or one question to a `model`. `roles` are those of user and agent; `driven`: by our loop.

    `arguments` is their digest.
    """

    run_id: str
    subject: Subject
    driven: bool = False
    roles: frozenset[str] = frozenset()
    path: str = ""
    arguments: str = ""
    model: str = ""

    @property
    def said(self) -> Mapping[Dimension, str]:
        """What it is in each dimension but `role`: empty, where that says nothing about it."""
        try:
            return self._said
        except AttributeError:
            object.__setattr__(self, "_said", self._read())
            return self._said

    def values(self, dimension: Dimension) -> Sequence[str]:
        """The same as a list: several only of roles."""
        if dimension == "role":
            return sorted(self.roles)
        value = self.said[dimension]
        return (value,) if value else ()

    def _read(self) -> Mapping[Dimension, str]:
        who, path = self.subject, self.path
        return {
            "run": self.run_id,
            "session": "" if self.driven else self.run_id,
            "subject": who.user,
            "agent": who.agent or "",
            "tenant": who.tenant,
            "model": self.model,
            "server": path.partition("/")[0],
            "tool": path,
            "arguments": self.arguments and f"{path}#{self.arguments}",
            "error": path and EACH,
        }


@value(frozen=True, slots=True)
class Proviso:
    """What the store needs to know of an account beside its name. Times are milliseconds since 1970.

    `label` is how people know it. Where the window slides, `since` is the account of the first slice that counts, and
    all from there on are one: by a clock that is ahead one may be later than its own. From `ends` on, something may be
    free again; after `over` it may be forgotten. `then` is what becomes of what does not fit.
    """

    label: str
    then: Then = "deny"
    since: str | None = None
    ends: int | None = None
    over: int | None = None


@value(frozen=True, slots=True)
class Account:
    """Where something is booked: `budget:team|tenant=acme|00001795262400`."""

    name: str
    proviso: Proviso


@value(frozen=True, slots=True)
class Scope:
    """What is counted: `only` what these globs fit, and for `each` value of these dimensions by itself."""

    each: tuple[Dimension, ...] = ()
    only: Mapping[Dimension, tuple[str, ...]] = field(default_factory=dict)

    def keys(self, use: Use) -> Sequence[str]:
        """`tenant=acme,subject=user:ann`: none for a use that it is not about, several for one of several roles."""
        if self.only and not all(_matches(globs, use.values(dimension)) for dimension, globs in self.only.items()):
            return ()
        if "role" in self.each:
            return [key for role in use.values("role") if self._is_about(role) for key in self._keys(use, role)]
        return self._keys(use, "")

    def asks_for(self, dimension: Dimension) -> bool:
        return dimension in self.each or dimension in self.only

    def _is_about(self, role: str) -> bool:
        globs = self.only.get("role")
        return globs is None or _matches(globs, (role,))

    def _keys(self, use: Use, role: str) -> Sequence[str]:
        """One, with this role where it counts by roles; none, where something is not said."""
        said, names = use.said, _names(self.each)
        values = tuple([role if name == "role" else said[name] for name in names])
        asked = values[len(values) - len(self.each) :]  # the tenant that is put before them is there, or has no name
        return () if "" in asked else (_written(names, values),)


@value(frozen=True, slots=True)
class Budget:
    """`where` is its place in a file. `warn_at` is the part of a limit, in percent, from which on it runs low."""

    name: str
    limits: Limits
    scope: Scope = Scope()
    window: Window | None = None
    then: Then = "deny"
    warn_at: int = 80
    where: str = ""

    def wants_price(self, use: Use) -> bool:
        """Whether this may be made only if it is known what it costs. One that only tells lets everything through."""
        return self.limits.nanos is not None and self.then != "tell" and bool(self.scope.keys(use))

    def accounts(self, use: Use, now: datetime) -> Sequence[Account]:
        """Where it counts this use, if it does."""
        return [self._account(key, now) for key in self.scope.keys(use)]

    def _account(self, key: str, now: datetime) -> Account:
        if self.window is None:
            return _account(self.name, key, self.then, None)
        span = self.window.at(now)
        return _account(self.name, key, self.then, (span.since, span.start, span.ends, span.over))


@value(frozen=True, slots=True)
class Pace:
    """How often calls may follow one another in an account: a bucket of `burst` tokens, of which a call takes one, and
    that gets a new one every `micros` microseconds.
    """

    account: str
    label: str
    micros: int
    burst: int


@value(frozen=True, slots=True)
class Rate:
    """A table of `[rates]`: so many calls of tools in so much time."""

    name: str
    micros: int
    burst: int
    scope: Scope = Scope()
    where: str = ""

    def paces(self, use: Use) -> Sequence[Pace]:
        """What holds for a call, if it is about that."""
        keys = self.scope.keys(use)
        return [Pace(f"rate:{self.name}|{key}", _label(self.name, key), self.micros, self.burst) for key in keys]


@value(frozen=True, slots=True)
class Claim:
    """What a use takes of one account; `taken` is what was taken of it before, as far as is known.

    `amount` has only what the budget limits.
    """

    budget: Budget
    account: Account
    amount: Spend
    taken: Spend = _NOTHING

    @property
    def over(self) -> Unit | None:
        """The unit in which it does not fit."""
        return excess(self.budget.limits, self.taken, self.amount)

    @property
    def passed(self) -> Sequence[Unit]:
        """Every unit in which it does not fit."""
        single = (Spend.from_json({unit: amount}) for unit, amount in self.amount.items())
        found = (excess(self.budget.limits, self.taken, each) for each in single)
        return [unit for unit in found if unit is not None]

    def limit(self, unit: Unit) -> str:
        """Which limit that is, whatever its window: `budget:team|tenant=acme#tool_calls`."""
        return f"{'|'.join(self.account.name.split('|')[:2])}#{unit}"

    def wait(self, now: datetime) -> float | None:
        """In how many seconds something may be free again, where time will help."""
        ends = self.account.proviso.ends
        return None if ends is None else max(0.0, ends / 1000 - now.timestamp())

    def why(self, unit: Unit) -> str:
        """What to tell whoever is refused."""
        limit, gone = getattr(self.budget.limits, unit), getattr(self.taken, unit)
        return f"the budget {self.account.proviso.label} of {shown(unit, limit)} is used up ({shown(unit, gone)} taken)"

    def left(self, spent: Spend | None = None) -> Sequence[JsonObject]:
        """What is left of each limit when this, or what was spent of it in the end, has been taken:
        `{"budget", "unit", "left", "limit", "low"}`.
        """
        amount = self.amount if spent is None else spent.like(self.amount)
        return [
            {
                "budget": self.budget.name,
                "unit": unit,
                "left": (left := max(0, limit - getattr(self.taken, unit) - getattr(amount, unit))),
                "limit": limit,
                "low": (limit - left) * 100 >= limit * self.budget.warn_at,
            }
            for unit, _ in self.amount.items()
            if (limit := getattr(self.budget.limits, unit)) is not None
        ]


@value(frozen=True, slots=True)
class Bill:
    """What one call takes: `amount` of its run's budget, its claims, a token of each of `paces`. `toll` is its price;
    `kept` is what an attempt before this one has reserved of which accounts, and serves for this one.
    """

    amount: Spend
    claims: tuple[Claim, ...] = ()
    kept: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    toll: Toll = FREE
    paces: tuple[Pace, ...] = ()

    @classmethod
    def of_before(cls, reserved: Spend, accounts: Mapping[str, Mapping[str, int]]) -> "Bill":
        """Of what an attempt before this one has reserved. What it was to cost at most is what it costs."""
        return cls(reserved, kept=accounts, toll=Toll(reserved.nanos))

    @property
    def accounts(self) -> Mapping[str, Mapping[str, int]]:
        """What is reserved of which accounts, once this is admitted."""
        return {**self.kept, **{claim.account.name: claim.amount.to_json() for claim in self.claims}}

    @property
    def over(self) -> tuple[Claim, Unit] | None:
        """The claim that does not fit: one that nobody can agree to, before one that people are asked about."""
        found = [(claim, unit) for claim in self.claims if claim.budget.then != "tell" and (unit := claim.over)]
        return min(found, key=lambda one: one[0].budget.then == "ask", default=None)

    def left(self, spent: Spend | None = None) -> Sequence[JsonObject]:
        """What is left of each budget when this has been taken; or when so much was spent of it, in the end."""
        return [left for claim in self.claims for left in claim.left(spent)]

    @property
    def millis(self) -> int | None:
        """The time that was reserved for it: so long it may take."""
        return min((claim.amount.millis for claim in self.claims if claim.amount.millis), default=None)


def budget_of(account: str) -> str | None:
    """The name of the budget in which this is counted: an account, or a limit of one. None: another kind of account."""
    kind, _, rest = account.partition(":")
    return rest.partition("|")[0] if kind == "budget" else None


def tells_errors_apart(account: str) -> bool:
    """Whether the errors that are counted there are those of the kind that came most often."""
    return f"error={EACH}" in account.split("|")[1].split(",")


def claims(budgets: Sequence[Budget], use: Use, amount: Spend, now: datetime) -> Sequence[Claim]:
    """What this takes of which accounts. Those that limit nothing of it are left out."""
    found: list[Claim] = []
    for budget in budgets:
        part = amount.under(budget.limits)
        if part.items():
            found += [Claim(budget, account, part) for account in budget.accounts(use, now)]
    return found


_Times = tuple[int | None, int, int, int]  # `since`, `start`, `ends` and `over` of a `gateway.windows.Span`


@lru_cache(4096)  # the same ones call again and again
def _account(name: str, key: str, then: Then, times: _Times | None) -> Account:
    """In this window, if there is one."""
    base, label = f"budget:{name}|{key}", _label(name, key)
    if times is None:
        return Account(base, Proviso(label, then))
    since, start, ends, over = times
    first = None if since is None else _dated(base, since)
    return Account(_dated(base, start), Proviso(label, then, first, ends * 1000, over * 1000))


@lru_cache(256)
def _names(each: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """Names mean somebody only within a tenant."""
    named = any(dimension in ("subject", "agent", "role") for dimension in each)
    return ("tenant", *each) if named and "tenant" not in each else each


@lru_cache(4096)
def _written(names: tuple[Dimension, ...], values: tuple[str, ...]) -> str:
    """`tenant=acme,subject=user:ann`: no name can be written so that it is another account's."""
    return ",".join(f"{name}={quote(said, safe=':/@#')}" for name, said in zip(names, values, strict=True))


def told(key: str) -> str:
    """What an account counts, as people read it: `run=r-1,arguments=shop/refund#33f9b9c80b9f`."""
    return _DIGEST.sub(r"#\1", key).replace(f"error={EACH}", "the same error")


def _label(name: str, key: str) -> str:
    return f"`{name}` for {told(key)}" if key else f"`{name}`"


def _dated(base: str, seconds: int) -> str:
    return f"{base}|{seconds:014d}"  # in the order of time as text, too


def _matches(globs: Sequence[str], values: Sequence[str]) -> bool:
    return any(fnmatchcase(value, glob) for glob in globs for value in values)
