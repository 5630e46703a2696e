"""Workers take jobs up: each by one, in order and in turn, and none is lost with the worker that had it."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.errors import LeaseLost
from gateway.events import Decided, Event, Started, Succeeded, Waited
from gateway.job import Job, Slots
from gateway.store import Claim, Enqueue, Lease, claims
from gateway.store import transactions as tx
from gateway.store.claims import COMING, HEADS, LOOK_AGAIN, SOON, TAKEN
from gateway.store.database import DatabaseStore
from gateway.store.ledger import Ledger
from gateway.store.migrations import statements
from tests.builders import NOON, QUEUED, Clock
from tests.fixtures.stores import Place, execute, store_at
from tests.gateway.store.test_jobs import SECONDS, claim, drive, happen, submit

ANSWER = Decided("t1/call/1", "A-1", "approved", "user:bob", "")


async def taken(store: DatabaseStore, **how: Any) -> str | None:
    lease = await claim(store, **how)
    return lease.run_id if lease else None


# ---- in which order


def test_the_highest_priority_is_first_then_who_came_first(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for run_id, priority in (("r-1", 0), ("r-2", 5), ("r-3", -5), ("r-4", 5), ("r-5", 0)):
            await submit(store, run_id, priority=priority)
        assert [await taken(store) for _ in range(6)] == ["r-2", "r-4", "r-1", "r-5", "r-3", None]

    asyncio.run(scenario())


def test_a_tenant_with_many_runs_keeps_nobody_waiting_for_more_than_one_of_them(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for number in range(5):
            await submit(store, f"r-a{number}", "acme")
        for number in range(2):
            await submit(store, f"r-b{number}", "byte")
        order = [await drive(store, Succeeded("done")) for _ in range(7)]  # one worker, one run at a time
        assert order == ["r-a0", "r-b0", "r-a1", "r-b1", "r-a2", "r-a3", "r-a4"]

    asyncio.run(scenario())


def test_the_tenant_with_the_fewest_under_way_is_next(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for number in range(4):
            await submit(store, f"r-a{number}", "acme")
        assert [await taken(store), await taken(store)] == ["r-a0", "r-a1"]
        for number in range(3):
            await submit(store, f"r-b{number}", "byte")
        assert [await taken(store) for _ in range(5)] == ["r-b0", "r-b1", "r-a2", "r-b2", "r-a3"]

    asyncio.run(scenario())


@pytest.mark.parametrize("slots", [Slots(tenant=2), Slots(agents={"support": 2}), Slots(models={"demo": 2})])
def test_no_more_are_under_way_than_there_are_slots(store: DatabaseStore, slots: Slots) -> None:
    async def scenario() -> None:
        for number in range(3):
            await submit(store, f"r-{number}")
        first = await claim(store, slots=slots)
        assert [await taken(store, slots=slots), await taken(store, slots=slots)] == ["r-1", None]
        assert first is not None
        await happen(store, first, Started("w"), Waited("approval"), run_id="r-0")
        await store.lay_down(first, 3)  # who waits for people takes no slot
        assert await taken(store, slots=slots) == "r-2"

    asyncio.run(scenario())


def test_a_delayed_run_is_begun_when_it_is_time(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store, ready=NOON + 5_000)
        await submit(store, "r-2", ready=NOON + 3_000)
        assert await store.coming() == 3_000
        assert await taken(store) is None
        clock.tick(3_000)
        assert [await taken(store), await taken(store)] == ["r-2", None]
        clock.tick(2_000)
        assert await taken(store) == "r-1"

    asyncio.run(scenario())


def test_a_worker_takes_only_runs_of_agents_that_it_knows(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store)
        assert await taken(store, agents=frozenset({"another"})) is None
        assert await taken(store, agents=frozenset({"support"})) == "r-1"

    asyncio.run(scenario())


def test_one_run_can_be_claimed_by_its_name_if_it_may_be_begun(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2", "r-3"):
            await submit(store, run_id)
        assert await taken(store, run_id="r-2", slots=Slots(tenant=1)) == "r-2"
        assert await taken(store, run_id="r-2") is None
        assert await taken(store, run_id="r-3", slots=Slots(tenant=1)) is None
        assert await taken(store, run_id="r-none") is None

    asyncio.run(scenario())


# ---- nothing is lost


def test_an_answer_that_comes_when_the_run_waits_and_its_driver_has_not_let_go_is_not_lost(
    store: DatabaseStore,
) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        assert lease is not None
        seen = await happen(store, lease, Started("w"), Waited("approval"))
        await happen(store, None, ANSWER)
        await store.lay_down(lease, seen)
        assert await store.coming() == 0
        again = await claim(store)
        assert again is not None
        await store.lay_down(again, seen + 1)  # now he has seen it, and there was nothing to do
        assert await taken(store) is None

    asyncio.run(scenario())


def test_a_worker_that_dies_before_it_lets_go_of_a_run_that_waits_leaves_it_to_the_next(
    store: DatabaseStore, clock: Clock
) -> None:
    async def scenario() -> None:
        await submit(store)
        await happen(store, await claim(store), Started("w"), Waited("approval"))
        clock.tick(10_000)
        again = await claim(store)
        assert again is not None
        await store.lay_down(again, 3)
        assert await taken(store) is None

    asyncio.run(scenario())


def test_a_run_that_is_laid_down_in_the_middle_is_ready_for_the_next(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        assert lease is not None
        seen = await happen(store, lease, Started("w"))
        await store.lay_down(lease, seen)
        assert await taken(store) == "r-1"

    asyncio.run(scenario())


def test_a_run_rests_until_a_moment_if_its_driver_says_so(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        assert lease is not None
        seen = await happen(store, lease, Started("w"), Waited("approval"))
        await store.lay_down(lease, seen, NOON + 60_000)
        assert await store.coming() == 60_000
        assert await taken(store) is None
        clock.tick(60_000)
        again = await claim(store)
        assert again is not None
        await store.lay_down(again, seen, NOON + 60_000)  # by its driver's clock the moment has not come yet
        assert await taken(store) is None
        clock.tick(SOON)
        assert await taken(store) == "r-1"

    asyncio.run(scenario())


def test_the_run_of_a_dead_worker_goes_on_at_once_where_it_is_known_that_it_died(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store)
        assert await taken(store) == "r-1"
        assert await taken(store) is None
        assert await taken(store, takes_over=False, dead=lambda owner: owner == "here/1/a") == "r-1"

    asyncio.run(scenario())


def test_the_run_of_a_worker_that_is_silent_goes_on_elsewhere_when_its_lease_is_over(
    store: DatabaseStore, clock: Clock
) -> None:
    async def scenario() -> None:
        await submit(store)
        frozen = await claim(store)
        clock.tick(9_999)
        assert await taken(store) is None
        clock.tick(1)
        assert await taken(store, takes_over=False) is None  # whoever has just come back himself waits a little
        assert await taken(store) == "r-1"
        assert frozen is not None
        with pytest.raises(LeaseLost):  # it wakes, and can record nothing
            await happen(store, frozen, Started("frozen"))
        await store.lay_down(frozen, 99)
        await store.put_off(frozen)
        assert await taken(store) is None  # nor take it away from who has it now

    asyncio.run(scenario())


def test_a_worker_that_renews_its_lease_keeps_its_run(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        assert lease is not None
        for _ in range(5):
            clock.tick(9_000)
            await store.renew(lease, SECONDS)
            assert await taken(store) is None

    asyncio.run(scenario())


def test_a_run_that_kills_its_drivers_is_begun_ever_later(store: DatabaseStore, clock: Clock) -> None:
    def dead(_owner: str) -> bool:
        return True

    async def scenario() -> None:
        await submit(store)
        await submit(store, "r-2")
        assert [await taken(store, dead=dead) for _ in range(2)] == ["r-1", "r-1"]  # the first death is nobody's fault
        assert await taken(store, dead=dead) == "r-2"
        assert await taken(store) is None
        clock.tick(1_000)
        assert await taken(store) == "r-1"

    asyncio.run(scenario())


def test_a_run_that_can_not_be_driven_here_comes_up_again_ever_later(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store)
        for wait in (1_000, 2_000, 4_000):
            lease = await claim(store)
            assert lease is not None
            await store.put_off(lease)
            assert await store.coming() == wait
            assert await taken(store) is None
            clock.tick(wait)
        await drive(store, Waited("approval"))
        await happen(store, None, ANSWER)
        lease = await claim(store)
        assert lease is not None
        await store.put_off(lease)
        assert await store.coming() == 1_000  # once it went well, it begins anew

    asyncio.run(scenario())


def test_a_run_that_somebody_drives_himself_is_left_to_him(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store)
        await submit(store, "r-2")
        own = await store.acquire("r-1", "there/7/x", 60.0)
        assert own is not None
        assert [await taken(store), await taken(store)] == ["r-2", None]
        clock.tick(LOOK_AGAIN)
        assert await taken(store) is None
        await store.release(own)
        clock.tick(LOOK_AGAIN)
        assert await taken(store) == "r-1"

    asyncio.run(scenario())


def test_whoever_drives_a_run_himself_has_the_time_for_a_beat_before_his_lease_counts_as_over(
    store: DatabaseStore, clock: Clock
) -> None:
    async def scenario() -> None:
        await submit(store)
        own = await store.acquire("r-1", "there/7/x", 10.0)
        assert own is not None
        clock.tick(10_000)  # all of them were asleep, or cut off: nobody has died
        assert await taken(store, takes_over=False) is None
        await store.renew(own, 10.0)
        clock.tick(LOOK_AGAIN)
        assert await taken(store, takes_over=True) is None
        clock.tick(10_000)
        assert await taken(store, takes_over=False, dead=lambda owner: owner == "there/7/x") == "r-1"

    asyncio.run(scenario())


# ---- two at once


def test_of_many_who_claim_at_once_none_has_what_another_one_has(place: Place) -> None:
    stores = [store_at(place) for _ in range(3)]

    async def scenario() -> None:
        for number in range(30):
            await submit(stores[0], f"r-{number}", f"t-{number % 4}")
        wishes = [store.claim(Claim(f"w/{n}/a", SECONDS)) for n in range(14) for store in stores]
        leases = [lease for lease in await asyncio.gather(*wishes) if lease is not None]
        assert len(leases) == 30
        assert {lease.run_id for lease in leases} == {f"r-{number}" for number in range(30)}

    try:
        asyncio.run(scenario())
    finally:
        for store in stores:
            store.close()


@contextlib.contextmanager
def in_memory() -> Iterator[Ledger]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in statements(0):
            db.execute(step)
        yield Ledger(db)


class Claiming(RuleBasedStateMachine):
    """Workers that claim, drive, die, and freeze, in any order: each run has one driver at most, and none is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = contextlib.ExitStack()
        self.db = self.opened.enter_context(in_memory())
        self.now, self.runs, self.workers = NOON, 0, 0
        self.leases: dict[str, tuple[Lease, int]] = {}  # of each run, that of its last driver, and until when it is
        self.ended: set[str] = set()
        self.dead: set[str] = set()

    def teardown(self) -> None:
        self.opened.close()

    @initialize()
    def begin(self) -> None:
        self.submit(0, "a")

    @rule(priority=st.integers(-1, 1), tenant=st.sampled_from("ab"))
    def submit(self, priority: int, tenant: str) -> None:
        self.runs += 1
        job = Job(f"r-{self.runs}", tenant, "support", "demo", priority)
        tx.append(self.db, tx.Append(job.run_id, [QUEUED], changes=[Enqueue(job)]), self.now)

    @rule(most=st.none() | st.integers(1, 2))
    def take(self, most: int | None) -> None:
        self.workers += 1
        wish = Claim(f"w/{self.workers}/a", SECONDS, Slots(tenant=most), dead=self.dead.__contains__)
        lease = claims.claim(self.db, wish, self.now)
        if lease is None:
            return
        assert lease.run_id not in self.ended
        before = self.leases.get(lease.run_id)
        assert before is None or before[1] <= self.now or before[0].owner in self.dead
        self.leases[lease.run_id] = lease, self.now + round(SECONDS * 1000)

    def driver(self, choice: int) -> Lease | None:
        alive = [lease for lease, _ in self.leases.values() if lease.owner not in self.dead]
        return alive[choice % len(alive)] if alive else None

    @rule(choice=st.integers(0, 9), ends=st.booleans())
    def finish(self, choice: int, ends: bool) -> None:
        lease = self.driver(choice)
        if lease is None:
            return
        events: list[Event] = [Started("w"), Succeeded("done")] if ends else [Started("w")]
        _, until = self.leases.pop(lease.run_id)
        try:
            seq = tx.append(self.db, tx.Append(lease.run_id, events, lease), self.now)
        except LeaseLost:  # it was put back, and perhaps nobody has taken it up yet
            assert until <= self.now
            return
        claims.lay_down(self.db, lease, seq, None, self.now)
        self.ended |= {lease.run_id} if ends else set()

    @rule(choice=st.integers(0, 9))
    def die(self, choice: int) -> None:
        lease = self.driver(choice)
        if lease is not None:
            self.dead.add(lease.owner)

    @rule(millis=st.sampled_from([100, 1_000, 11_000]))
    def pass_time(self, millis: int) -> None:
        self.now += millis

    @invariant()
    def each_run_has_its_job_until_it_has_ended(self) -> None:
        known = {row[0] for row in self.db.execute("SELECT run_id FROM jobs").fetchall()}
        assert known == {f"r-{number}" for number in range(1, self.runs + 1)} - self.ended

    @invariant()
    def whoever_has_time_gets_them_all(self) -> None:
        """Some hours later, when nobody drives anything, all are taken up: none is lost."""
        self.db.execute("SAVEPOINT look")
        found = 0
        for later in (self.now + 600_000, self.now + 1_200_000):  # who killed its drivers is put back first
            while claims.claim(self.db, Claim(f"x/{found}/a", 86_400.0), later):
                found += 1
        assert found == self.runs - len(self.ended)
        self.db.execute("ROLLBACK TO look")
        self.db.execute("RELEASE look")


Claiming.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
TestClaiming = Claiming.TestCase


# ---- what it costs


def plan(db: Ledger, sql: str) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]


@pytest.mark.parametrize("sql", [HEADS, TAKEN, COMING], ids=["HEADS", "TAKEN", "COMING"])
def test_no_claim_looks_through_all_runs_or_all_jobs(sql: str) -> None:
    """With 100,000 runs that have ended, and 10,000 that rest or wait in a lane, it costs what it costs with none."""
    first = "SCAN jobs USING INDEX jobs_ready"  # EXISTS: to the first row of the index, and no further
    with in_memory() as db:
        told = plan(db, sql)
        assert any("jobs_" in line for line in told)
        assert not [line for line in told if re.match("SCAN (jobs|runs)", line) and line != first], told


def test_what_is_written_with_a_claim_finds_its_rows_by_an_index() -> None:
    with in_memory() as db:
        for sql in (
            "UPDATE jobs SET state = 'ready' WHERE state = 'later' AND taken = 0 AND ready <= 1",
            "SELECT id FROM approvals WHERE state = 'pending' AND expires <= 1",
            "SELECT max(last) FROM turns",
            "SELECT min(place) FROM jobs WHERE session = 's' AND session <> ''",
            "SELECT max(place) FROM jobs",
        ):
            told = plan(db, sql)
            assert all(line.startswith("SEARCH") for line in told), (sql, told)


def test_postgresql_finds_its_way_by_indexes_too(postgres: Any) -> None:
    url = postgres.emptied()
    store = store_at(url)
    try:
        asyncio.run(submit(store))
        for sql in (HEADS, TAKEN, COMING):
            lines = execute(url, f"BEGIN; SET LOCAL enable_seqscan = off; EXPLAIN {sql}")
            assert not [line for (line,) in lines if "Seq Scan" in line], lines
    finally:
        store.close()
