"""A state machine over many approvers, retries, expiries and crashes: the real pipeline on a real SQLite store.

Two gateways share one store; two people make calls, and each may decide about what the other one wants. Whatever
happens, in whatever order, and wherever a gateway dies: of each call that reached the server the record is asked who
agreed to it, to what, when, and in whose place, and that is held against what people here have really said.

The sample is the same each time; `./dev test --all` takes a larger one, which is not.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.admission import Proposal, Work
from gateway.answer import Answer
from gateway.approval import Approval, Vote
from gateway.approving import Approving
from gateway.budget import Limits, Spend
from gateway.call import Answered, Arguments, Call, Outcome, Subject, Unsent
from gateway.catalogue import Catalogue
from gateway.errors import Conflict
from gateway.events import Admitted, Event, Queued, Started
from gateway.lasting import Delegation
from gateway.pipeline import CallSettings, Pipeline
from gateway.policy import LivePolicy
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Recorder
from gateway.tracing import Place, Tracing
from tests.builders import a_tool
from tests.fixtures.parts import ROOT, write_policy

HOUR = 3_600_000
DAY = 24 * HOUR
RULES = """\
p, *, *, */*, call, , allow, they may
p, *, *, */*, call, , ask, people look
p, *, *, */*, call, args.amount > 1000, deny, nobody may
o, *, *, */*, call, args.amount > 100, needs=2; escalate=role:boss@2h, much
p, role:approver, *, */*, approve, , allow, they look
g, user:bob, role:approver, *
g, user:eve, role:approver, *
g, user:ann, role:approver, *
g, user:sue, role:boss, *
g, user:ann, role:boss, *
"""
STRICT = RULES + "o, *, *, */*, call, , needs=2, two look at all of it\n"
APPROVERS, BOSSES = ("user:bob", "user:eve", "user:ann"), ("user:sue", "user:ann")
ASKERS = {"r-1": Subject("user:ann", "acme"), "r-2": Subject("user:bob", "acme")}
PEOPLE = ["user:bob", "user:eve", "user:ann", "user:sue", "user:dan", "agent:bot"]
SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}}}
STEP = 30.0  # seconds
MOST = 4  # open questions of one run
OVER = {"denied", "expired", "cancelled"}

gateways, askers = st.integers(0, 1), st.sampled_from(sorted(ASKERS))
people, amounts = st.sampled_from(PEOPLE), st.sampled_from([50, 900])


def catalogue(version: int) -> Catalogue:
    """Of the same name, and another definition."""
    return Catalogue.of([a_tool("shop/refund", {**SCHEMA, "title": f"version {version}"})])


class Killed(BaseException):
    """The process is gone in this moment: nothing that stands behind it is done."""


@dataclass
class World:
    """What all gateways have in common. `later` is by how many milliseconds the clocks are ahead; `jump` is added to it
    when somebody has looked up an answer and has not used it yet.
    """

    later: int = 0
    jump: int = 0
    version: int = 0
    strict: bool = False

    @property
    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.later

    def needs(self, amount: int) -> int:
        return 2 if self.strict or amount > 100 else 1


@dataclass(frozen=True)
class Arrival:
    """A call that reached the server, and what was wanted of it in that moment."""

    key: str
    amount: int
    needs: int
    pin: str
    policy: str


def counted(asked: Approval) -> list[Vote]:
    """Every yes to what will run, under the policy under which it was settled, as the record has it."""
    good = (asked.digest, asked.policy)
    return [each for each in asked.decisions if (each.decision, each.digest, each.policy) == ("approved", *good)]


class Shop:
    """What the pipeline needs of servers. `fate` is what becomes of the next call."""

    def __init__(self, world: World, arrived: list[Arrival], policy: LivePolicy) -> None:
        self._policy = policy
        self.fate, self._world, self._arrived = "answers", world, arrived
        self.meanwhile: Any = None  # what happens while the next call is under way

    @property
    def catalogue(self) -> Catalogue:
        return catalogue(self._world.version)

    async def forward(self, call: Call, **_more: Any) -> Outcome:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        if self.fate == "away":
            return Unsent("the server is away")
        amount, pin = call.arguments.value["amount"], self.catalogue.tools["shop/refund"].pin
        policy = (await self._policy.settled()).digest
        self._arrived.append(Arrival(call.idempotency_key, amount, self._world.needs(amount), pin, policy))
        if self.fate == "dies":
            raise Killed
        return Answered({"content": [{"type": "text", "text": "done"}]})

    def wake(self, server: str) -> None: ...


class Slow:
    """A store whose look-ups take as long as those of others: what was seen may be past when it is acted on."""

    def __init__(self, store: SqliteStore, world: World) -> None:
        self._store, self._world = store, world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claimed(self, claim: str) -> Approval | None:
        found = await self._store.claimed(claim)
        await asyncio.sleep(0)
        self._world.later += self._world.jump
        self._world.jump = 0
        return found

    async def approval(self, approval_id: str) -> Approval:
        found = await self._store.approval(approval_id)
        await asyncio.sleep(0)
        return found


class Gateway:
    """One process."""

    def __init__(self, path: Path, world: World, arrived: list[Arrival]) -> None:
        policy = LivePolicy(ROOT / "policies" / "model.conf", path.parent / "policy.csv")
        self.store, self.shop = SqliteStore(path, clock=lambda: world.now), Shop(world, arrived, policy)
        settings = CallSettings(approval_seconds=DAY / 1000, questions=MOST)
        self.policy = policy
        slow: Any = Slow(self.store, world)
        self.pipeline = Pipeline(self.shop, slow, policy, Tracing(Recorder()), settings)
        self.approving = Approving(slow, policy, lambda: self.shop.catalogue)


class Approvals(RuleBasedStateMachine):
    """`said` is what people have agreed to, as they saw it: who, to which approval, with which amount."""

    @initialize()
    def begin(self) -> None:
        self.exits = contextlib.ExitStack()
        self.runner = self.exits.enter_context(asyncio.Runner())
        self.path = Path(self.exits.enter_context(tempfile.TemporaryDirectory())) / "toolgate.db"
        write_policy(self.path.parent, RULES)
        self.world = World()
        self.keys = 0
        self.arrived: list[Arrival] = []
        self.said: set[tuple[str, str, int]] = set()
        self.over: dict[str, str] = {}
        self.gateways = [self.started(), self.started()]
        for run_id, who in ASKERS.items():
            begun: list[Event] = [Queued("client", who.user, who.tenant), Started("x")]
            self.run(self.gateways[0].store.append(run_id, begun, lease=None))

    def started(self) -> Gateway:
        gateway = Gateway(self.path, self.world, self.arrived)
        self.exits.callback(gateway.store.close)
        return gateway

    def run(self, work: Any) -> Any:
        """No step is endless."""
        return self.runner.run(asyncio.wait_for(work, STEP))

    def teardown(self) -> None:
        if hasattr(self, "exits"):
            self.exits.close()

    # ---- what happens: calls

    def calling(self, gateway: Gateway, run_id: str, amount: int) -> Any:
        self.keys += 1
        proposal = Proposal(f"call/{self.keys}", "shop/refund", {"amount": amount})
        return gateway.pipeline.call(proposal, Work(Place(run_id, ASKERS[run_id], Limits(), Spend())))

    @rule(
        which=gateways,
        run_id=askers,
        amount=st.sampled_from([50, 900, 5000]),
        fate=st.sampled_from(["answers"] * 3 + ["away", "dies"]),
    )
    def call(self, which: int, run_id: str, amount: int, fate: str) -> None:
        self.gateways[which].shop.fate = fate
        try:
            self.run(self.calling(self.gateways[which], run_id, amount))
        except Killed:
            self.crash(which)

    @rule(run_id=askers, amount=amounts)
    def retries_at_once(self, run_id: str, amount: int) -> None:
        for gateway in self.gateways:
            gateway.shop.fate = "answers"

        async def all_of_them() -> None:
            await asyncio.gather(*(self.calling(self.gateways[n % 2], run_id, amount) for n in range(4)))

        self.run(all_of_them())

    @rule(run_id=askers, which=gateways)
    def many_at_once(self, run_id: str, which: int) -> None:
        """More questions than may be open."""
        self.gateways[which].shop.fate = "answers"

        async def all_of_them() -> None:
            await asyncio.gather(*(self.calling(self.gateways[which], run_id, amount) for amount in range(1, MOST + 3)))

        self.run(all_of_them())

    # ---- what happens: answers

    def looked_at(self, pick: int) -> Approval | None:
        """One that waits, or now and then one that is over."""
        every = self.all_approvals()
        asked = [one for one in every if one.state == "pending"] if pick < 18 else every
        return asked[pick % len(asked)] if asked else None

    async def says(
        self, which: int, who: str, asked: Approval, edit: int | None = None, decision: Any = "approved"
    ) -> None:
        """What somebody says who was shown the question as `asked`."""
        edited = Arguments.parse({"amount": edit}) if edit is not None and decision == "approved" else None
        if decision == "approved":
            self.said.add((who, asked.id, edit if edit is not None else asked.call.arguments.value["amount"]))
        given = Answer(decision, "because", "a test", edited, seen=asked.digest)
        with contextlib.suppress(Conflict):
            await self.gateways[which].approving.answer(Subject(who, "acme"), asked.id, given)

    @rule(
        which=gateways,
        pick=st.integers(0, 20),
        who=people,
        decision=st.sampled_from(["approved"] * 8 + ["denied", "escalated"]),
        edit=st.sampled_from([None] * 7 + [60, 800, 5000]),
    )
    def answer(self, which: int, pick: int, who: str, decision: Any, edit: int | None) -> None:
        asked = self.looked_at(pick)
        if asked is not None:
            self.run(self.says(which, who, asked, edit, decision))

    @rule(run_id=askers, amount=amounts, who=st.permutations(PEOPLE[:4]), edit=st.sampled_from([None, 60, 800]))
    def two_answer_at_once(self, run_id: str, amount: int, who: Sequence[str], edit: int | None) -> None:
        """Each of them as he saw it, one of them with a change."""
        self.retries_at_once(run_id, amount)

        async def both(asked: Approval) -> None:
            await asyncio.gather(self.says(0, who[0], asked, edit), self.says(1, who[1], asked))

        for asked in self.waiting(run_id, amount):
            self.run(both(asked))
        self.retries_at_once(run_id, amount)

    @rule(run_id=askers, edit=st.sampled_from([700, 800]))
    def somebody_answers_what_was_changed_since_he_saw_it(self, run_id: str, edit: int) -> None:
        one, other = (who for who in APPROVERS if who != ASKERS[run_id].user)
        self.retries_at_once(run_id, 900)
        for asked in self.waiting(run_id, 900):
            self.run(self.says(0, one, asked, edit))
            self.run(self.says(1, other, asked))
        self.retries_at_once(run_id, 900)

    @rule(
        which=gateways,
        run_id=askers,
        amount=amounts,
        one=people,
        other=people,
        hours=st.sampled_from([0, 3]),
    )
    def two_answer_and_it_is_retried(
        self, which: int, run_id: str, amount: int, one: str, other: str, hours: int
    ) -> None:
        """What people usually do, so that the rest of it meets answers that are in the middle of something."""
        self.retries_at_once(run_id, amount)
        self.world.later += hours * HOUR
        for who in (one, other):
            for asked in self.waiting(run_id, amount):
                self.run(self.says(which, who, asked))
        self.retries_at_once(run_id, amount)

    @rule(run_id=askers, amount=amounts, absent=people, deputy=people)
    def somebody_lets_another_one_decide(self, run_id: str, amount: int, absent: str, deputy: str) -> None:
        """Who is away may be he who asks; and then both of them say yes."""
        until = self.world.now + DAY
        made = Delegation(f"D-{self.world.now}-{self.keys}", absent, deputy, "acme", self.world.now, until)
        self.run(self.gateways[0].store.lasting.delegate(made))
        self.two_answer_and_it_is_retried(0, run_id, amount, deputy, absent, 0)

    def waiting(self, run_id: str, amount: int) -> list[Approval]:
        """The question about this call, if one is open."""
        arguments = Arguments.parse({"amount": amount}).text
        every = [one for one in self.all_approvals() if (one.state, one.run_id) == ("pending", run_id)]
        return [one for one in every if arguments in (one.arguments, one.asked_for)]

    def agreed_to(self, run_id: str, amount: int) -> None:
        """Whoever may has said yes, and it is not used yet."""
        self.retries_at_once(run_id, amount)
        for asked in self.waiting(run_id, amount):
            for each in APPROVERS:
                self.run(self.says(0, each, asked))
        assert not self.waiting(run_id, amount), "whoever may has said yes, and it is still open"

    @rule(run_id=askers, edit=st.sampled_from([60, 800]))
    def two_agree_to_a_change(self, run_id: str, edit: int) -> None:
        """One changes it, the other one has seen that."""
        one, other = (who for who in APPROVERS if who != ASKERS[run_id].user)
        self.retries_at_once(run_id, 900)
        for asked in self.waiting(run_id, 900):
            self.run(self.says(0, one, asked, edit))
            changed = self.run(self.gateways[1].store.approval(asked.id))
            assert changed.call.arguments.value == {"amount": edit}
            self.run(self.says(1, other, changed))
            assert self.run(self.gateways[1].store.approval(asked.id)).state == "approved"
        self.retries_at_once(run_id, 900)

    @rule(run_id=askers, amount=amounts, first=st.sampled_from(["approved", "denied"]))
    def somebody_answers_what_is_over(self, run_id: str, amount: int, first: str) -> None:
        """What was used, refused, or is too old; and the call is made again."""
        self.retries_at_once(run_id, amount)
        before = self.waiting(run_id, amount)
        for asked in before:
            for each in APPROVERS:
                self.run(self.says(0, each, asked, decision=first))
        self.retries_at_once(run_id, amount)
        self.what_is_over_stays_so_and_led_to_nothing()
        for asked in before:
            for each in APPROVERS:
                self.run(self.says(1, each, asked))
        self.retries_at_once(run_id, amount)

    @rule(run_id=askers, amount=amounts, hours=st.sampled_from([23, 25]))
    def an_answer_is_used_late(self, run_id: str, amount: int, hours: int) -> None:
        """Or too late: its time is over in the moment in which it is used."""
        self.agreed_to(run_id, amount)
        self.world.jump = hours * HOUR
        self.retries_at_once(run_id, amount)
        self.world.jump = 0

    @rule(run_id=askers, amount=amounts)
    def the_tool_is_another_one_by_the_time_that_an_answer_is_used(self, run_id: str, amount: int) -> None:
        self.agreed_to(run_id, amount)
        self.world.version += 1
        self.retries_at_once(run_id, amount)

    @rule(run_id=askers)
    def the_same_call_is_made_while_one_is_under_way_that_never_left(self, run_id: str) -> None:
        """Its answer is good again, unless another question stands in its place by then."""
        self.agreed_to(run_id, 50)
        here, there = self.gateways
        here.shop.fate, there.shop.fate = "away", "answers"
        here.shop.meanwhile = lambda: self.calling(there, run_id, 50)
        self.run(self.calling(here, run_id, 50))
        here.shop.meanwhile = None

    # ---- what happens: all else

    @rule(hours=st.sampled_from([1, 3, 25]))
    def time_passes(self, hours: int) -> None:
        self.world.later += hours * HOUR

    @rule(which=gateways)
    def the_clock_answers(self, which: int) -> None:
        self.run(self.gateways[which].store.expire())

    @rule(which=gateways)
    def crash(self, which: int) -> None:
        """Another process takes its place. What it had not committed is lost with it."""
        self.gateways[which] = self.started()

    @rule(run_id=askers, who=st.sampled_from(APPROVERS), before=st.booleans())
    def the_policy_comes_to_want_more_people(self, run_id: str, who: str, before: bool) -> None:
        """Before somebody answers, or between his answer and its use."""
        self.wants_two(strict=False)
        self.retries_at_once(run_id, 50)
        if before:
            self.wants_two(strict=True)
        for asked in self.waiting(run_id, 50):
            self.run(self.says(0, who, asked))
        self.wants_two(strict=True)
        self.retries_at_once(run_id, 50)

    @rule(run_id=askers, amount=amounts)
    def the_policy_is_another_one_by_the_time_that_an_answer_is_used(self, run_id: str, amount: int) -> None:
        self.agreed_to(run_id, amount)
        self.keys += 1
        write_policy(self.path.parent, f"{STRICT if self.world.strict else RULES}# {self.keys}\n")
        self.retries_at_once(run_id, amount)

    @rule(strict=st.booleans())
    def wants_two(self, strict: bool) -> None:
        self.world.strict = strict
        write_policy(self.path.parent, STRICT if strict else RULES)

    # ---- what holds

    def all_approvals(self) -> Sequence[Approval]:
        found: Sequence[Approval] = self.run(self.gateways[0].store.approvals(pending_only=False, limit=10_000))
        return found

    def admissions(self) -> dict[str, tuple[str, Admitted]]:
        """By their keys, with the run."""
        found = {}
        for run_id in ASKERS:
            for recorded in self.run(self.gateways[0].store.events(run_id)):
                if isinstance(recorded.event, Admitted):
                    found[f"{run_id}/{recorded.event.key}"] = (run_id, recorded.event)
        return found

    @invariant()
    def whatever_arrived_was_agreed_to_as_it_is_by_enough_people_who_might_and_in_time(self) -> None:
        if not hasattr(self, "gateways"):
            return
        by_id, admitted = {one.id: one for one in self.all_approvals()}, self.admissions()
        used = []
        for arrival in self.arrived:
            run_id, event = admitted[arrival.key]
            asked = by_id[event.approval_id or ""]
            used.append(asked.id)
            assert (asked.state, asked.user, asked.pin) == ("consumed", ASKERS[run_id].user, arrival.pin)
            assert asked.arguments == event.arguments == json.dumps({"amount": arrival.amount}, separators=(",", ":"))
            assert arrival.amount <= 1000
            assert asked.consumed_at is not None
            assert asked.consumed_at < asked.expires
            votes = counted(asked)
            assert len(votes) >= arrival.needs
            assert (asked.policy, event.policy) == (arrival.policy, arrival.policy)
            self.check_votes(asked, votes, arrival.amount)
        assert len(used) == len(set(used)), "a yes was used twice"

    def check_votes(self, asked: Approval, votes: Sequence[Vote], amount: int) -> None:
        spoken: set[str] = set()
        for vote in votes:
            whose = {vote.by, vote.on_behalf or vote.by}
            assert not whose & spoken, "somebody's word counted twice"
            spoken |= whose
            assert asked.user not in whose, "somebody decided about his own request"
            up = asked.escalates is not None and vote.at >= asked.escalates
            assert (vote.on_behalf or vote.by) in (APPROVERS + BOSSES if up else APPROVERS)
            assert (vote.by, asked.id, amount) in self.said, "a yes to what he has not seen"
            assert asked.created <= vote.at < asked.expires

    @invariant()
    def what_is_over_stays_so_and_led_to_nothing(self) -> None:
        if not hasattr(self, "gateways"):
            return
        admitted = self.admissions()
        used = {admitted[each.key][1].approval_id for each in self.arrived}
        for one in self.all_approvals():
            assert self.over.get(one.id, one.state) == one.state
            assert one.state == "consumed" or one.id not in used
            if one.state in OVER:
                self.over[one.id] = one.state

    @invariant()
    def what_nobody_might_agree_to_is_not_agreed_to(self) -> None:
        """Also before it is used."""
        if not hasattr(self, "gateways"):
            return
        now = self.run(self.gateways[0].policy.settled()).digest
        for one in self.all_approvals():
            if one.state == "approved":
                amount = one.call.arguments.value["amount"]
                assert len(counted(one)) >= (self.world.needs(amount) if one.policy == now else one.needs)
                self.check_votes(one, counted(one), amount)

    @invariant()
    def one_question_stands_for_one_call_and_not_too_many_for_one_run(self) -> None:
        if not hasattr(self, "gateways"):
            return
        standing = [one for one in self.all_approvals() if one.state in ("pending", "approved")]
        assert len({one.claim for one in standing}) == len(standing)
        for run_id in ASKERS:
            open_ones = [one for one in standing if one.state == "pending" and one.expires > self.world.now]
            assert sum(one.run_id == run_id for one in open_ones) <= MOST


TestApprovals = Approvals.TestCase
TestApprovals.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


class More(Approvals):
    """The same, at random, for as long as it may take."""


TestMoreApprovals = pytest.mark.soak(More.TestCase)
TestMoreApprovals.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
