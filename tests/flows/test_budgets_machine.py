"""Budgets as a state machine, on a real SQLite store: whatever is reserved, settled, crashed and waited for in whatever
order, no account ever holds more than its limit, in no window, and what the store says is what a simple model says.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from gateway.accounts import Bill, Budget, Claim, Scope, Use, claims
from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.errors import BudgetExceeded
from gateway.reserving import reserves, settled_in
from gateway.store.sqlite import SqliteStore
from gateway.windows import Window
from tests.builders import CLIENT, STARTED, Clock

WHO = [Subject("user:ann", "acme"), Subject("user:bob", "acme"), Subject("user:ann", "other")]
BUDGETS = [
    Budget("each", Limits(tool_calls=6), Scope(("subject",))),
    Budget("minute", Limits(tool_calls=4, nanos=700), window=Window("minute")),
    Budget("slides", Limits(tool_calls=3), window=Window("minute", sliding=True)),
    Budget("tool", Limits(nanos=900), Scope(("tenant", "tool"))),
    Budget("told", Limits(tool_calls=1), then="tell"),
]
STRICT = [budget for budget in BUDGETS if budget.then != "tell"]


@dataclass
class Made:
    """A call: when it was admitted, what it reserved, and what it has come to."""

    at: int
    use: Use
    bill: Bill
    spent: Spend | None = None
    counts: Spend = field(default_factory=Spend)


class Budgets(RuleBasedStateMachine):
    """Two processes share a store: each has a connection of its own, and what it remembers of accounts."""

    calls: Bundle[Made] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.made = Clock(), list[Made]()
        self.stores = [self.opened(), self.opened()]
        asyncio.run(self.stores[0].append("r", [CLIENT, STARTED], lease=None))

    def opened(self) -> SqliteStore:
        return SqliteStore(Path(self.folder.name) / "toolgate.db", clock=self.clock)

    @rule(
        target=calls,
        who=st.sampled_from(WHO),
        tool=st.sampled_from(["desk/a", "desk/b"]),
        nanos=st.integers(0, 400),
        by=st.integers(0, 1),
    )
    def admit(self, who: Subject, tool: str, nanos: int, by: int) -> Made:
        now = datetime.fromtimestamp(self.clock.now / 1000, UTC)
        use, amount = Use("r", who, path=tool), Spend(tool_calls=1, nanos=nanos)
        made = Made(self.clock.now, use, Bill(amount, tuple(claims(BUDGETS, use, amount, now))), counts=amount)
        fits = self.fits(made)
        try:
            asyncio.run(self.stores[by].append("r", [], lease=None, changes=reserves(made.bill.claims)))
        except BudgetExceeded:
            assert not fits, "it was refused, and fits"
            made.spent = made.counts = Spend()
        else:
            assert fits, "it was let through, and does not fit"
            self.made.append(made)
        return made

    @rule(made=consumes(calls), part=st.integers(0, 100), by=st.integers(0, 1))
    def settle(self, made: Made, part: int, by: int) -> None:
        if made.spent is None:
            made.spent = made.counts = Spend(tool_calls=1, nanos=made.bill.amount.nanos * part // 100)
            self.write(by, made)

    @rule(made=consumes(calls), by=st.integers(0, 1))
    def give_back(self, made: Made, by: int) -> None:
        if made.spent is None:
            made.spent = made.counts = Spend()
            self.write(by, made)

    def write(self, by: int, made: Made) -> None:
        assert made.spent is not None
        asyncio.run(self.stores[by].append("r", [], lease=None, changes=settled_in(made.bill.accounts, made.spent)))

    @rule(millis=st.integers(1, 45_000))
    def wait(self, millis: int) -> None:
        self.clock.tick(millis)

    @rule(by=st.integers(0, 1))
    def restart(self, by: int) -> None:
        """A process ends, and another one takes its place; what was under way stays reserved."""
        self.stores[by].close()
        self.stores[by] = self.opened()

    def fits(self, new: Made) -> bool:
        return all(self.room(budget, claim.amount, new) for budget in STRICT for claim in self.of(new, budget))

    def room(self, budget: Budget, amount: Spend, new: Made) -> bool:
        taken = self.taken(budget, new)
        return all(
            getattr(taken, unit) + wanted <= getattr(budget.limits, unit)
            for unit, wanted in amount.items()
            if getattr(budget.limits, unit) is not None
        )

    def of(self, made: Made, budget: Budget) -> Sequence[Claim]:
        return [claim for claim in made.bill.claims if claim.budget is budget]

    def taken(self, budget: Budget, new: Made) -> Spend:
        """By the model: of all calls that share its account, those that count in the window of now."""
        now = datetime.fromtimestamp(self.clock.now / 1000, UTC)
        total = Spend()
        for made in self.made:
            then = datetime.fromtimestamp(made.at / 1000, UTC)
            same = budget.scope.keys(made.use) == budget.scope.keys(new.use)
            if same and self.of(made, budget) and self.in_window(budget, then, now):
                total = total + made.counts.under(budget.limits)
        return total

    def in_window(self, budget: Budget, then: datetime, now: datetime) -> bool:
        if budget.window is None:
            return True
        span, start = budget.window.at(now), budget.window.at(then).start
        return start == span.start if span.since is None else span.since <= start <= span.start

    @invariant()
    def nothing_is_above_its_limit_and_the_store_says_what_the_model_says(self) -> None:
        if not hasattr(self, "stores"):
            return
        for budget in BUDGETS:
            for made in self.made[-3:]:
                now = datetime.fromtimestamp(self.clock.now / 1000, UTC)
                (account,) = budget.accounts(made.use, now)
                store = self.stores[len(self.made) % 2]
                first = account.proviso.since or account.name
                said = asyncio.run(store.spend_since(first, account.name))
                assert said == self.taken(budget, made)
                if budget.then != "tell":
                    assert said.tool_calls <= (budget.limits.tool_calls or said.tool_calls)
                    assert said.nanos <= (budget.limits.nanos or said.nanos)

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                store.close()
            self.folder.cleanup()


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
