"""A state machine over many approvers, retries, expiries and crashes: the real pipeline on a real SQLite store.

Two gateways share one store. Whatever they do, in whatever order, and wherever one of them dies, the record is asked
again after each step whether each invariant of an approval holds.
"""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.admission import Proposal, Work
from gateway.answer import Answer
from gateway.approval import Approval
from gateway.approving import Approving
from gateway.budget import Limits, Spend
from gateway.call import Answered, Arguments, Call, Outcome, Subject, Unsent
from gateway.catalogue import Catalogue
from gateway.errors import Conflict
from gateway.events import Admitted, Queued, Started
from gateway.pipeline import CallSettings, Pipeline
from gateway.policy import LivePolicy
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Recorder
from gateway.tracing import Place, Tracing
from tests.builders import a_tool
from tests.fixtures.parts import ROOT, write_policy

HOUR = 3_600_000
RULES = """\
p, user:ann, *, */*, call, , allow, ann may
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
ANN = Subject("user:ann", "acme")
PEOPLE = ["user:bob", "user:eve", "user:ann", "user:sue", "agent:bot"]
CATALOGUE = Catalogue.of([a_tool("shop/refund", {"type": "object", "properties": {"amount": {"type": "integer"}}})])


class Killed(BaseException):
    """The process is gone in this moment: nothing that stands behind it is done."""


class Shop:
    """What the pipeline needs of servers. `fate` is what becomes of the next call."""

    catalogue = CATALOGUE

    def __init__(self, arrived: list[str]) -> None:
        self.fate, self._arrived = "answers", arrived

    async def forward(self, call: Call, **_more: Any) -> Outcome:
        if self.fate == "away":
            return Unsent("the server is away")
        self._arrived.append(call.idempotency_key)
        if self.fate == "dies":
            raise Killed
        return Answered({"content": [{"type": "text", "text": "done"}]})

    def wake(self, server: str) -> None: ...


class Slow:
    """A store whose look-ups take as long as those of others: what was seen may be past when it is acted on."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claimed(self, claim: str) -> Approval | None:
        found = await self._store.claimed(claim)
        await asyncio.sleep(0)
        return found


class Gateway:
    """One process."""

    def __init__(self, path: Path, arrived: list[str], clock: Any) -> None:
        self.store, self.shop = SqliteStore(path, clock=clock), Shop(arrived)
        settings = CallSettings(approval_seconds=24 * 3600.0, questions=4)
        policy = LivePolicy(ROOT / "policies" / "model.conf", write_policy(path.parent, RULES))
        self.pipeline = Pipeline(self.shop, Slow(self.store), policy, Tracing(Recorder()), settings)
        self.approving = Approving(self.store, policy, lambda: CATALOGUE)


class Approvals(RuleBasedStateMachine):
    """Calls are numbered; a question is picked among all that were ever put."""

    @initialize()
    def begin(self) -> None:
        self.exits = contextlib.ExitStack()
        self.runner = self.exits.enter_context(asyncio.Runner())
        self.path = Path(self.exits.enter_context(tempfile.TemporaryDirectory())) / "toolgate.db"
        self.later, self.keys = 0, 0
        self.arrived: list[str] = []
        self.gateways = [self.started(), self.started()]
        self.run(
            self.gateways[0].store.append("r-1", [Queued("client", ANN.user, ANN.tenant), Started("x")], lease=None)
        )

    def started(self) -> Gateway:
        gateway = Gateway(self.path, self.arrived, lambda: time.time_ns() // 1_000_000 + self.later)
        self.exits.callback(gateway.store.close)
        return gateway

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        if hasattr(self, "exits"):
            self.exits.close()

    # ---- what happens

    @rule(
        which=st.integers(0, 1),
        amount=st.sampled_from([50, 900, 5000]),
        fate=st.sampled_from(["answers"] * 3 + ["away", "dies"]),
    )
    def call(self, which: int, amount: int, fate: str) -> None:
        self.keys += 1
        gateway = self.gateways[which]
        gateway.shop.fate = fate
        proposal = Proposal(f"call/{self.keys}", "shop/refund", {"amount": amount})
        try:
            self.run(gateway.pipeline.call(proposal, Work(Place("r-1", ANN, Limits(), Spend()))))
        except Killed:
            self.crash(which)

    @rule(amount=st.sampled_from([50, 900]))
    def retries_at_once(self, amount: int) -> None:
        self.keys += 4
        for gateway in self.gateways:
            gateway.shop.fate = "answers"

        async def all_of_them() -> None:
            work = Work(Place("r-1", ANN, Limits(), Spend()))
            proposals = [Proposal(f"call/{self.keys - n}", "shop/refund", {"amount": amount}) for n in range(4)]
            calls = [self.gateways[n % 2].pipeline.call(each, work) for n, each in enumerate(proposals)]
            await asyncio.gather(*calls)

        self.run(all_of_them())

    @rule(
        which=st.integers(0, 1),
        pick=st.integers(0, 20),
        who=st.sampled_from(PEOPLE),
        decision=st.sampled_from(["approved"] * 8 + ["denied", "escalated"]),
        edit=st.sampled_from([None] * 7 + [60, 800, 5000]),
    )
    def answer(self, which: int, pick: int, who: str, decision: Any, edit: int | None) -> None:
        every = self.all_approvals()
        asked = [one for one in every if one.state == "pending"] if pick < 18 else every
        if not asked:
            return
        edited = Arguments.parse({"amount": edit}) if edit is not None and decision == "approved" else None
        given = Answer(decision, "because", "a test", edited)
        with contextlib.suppress(Conflict):
            self.run(self.gateways[which].approving.answer(Subject(who, "acme"), asked[pick % len(asked)].id, given))

    @rule(
        which=st.integers(0, 1),
        amount=st.sampled_from([50, 900]),
        one=st.sampled_from(PEOPLE),
        other=st.sampled_from(PEOPLE),
        hours=st.sampled_from([0, 3]),
    )
    def two_answer_and_it_is_retried(self, which: int, amount: int, one: str, other: str, hours: int) -> None:
        """What people usually do, so that the rest of it meets answers that are in the middle of something."""
        self.retries_at_once(amount)
        self.later += hours * HOUR
        for who in (one, other):
            self.answer(which, 0, who, "approved", None)
        self.retries_at_once(amount)

    @rule(hours=st.sampled_from([1, 3, 25]))
    def time_passes(self, hours: int) -> None:
        self.later += hours * HOUR

    @rule(which=st.integers(0, 1))
    def the_clock_answers(self, which: int) -> None:
        self.run(self.gateways[which].store.expire())

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """Another process takes its place. What it had not committed is lost with it."""
        self.gateways[which] = self.started()

    # ---- what holds

    def all_approvals(self) -> Sequence[Approval]:
        found: Sequence[Approval] = self.run(self.gateways[0].store.approvals(pending_only=False, limit=10_000))
        return found

    def admissions(self) -> list[Admitted]:
        events = self.run(self.gateways[0].store.events("r-1"))
        return [recorded.event for recorded in events if isinstance(recorded.event, Admitted)]

    @invariant()
    def whatever_arrived_was_agreed_to_by_enough_other_people_and_as_they_saw_it(self) -> None:
        if not hasattr(self, "gateways"):
            return
        by_id = {one.id: one for one in self.all_approvals()}
        arrived = [each for each in self.admissions() if f"r-1/{each.key}" in self.arrived]
        assert len(arrived) == len(self.arrived)
        for admitted in arrived:
            asked = by_id[admitted.approval_id or ""]
            assert asked.state == "consumed"
            assert asked.arguments == admitted.arguments
            amount = json.loads(admitted.arguments)["amount"]
            people = {
                vote.by for vote in asked.decisions if vote.decision == "approved" and vote.digest == asked.digest
            }
            assert len(people) >= (2 if amount > 100 else 1)
            assert people <= {"user:bob", "user:eve", "user:sue"}
            assert amount <= 1000

    @invariant()
    def each_yes_was_used_once(self) -> None:
        if not hasattr(self, "gateways"):
            return
        used = [each.approval_id for each in self.admissions() if f"r-1/{each.key}" in self.arrived]
        assert len(used) == len(set(used))

    @invariant()
    def what_was_not_agreed_to_or_was_not_used_in_time_led_to_nothing(self) -> None:
        if not hasattr(self, "gateways"):
            return
        used = {each.approval_id for each in self.admissions() if f"r-1/{each.key}" in self.arrived}
        assert not [one for one in self.all_approvals() if one.state != "consumed" and one.id in used]

    @invariant()
    def one_question_stands_for_one_call_and_not_too_many_for_one_run(self) -> None:
        if not hasattr(self, "gateways"):
            return
        standing = [one for one in self.all_approvals() if one.state in ("pending", "approved")]
        assert len({one.claim for one in standing}) == len(standing)
        now = time.time_ns() // 1_000_000 + self.later
        assert sum(one.state == "pending" and one.expires > now for one in standing) <= 4


TestApprovals = Approvals.TestCase
TestApprovals.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
