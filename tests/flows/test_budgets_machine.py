"""Budgets as a state machine, on a real SQLite store: whatever is reserved, settled, crashed and waited for in whatever
order, and whatever clocks do meanwhile, no account ever holds more than its limit, in no window, and what the store
says is what a simple model says.

The model knows nothing of accounts and slices: it has a list of calls, each with the moment by which it was judged, and
adds up what a window is by its definition. Of a window that slides it knows two things: no stretch of its length ever
holds more than the limit, and nothing is refused for what is older than that length and a slice.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from gateway.accounts import Bill, Budget, Proviso, Scope, Use, claims
from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.errors import BudgetExceeded
from gateway.reserving import reserves, settled_in
from gateway.store import Reserve
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
MINUTE, SLICE, DAY = 60_000, 2_000, 86_400_000
MOMENTS = st.integers(-5_000, 5_000)  # by how much the clock of who judges is off


@dataclass
class Made:
    """A call: by which moment it was judged, what it reserved, and what it has come to."""

    at: int
    use: Use
    bill: Bill
    spent: Spend | None = None
    counts: Spend = field(default_factory=Spend)


class Budgets(RuleBasedStateMachine):
    """Two processes share a store: each has a connection of its own, and what it remembers of accounts."""

    judged: Bundle[Made] = Bundle("judged")
    calls: Bundle[Made] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock, self.made, self.leaps = Clock(), list[Made](), 0
        self.stores = [self.opened(), self.opened()]
        asyncio.run(self.stores[0].append("r", [CLIENT, STARTED], lease=None))

    def opened(self) -> SqliteStore:
        return SqliteStore(Path(self.folder.name) / "toolgate.db", clock=self.clock)

    @rule(
        target=judged,
        who=st.sampled_from(WHO),
        tool=st.sampled_from(["desk/a", "desk/b"]),
        nanos=st.integers(0, 400),
        ahead=MOMENTS,
    )
    def judge(self, who: Subject, tool: str, nanos: int, ahead: int) -> Made:
        return self.new(who, tool, nanos, ahead)

    def new(self, who: Subject, tool: str, nanos: int, ahead: int) -> Made:
        at = self.clock.now + ahead
        use, amount = Use("r", who, path=tool), Spend(tool_calls=1, nanos=nanos)
        found = claims(BUDGETS, use, amount, datetime.fromtimestamp(at / 1000, UTC))
        return Made(at, use, Bill(amount, tuple(found)), counts=amount)

    @rule(target=calls, made=consumes(judged), by=st.integers(0, 1))
    def commit(self, made: Made, by: int) -> Made:
        """As late as it comes."""
        return self.written(made, by)

    def written(self, made: Made, by: int) -> Made:
        try:
            asyncio.run(self.stores[by].append("r", [], lease=None, changes=reserves(made.bill.claims)))
        except BudgetExceeded:
            assert not self.must_fit(made), "it was refused, and fits"
            made.spent = made.counts = Spend()
        else:
            self.made.append(made)
        return made

    @rule(
        target=calls,
        who=st.sampled_from(WHO),
        tool=st.sampled_from(["desk/a", "desk/b"]),
        nanos=st.integers(0, 400),
        ahead=MOMENTS,
        by=st.integers(0, 1),
    )
    def admit(self, who: Subject, tool: str, nanos: int, ahead: int, by: int) -> Made:
        return self.written(self.new(who, tool, nanos, ahead), by)

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

    @rule(millis=st.integers(1, 150_000))
    def the_clock_is_set_back(self, millis: int) -> None:
        self.clock.tick(-millis)

    @rule(days=st.integers(1, 60), by=st.integers(0, 1), calls=st.integers(1, 3))
    def the_clock_leaps_ahead_and_is_mended(self, days: int, by: int, calls: int) -> None:
        """Somebody calls meanwhile, whose window is over when it is mended; and somebody when it is. (If nobody does
        before it leaps again, the store has seen what it sees of some quiet days.)
        """
        self.clock.tick(days * DAY)
        for _ in range(calls):
            self.passes(by)
        self.clock.tick(-days * DAY)
        self.passes(by)

    def passes(self, by: int) -> None:
        self.leaps += 1
        passing = Proviso("`passing`", over=self.clock.now + MINUTE)
        reserve = Reserve(f"budget:passing|{self.leaps}", Spend(tool_calls=1), Limits(), passing)
        asyncio.run(self.stores[by].append("r", [], lease=None, changes=[reserve]))

    @rule(by=st.integers(0, 1))
    def restart(self, by: int) -> None:
        """A process ends, and another one takes its place; what was under way stays reserved."""
        self.stores[by].close()
        self.stores[by] = self.opened()

    def must_fit(self, new: Made) -> bool:
        """By the model: no limit is passed, whatever may count in the window of its moment."""
        return all(
            within(budget, self.taken(budget, new, may_count(budget, new.at)) + new.bill.amount) for budget in STRICT
        )

    def taken(self, budget: Budget, like: Made, counts: Callable[[int], bool]) -> Spend:
        """Of all calls that share its account, by the moments that count."""
        total = Spend()
        for made in self.made:
            if budget.scope.keys(made.use) == budget.scope.keys(like.use) and counts(made.at):
                total = total + made.counts.under(budget.limits)
        return total

    @invariant()
    def no_window_ever_holds_more_than_its_limit(self) -> None:
        for made in self.made if hasattr(self, "made") else ():
            for budget in STRICT:
                assert within(budget, self.taken(budget, made, must_count(budget, made.at)))

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        for made in self.made[-3:] if hasattr(self, "made") else ():
            store = self.stores[len(self.made) % 2]
            for claim in made.bill.claims:
                since = claim.account.proviso.since
                said = asyncio.run(store.spend(claim.account.name) if since is None else store.spend_since(since))
                least = self.taken(claim.budget, made, partial(stretch, made.at))
                most = self.taken(claim.budget, made, may_count(claim.budget, made.at))
                assert said == most if since is None else least.tool_calls <= said.tool_calls <= most.tool_calls

    def teardown(self) -> None:
        if hasattr(self, "stores"):
            for store in self.stores:
                store.close()
            self.folder.cleanup()


def within(budget: Budget, taken: Spend) -> bool:
    limits = budget.limits
    return all(getattr(taken, unit) <= getattr(limits, unit) for unit in limits.units)


def may_count(budget: Budget, now: int) -> Callable[[int], bool]:
    """What a call of this moment may be refused for."""
    if budget.window is None or not budget.window.sliding:
        return must_count(budget, now)
    return lambda at: at > now - MINUTE - SLICE


def stretch(now: int, at: int) -> bool:
    """Whether it is in the last minute, or after it."""
    return at > now - MINUTE


def must_count(budget: Budget, now: int) -> Callable[[int], bool]:
    """What is in one window: that of this moment, or the stretch that begins with it."""
    if budget.window is None:
        return lambda _at: True
    if budget.window.sliding:
        return lambda at: now <= at < now + MINUTE
    return lambda at: at // MINUTE == now // MINUTE


TestBudgets = Budgets.TestCase
TestBudgets.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
