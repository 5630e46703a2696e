"""All or nothing, once, and only by whoever may: the contract of the store, transaction by transaction."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts import Pace, Proviso
from gateway.approval import PLAIN, Approval, Vote
from gateway.budget import UNITS, Limits, Spend, excess
from gateway.call import Arguments, Unsent
from gateway.errors import (
    AlreadyUsed,
    BudgetExceeded,
    Conflict,
    IllegalEvent,
    LeaseLost,
    StoreError,
    UnknownApproval,
    UnknownRun,
)
from gateway.events import Cancelled, Decided, Event, Failed, Queued, Resumed, Returned, Started, Succeeded, Waited
from gateway.store import (
    Again,
    Change,
    Consume,
    Lease,
    Once,
    Open,
    Reserve,
    Restore,
    Settle,
    Unchanged,
    answers,
    run_account,
)
from gateway.store import transactions as tx
from gateway.store.batch import Item, commit
from gateway.store.database import DatabaseStore
from gateway.store.ledger import Ledger
from gateway.store.migrations import statements
from tests.builders import (
    A_CALL,
    CLIENT,
    NOON,
    QUEUED,
    STARTED,
    Clock,
    a_call,
    admitted,
    an_approval,
    held,
    returned,
)
from tests.fixtures.stores import Place, execute, line_of, ready, tables, worker

FREE = Limits()
HOUR = 3_600_000
LAST_YEAR = Lease("r-1", "here/0/old", 1)


def begin(store: DatabaseStore, *events: Event, run_id: str = "r-1") -> None:
    asyncio.run(store.append(run_id, events or (QUEUED, STARTED), lease=None))


def append(store: DatabaseStore, *events: Event, run_id: str = "r-1", **rest: Any) -> int:
    return asyncio.run(store.append(run_id, events, **({"lease": None} | rest)))


def take(store: DatabaseStore, owner: str = "here/1/a", seconds: float = 15.0, gone: str | None = None) -> Lease | None:
    return asyncio.run(store.acquire("r-1", owner, seconds, gone))


def ask(store: DatabaseStore, approval: Approval) -> None:
    """Puts a question, in a run that is there."""
    question = held(1, approval_id=approval.id)
    append(store, question, run_id=approval.run_id, changes=[Open(approval)])


def decide(store: DatabaseStore, approval_id: str, decision: Any = "approved", by: str = "user:bob") -> Approval:
    return asyncio.run(store.decide(approval_id, decision, by, "because"))


def claimed(store: DatabaseStore, claim: str) -> str | None:
    found = asyncio.run(store.claimed(claim))
    return found.id if found else None


def state(store: DatabaseStore, approval_id: str) -> str:
    return asyncio.run(store.approval(approval_id)).state


# ---- all or nothing


@dataclass(frozen=True)
class Broken:
    """An append that fails in its last part, after everything before it was done."""

    error: type[Exception]
    events: Sequence[Event] = (admitted(1),)
    changes: Sequence[Change] = ()
    lease: Lease | None = None
    run_id: str = "r-1"


GOOD: tuple[Change, ...] = (
    Reserve("run:r-1", Spend(tool_calls=1, tokens=5), FREE),
    Settle("team:t", Spend(), Spend(nanos=3)),
    Open(an_approval("A-new", claim="new")),
    Consume("A-yes"),
)
TWICE = an_approval("A-other", claim="open")

BROKEN = {
    "an approval that is not there": Broken(Conflict, changes=(*GOOD, Consume("A-none"))),
    "an approval that was used in the same append": Broken(Conflict, changes=(*GOOD, Consume("A-yes"))),
    "an approval that nobody has answered": Broken(Conflict, changes=(*GOOD, Consume("A-open"))),
    "a question that is open already": Broken(Conflict, changes=(*GOOD, Open(TWICE))),
    "an amount that does not fit": Broken(
        BudgetExceeded, changes=(*GOOD, Reserve("run:r-1", Spend(tokens=6), Limits(tokens=10)))
    ),
    "an amount that no database holds": Broken(
        StoreError, changes=(*GOOD, Reserve("run:r-1", Spend(tokens=10**30), FREE))
    ),
    "a text that is none": Broken(StoreError, changes=(*GOOD, Open(an_approval("A-x", claim="x", why="\ud800")))),
    "an event that may not follow": Broken(IllegalEvent, (STARTED, admitted(1), QUEUED), GOOD),
    "an event after the end": Broken(IllegalEvent, (Succeeded("yes"), STARTED), GOOD),
    "an event that is not JSON": Broken(TypeError, (STARTED, Returned("k", {"x": object()}, {})), GOOD),
    "a lease that was lost": Broken(LeaseLost, (STARTED,), GOOD, LAST_YEAR),
    "a run that is not there": Broken(UnknownRun, (STARTED,), GOOD, run_id="r-none"),
    "no run and no events": Broken(UnknownRun, (), GOOD, run_id="r-none"),
    "a run that is there": Broken(IllegalEvent, (QUEUED,), GOOD),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_an_append_that_fails_in_its_last_part_leaves_nothing(
    store: DatabaseStore, place: Place, broken: Broken
) -> None:
    begin(store)
    ask(store, an_approval("A-yes", claim="yes"))
    ask(store, an_approval("A-open", claim="open"))
    decide(store, "A-yes")
    before = tables(place)
    with pytest.raises(broken.error):
        append(store, *broken.events, run_id=broken.run_id, changes=broken.changes, lease=broken.lease)
    assert tables(place) == before
    append(store, admitted(1), changes=GOOD)  # and the rest of it was right
    assert state(store, "A-yes") == "consumed"


def test_an_append_says_how_far_the_run_is(store: DatabaseStore) -> None:
    assert append(store, QUEUED) == 1
    assert append(store, STARTED, admitted(1)) == 3
    assert append(store, changes=[Reserve("run:r-1", A_CALL, FREE)]) == 3


def test_the_row_of_a_run_follows_its_events(store: DatabaseStore, clock: Clock) -> None:
    begin(store, replace(QUEUED, input="  What\n\0time " + "x" * 100))
    clock.tick(5)
    append(store, STARTED, Waited("approval"))
    row = asyncio.run(store.run_row("r-1"))
    assert (row.status, row.seq, row.created, row.updated) == ("waiting", 3, NOON, NOON + 5)
    assert (row.user, row.agent, row.tenant, row.driver) == ("user:ann", "agent:support", "acme", "loop")
    assert row.title == ("What time " + "x" * 100)[:80]


# ---- budgets


def test_two_hundred_reservations_at_once_against_a_limit_of_ten_make_exactly_ten(store: DatabaseStore) -> None:
    begin(store)

    async def scenario() -> Sequence[object]:
        change = Reserve(run_account("r-1"), A_CALL, Limits(tool_calls=10))
        attempts = [store.append("r-1", [admitted(n)], lease=None, changes=[change]) for n in range(200)]
        ends: list[int | BaseException] = await asyncio.gather(*attempts, return_exceptions=True)
        return ends

    results = asyncio.run(scenario())
    assert sum(isinstance(result, int) for result in results) == 10
    assert sum(isinstance(result, BudgetExceeded) for result in results) == 190
    assert asyncio.run(store.spend("run:r-1")) == Spend(tool_calls=10)
    assert len(asyncio.run(store.events("r-1"))) == 2 + 10


def test_two_hundred_reservations_by_several_processes_make_exactly_ten(store: DatabaseStore, place: Place) -> None:
    begin(store)
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(worker("reserve", place, "shared", 10, 50)) for _ in range(4)]
        ready(*workers)
        assert sum(int(line_of(process)) for process in workers) == 10
    assert asyncio.run(store.spend("shared")) == Spend(tool_calls=10)


def test_a_reservation_that_does_not_fit_says_in_which_unit_and_how_much_is_left(store: DatabaseStore) -> None:
    begin(store)
    append(store, changes=[Reserve("run:r-1", Spend(tokens=900), FREE)])
    with pytest.raises(BudgetExceeded) as refused:
        append(store, changes=[Reserve("run:r-1", Spend(tokens=200, turns=1), Limits(tokens=1_000, turns=9))])
    assert refused.value.unit == "tokens"
    assert str(refused.value) == "200 tokens more would pass the limit of 1,000 tokens; 900 tokens taken so far"


def test_what_is_settled_gives_back_what_was_not_spent(store: DatabaseStore) -> None:
    begin(store)
    reserved, spent = Spend(tokens=500, turns=1), Spend(tokens=120, turns=1, nanos=7)
    append(store, changes=[Reserve("run:r-1", reserved, FREE)])
    assert asyncio.run(store.spend("run:r-1")) == reserved
    append(store, changes=[Settle("run:r-1", reserved, spent)])
    assert asyncio.run(store.spend("run:r-1")) == spent
    assert asyncio.run(store.spend("run:r-2")) == Spend()


_AMOUNTS = st.builds(Spend, *[st.integers(0, 9)] * len(UNITS))
_LIMITS = st.builds(Limits, *[st.none() | st.integers(0, 20)] * len(UNITS))


@contextlib.contextmanager
def empty() -> Iterator[sqlite3.Connection]:
    """The tables without a file, with a run in them."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in statements(0):
            db.execute(step)
        ledger = Ledger(db)
        tx.append(ledger, tx.Append("r-1", [QUEUED]), NOON)
        ledger.flush()
        yield db


@contextlib.contextmanager
def in_memory() -> Iterator[Ledger]:
    with empty() as db:
        yield Ledger(db)


@given(
    _LIMITS,
    st.lists(st.tuples(st.sampled_from("ab"), _AMOUNTS, _AMOUNTS, st.booleans()), max_size=12),
    st.booleans(),
)
def test_accounts_hold_what_was_reserved_and_spent_and_never_more_than_their_limits(
    limits: Limits, steps: list[tuple[str, Spend, Spend, bool]], forgets: bool
) -> None:
    books = {"a": Spend(), "b": Spend()}
    with in_memory() as db:
        for account, amount, wish, settles in steps:
            fits = excess(limits, books[account], amount) is None
            with contextlib.suppress(BudgetExceeded) if not fits else contextlib.nullcontext():
                tx.append(db, tx.Append("r-1", [], None, [Reserve(account, amount, limits)]), NOON)
                books[account] = books[account] + amount
            if fits and settles:
                spent = Spend(*(min(getattr(wish, unit), getattr(amount, unit)) for unit in UNITS))
                tx.append(db, tx.Append("r-1", [], None, [Settle(account, amount, spent)]), NOON)
                books[account] = books[account] - amount + spent
            assert Spend.from_json(db.taken(account)) == books[account]
            if forgets:
                db.execute("SELECT 1")  # writes what is not written, and believes nothing that was looked up
            assert Spend.from_json(db.taken(account)) == books[account]
        assert all(_within(limits, spend) for spend in books.values())


def _within(limits: Limits, spend: Spend) -> bool:
    return all(getattr(limits, unit) is None or getattr(spend, unit) <= getattr(limits, unit) for unit in UNITS)


# ---- who drives


def test_one_drives_and_the_next_one_only_after_he_let_go(store: DatabaseStore) -> None:
    begin(store)
    lease = take(store, "here/1/a")
    assert lease == Lease("r-1", "here/1/a", 1)
    assert take(store, "here/2/b") is None
    assert take(store, "here/1/a") is None  # nor he himself a second time
    asyncio.run(store.release(lease))
    assert take(store, "here/2/b") == Lease("r-1", "here/2/b", 2)


def test_a_lease_that_ran_out_or_whose_owner_is_gone_is_taken_over(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    take(store, "here/1/a", 15.0)
    clock.tick(14_999)
    assert take(store, "here/2/b", gone="here/9/other") is None
    clock.tick(1)
    assert take(store, "here/2/b") == Lease("r-1", "here/2/b", 2)
    assert take(store, "here/3/c", gone="here/2/b") == Lease("r-1", "here/3/c", 3)


def test_of_many_who_want_to_drive_one_does(store: DatabaseStore) -> None:
    begin(store)

    async def scenario() -> Sequence[Lease | None]:
        return await asyncio.gather(*(store.acquire("r-1", f"here/{n}/x", 15.0) for n in range(20)))

    assert sum(lease is not None for lease in asyncio.run(scenario())) == 1


def test_whoever_was_taken_over_can_record_nothing_and_renew_nothing(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    begin(store)
    old = take(store, "here/1/a")
    clock.tick(60_000)
    new = take(store, "here/2/b")
    before = tables(place)
    assert old is not None
    for events in ([STARTED], [Succeeded("yes")], []):
        with pytest.raises(LeaseLost):
            append(store, *events, lease=old, changes=[Reserve("run:r-1", A_CALL, FREE)])
    with pytest.raises(LeaseLost):
        asyncio.run(store.renew(old, 60.0))
    asyncio.run(store.release(old))  # a late goodbye does not let a third one in
    assert tables(place) == before
    assert append(store, STARTED, lease=new) == 3


def test_a_lease_of_the_same_name_from_an_earlier_time_is_fenced_off_too(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    old = take(store, "here/1/a")
    clock.tick(60_000)
    take(store, "here/1/a")
    with pytest.raises(LeaseLost):
        append(store, STARTED, lease=old)


def test_a_heart_beat_keeps_others_out(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    lease = take(store, seconds=15.0)
    assert lease is not None
    for _ in range(5):
        clock.tick(10_000)
        asyncio.run(store.renew(lease, 15.0))
    assert take(store, "here/2/b") is None


def test_after_letting_go_nothing_more_can_be_recorded(store: DatabaseStore) -> None:
    begin(store)
    lease = take(store)
    assert lease is not None
    asyncio.run(store.release(lease))
    with pytest.raises(LeaseLost):
        append(store, STARTED, lease=lease)


def test_who_ends_his_run_has_let_go_of_it_with_that_and_his_last_heart_beat_is_no_loss(store: DatabaseStore) -> None:
    begin(store)
    lease = take(store)
    assert lease is not None
    append(store, STARTED, Succeeded("yes"), lease=lease)
    row = asyncio.run(store.run_row("r-1"))
    assert (row.status, row.owner, row.lease_until) == ("succeeded", None, 0)
    asyncio.run(store.renew(lease, 60.0))
    assert asyncio.run(store.run_row("r-1")).owner is None
    take(store, "here/2/b")
    with pytest.raises(LeaseLost):
        asyncio.run(store.renew(lease, 60.0))


def test_who_drives_a_run_that_others_end_has_still_to_say_what_he_was_at(store: DatabaseStore) -> None:
    begin(store)
    lease = take(store)
    assert lease is not None
    append(store, STARTED, lease=lease)
    append(store, Cancelled("user:ann", ""))
    assert asyncio.run(store.run_row("r-1")).owner == lease.owner
    asyncio.run(store.renew(lease, 60.0))


def test_nobody_drives_a_run_that_is_not_there(store: DatabaseStore) -> None:
    with pytest.raises(UnknownRun):
        take(store)


# ---- questions and answers


def test_an_answer_is_kept_with_who_gave_it_and_the_run_hears_of_it(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    ask(store, an_approval())
    clock.tick(7)
    approval = decide(store, "A-1", "denied")
    assert (approval.state, approval.decided_by, approval.decided_at) == ("denied", "user:bob", NOON + 7)
    last = asyncio.run(store.events("r-1"))[-1].event
    assert last == Decided("t1/call/1", "A-1", "denied", "user:bob", "because")


@pytest.mark.parametrize("decision", ["approved", "denied"])
def test_what_is_decided_stays_decided(store: DatabaseStore, place: Place, decision: Any) -> None:
    begin(store)
    ask(store, an_approval())
    decide(store, "A-1", decision)
    before = tables(place)
    with pytest.raises(Conflict, match=f"approval `A-1` is {decision} already, by user:bob"):
        decide(store, "A-1", "approved", "user:eve")
    assert tables(place) == before


def test_nobody_answers_too_late(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    ask(store, an_approval())
    clock.tick(HOUR)
    with pytest.raises(Conflict, match="expired before it was decided"):
        decide(store, "A-1")


def test_nobody_answers_what_was_not_asked(store: DatabaseStore) -> None:
    with pytest.raises(UnknownApproval):
        decide(store, "A-none")


def test_of_two_approvers_at_the_same_time_exactly_one_decides(store: DatabaseStore, place: Place) -> None:
    begin(store)
    questions = [f"A-{number}" for number in range(20)]
    for approval_id in questions:
        ask(store, an_approval(approval_id, claim=approval_id, expires=2 * NOON))  # their clock is the real one
    with (
        worker("decide", place, "user:bob", *questions) as bob,
        worker("decide", place, "user:eve", *reversed(questions)) as eve,
    ):
        ready(bob, eve)
        said = {
            "user:bob": dict(zip(questions, [line_of(bob) for _ in questions], strict=True)),
            "user:eve": dict(zip(reversed(questions), [line_of(eve) for _ in questions], strict=True)),
        }
    for approval_id in questions:
        decider = asyncio.run(store.approval(approval_id)).decided_by
        results = {who: answers[approval_id] for who, answers in said.items()}
        assert results == {"user:bob": "Conflict", "user:eve": "Conflict"} | {decider: "done"}
    answers = [recorded.event for recorded in asyncio.run(store.events("r-1"))]
    assert sum(isinstance(event, Decided) for event in answers) == len(questions)


def test_of_many_approvers_in_one_process_exactly_one_decides(store: DatabaseStore) -> None:
    begin(store)
    ask(store, an_approval())

    async def scenario() -> Sequence[object]:
        attempts = [store.decide("A-1", "approved" if n % 2 else "denied", f"user:u{n}", "") for n in range(20)]
        ends: list[Approval | BaseException] = await asyncio.gather(*attempts, return_exceptions=True)
        return ends

    results = asyncio.run(scenario())
    assert sum(isinstance(result, Approval) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19


def test_an_approval_is_used_up_exactly_once_by_fifty_calls_at_once(store: DatabaseStore) -> None:
    begin(store)
    ask(store, an_approval())
    decide(store, "A-1")

    async def scenario() -> Sequence[object]:
        attempts = [store.append("r-1", [admitted(n)], lease=None, changes=[Consume("A-1")]) for n in range(50)]
        ends: list[int | BaseException] = await asyncio.gather(*attempts, return_exceptions=True)
        return ends

    before = len(asyncio.run(store.events("r-1")))
    results = asyncio.run(scenario())
    assert sum(isinstance(result, int) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 49
    assert len(asyncio.run(store.events("r-1"))) == before + 1


def test_an_approval_that_is_too_old_cant_be_used(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    ask(store, an_approval())
    decide(store, "A-1")
    clock.tick(HOUR)
    with pytest.raises(Conflict):
        append(store, admitted(1), changes=[Consume("A-1")])


def test_the_same_question_is_put_once(store: DatabaseStore) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    with pytest.raises(Conflict, match="put already"):
        ask(store, an_approval("A-2", claim="c"))
    with pytest.raises(Conflict):
        ask(store, an_approval("A-1", claim="another"))
    decide(store, "A-1")
    with pytest.raises(Conflict):  # approved, and not used yet
        ask(store, an_approval("A-3", claim="c"))


@pytest.mark.parametrize(
    ("change", "old_state"),
    [({"pin": "pin-2"}, "cancelled"), ({"digest": a_call("shop/order").digest}, "cancelled"), ({}, "expired")],
)
@pytest.mark.parametrize("answered", [False, True])
def test_an_old_question_makes_room_for_one_about_something_else(
    store: DatabaseStore, clock: Clock, change: dict[str, Any], old_state: str, answered: bool
) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    if answered:
        decide(store, "A-1")
    clock.tick(0 if change else HOUR)
    ask(store, an_approval("A-2", claim="c", expires=clock.now + HOUR, **change))
    assert (state(store, "A-1"), state(store, "A-2")) == (old_state, "pending")
    assert claimed(store, "c") == "A-2"


def test_a_claim_finds_what_is_open_or_agreed_or_lately_refused(store: DatabaseStore, clock: Clock) -> None:
    begin(store, CLIENT, STARTED)
    assert claimed(store, "c") is None
    ask(store, an_approval("A-1", claim="c", expires=NOON + 5 * HOUR))
    assert claimed(store, "c") == "A-1"
    assert claimed(store, "another") is None
    decide(store, "A-1", "denied")
    clock.tick(HOUR - 1)
    assert claimed(store, "c") == "A-1"  # whoever asks again within the hour hears the same no
    clock.tick(1)
    assert claimed(store, "c") is None
    ask(store, an_approval("A-2", claim="c", created=clock.now, expires=NOON + 5 * HOUR))
    decide(store, "A-2")
    assert claimed(store, "c") == "A-2"
    append(store, admitted(1), changes=[Consume("A-2")])
    assert claimed(store, "c") is None


def test_a_no_is_found_again_by_the_next_call_with_another_key_also_where_it_was_changed(store: DatabaseStore) -> None:
    begin(store)
    first = a_call().with_key("request_id")
    changed = an_approval("A-1", call=first).edited(Arguments.parse({"amount": 1, "request_id": first.idempotency_key}))
    ask(store, changed)
    decide(store, "A-1", "denied")
    again = replace(a_call(), key="t2/call/1").with_key("request_id")
    found = asyncio.run(store.refused(again))
    assert found is not None
    assert found.id == "A-1"
    other = replace(a_call(arguments='{"amount": 7}'), key="t2/call/1").with_key("request_id")
    assert asyncio.run(store.refused(other)) is None


def test_a_claim_does_not_find_what_is_too_old(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    clock.tick(HOUR)
    assert claimed(store, "c") is None
    assert asyncio.run(store.approvals()) == []


def test_an_approval_on_which_nothing_was_sent_is_good_again_once_and_for_the_claim_that_is_named(
    store: DatabaseStore,
) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    decide(store, "A-1")
    append(store, admitted(1), changes=[Consume("A-1")])
    append(store, returned(1, Unsent("it is down")), changes=[Restore("A-1", "again")])
    assert (claimed(store, "c"), claimed(store, "again")) == (None, "A-1")
    append(store, admitted(2), changes=[Consume("A-1")])
    with pytest.raises(Conflict):
        append(store, admitted(3), changes=[Consume("A-1")])


@pytest.mark.parametrize("answer", ["denied", "expired"])
def test_a_no_does_not_become_a_yes(store: DatabaseStore, clock: Clock, answer: Any) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    append(store, changes=[Restore("A-1", "c")])
    assert state(store, "A-1") == "pending"
    if answer == "expired":
        clock.tick(HOUR)
        asyncio.run(store.expire())
    else:
        decide(store, "A-1", answer)
    append(store, changes=[Restore("A-1", "c")])
    assert state(store, "A-1") == answer


def test_a_question_that_was_put_anew_stands_and_the_old_yes_stays_used(store: DatabaseStore) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    decide(store, "A-1")
    append(store, admitted(1), changes=[Consume("A-1")])
    ask(store, an_approval("A-2", claim="c"))
    append(store, changes=[Restore("A-1", "c")])
    assert (state(store, "A-1"), state(store, "A-2")) == ("consumed", "pending")


def test_a_yes_is_not_good_again_in_a_run_that_was_cancelled(store: DatabaseStore) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="c"))
    decide(store, "A-1")
    append(store, admitted(1), changes=[Consume("A-1")])
    append(store, Cancelled("user:ann"))
    append(store, returned(1, Unsent("it is down")), changes=[Restore("A-1", "again")])
    assert state(store, "A-1") == "cancelled"


# ---- the end of questions


def test_questions_that_nobody_answered_in_time_are_answered_by_the_clock(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    ask(store, an_approval("A-1", claim="a"))
    ask(store, an_approval("A-2", claim="b", expires=NOON + 2 * HOUR))
    clock.tick(HOUR)
    assert asyncio.run(store.expire()) == 1
    assert asyncio.run(store.expire()) == 0
    assert (state(store, "A-1"), state(store, "A-2")) == ("expired", "pending")
    last = asyncio.run(store.events("r-1"))[-1].event
    assert last == Decided("t1/call/1", "A-1", "expired", "the clock")


def test_a_question_whose_run_cant_hear_an_answer_does_not_keep_the_others_open(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    begin(store, run_id="r-1")
    begin(store, run_id="r-2")
    ask(store, an_approval("A-1", claim="a"))
    ask(store, an_approval("A-2", call=a_call(run_id="r-2")))
    execute(place, "UPDATE runs SET status = 'cancelled' WHERE id = 'r-1'")  # as no transaction of ours leaves it
    clock.tick(HOUR)
    assert asyncio.run(store.expire()) == 2
    assert (state(store, "A-1"), state(store, "A-2")) == ("expired", "expired")
    assert isinstance(asyncio.run(store.events("r-2"))[-1].event, Decided)


@pytest.mark.parametrize("end", [Cancelled("user:ann"), Succeeded("yes"), Failed("server", "broken")])
def test_an_agents_run_that_has_ended_asks_nothing_any_more(store: DatabaseStore, end: Event) -> None:
    begin(store)
    begin(store, run_id="r-2")
    ask(store, an_approval("A-1", claim="a"))
    ask(store, an_approval("A-2", claim="b"))
    ask(store, an_approval("A-3", call=a_call(run_id="r-2")))
    decide(store, "A-2")
    append(store, end)
    assert [state(store, f"A-{n}") for n in (1, 2, 3)] == ["cancelled", "cancelled", "pending"]
    with pytest.raises(Conflict, match="is cancelled already"):
        decide(store, "A-1")
    with pytest.raises(Conflict):
        append(store, run_id="r-2", changes=[Consume("A-2")])


@pytest.mark.parametrize("end", [Succeeded(""), Failed("lost", "the gateway was killed")])
def test_a_client_that_went_may_come_back_for_its_answer(store: DatabaseStore, end: Event) -> None:
    begin(store, CLIENT, STARTED)
    ask(store, an_approval("A-1", claim="c"))
    append(store, end)
    decide(store, "A-1")
    begin(store, CLIENT, STARTED, run_id="r-2")
    assert claimed(store, "c") == "A-1"
    append(store, admitted(1), run_id="r-2", changes=[Consume("A-1")])
    assert state(store, "A-1") == "consumed"


def test_a_clients_run_that_was_cancelled_asks_nothing_any_more(store: DatabaseStore) -> None:
    begin(store, CLIENT, STARTED)
    ask(store, an_approval("A-1", claim="c"))
    append(store, Cancelled("user:ann"))
    assert state(store, "A-1") == "cancelled"


def test_a_run_that_ended_stays_ended_for_the_results_of_calls_that_were_under_way(store: DatabaseStore) -> None:
    begin(store)
    append(store, admitted(1), Cancelled("user:ann"))
    append(store, returned(1))
    assert asyncio.run(store.run_row("r-1")).status == "cancelled"


def test_a_queued_event_makes_a_run_and_nothing_else_does(store: DatabaseStore) -> None:
    for event in (STARTED, Succeeded("yes"), Cancelled("user:ann"), Started("x")):
        with pytest.raises(UnknownRun):
            append(store, event, run_id="r-new")
    assert isinstance(QUEUED, Queued)
    assert append(store, QUEUED, run_id="r-new") == 1


# ---- what shares a commit


KEYS = ("t1/call/1", "t1/call/2")
_EVENTS = st.sampled_from(
    [
        QUEUED, CLIENT, STARTED, admitted(1), admitted(2), returned(1), held(1), Waited("approval"), Succeeded("yes"),
        Failed("server", "broken"), Cancelled("user:ann"), Decided(KEYS[0], "A-1", "approved", "user:bob"),
        Resumed("it was resumed"), Returned(KEYS[0], {"x": object()}, {}),
    ]
)  # fmt: skip
_CHANGES = st.sampled_from(
    [
        Reserve("run:r-1", A_CALL, Limits(tool_calls=2)), Reserve("run:r-1", Spend(tokens=10**30), FREE),
        Settle("run:r-1", A_CALL, A_CALL), Settle("run:r-1", A_CALL, Spend()), Consume("A-1"),
        Restore("A-1", "other"),
        Open(an_approval("A-1")), Open(an_approval("A-2", claim="other")),
    ]
)  # fmt: skip
_LEASES = st.sampled_from([None, None, Lease("r-1", "a", 1), Lease("r-1", "b", 2), Lease("r-1", "a", 3)])
_APPENDS = st.builds(
    tx.Append, st.sampled_from(["r-1", "r-1", "r-1", "r-none"]), st.lists(_EVENTS, max_size=3), _LEASES,
    st.lists(_CHANGES, max_size=2),
)  # fmt: skip
_BIDS = st.builds(tx.Bid, st.just("r-1"), st.sampled_from("ab"), st.sampled_from([None, "a", "b"]), st.just(1.0))
_ANSWERS = st.tuples(st.sampled_from(["A-1", "A-2"]), st.sampled_from(["approved", "denied"]))


def _answered(db: Any, answer: Any, now: int) -> Approval:
    return answers.decide(db, answer[0], Vote("user:x", now, answer[1]), PLAIN)


def _made(db: sqlite3.Connection, batch: Sequence[tuple[Any, int]]) -> list[object]:
    """What came of works that share one commit."""
    ways: dict[type[Any], Any] = {tx.Append: tx.append, tx.Bid: tx.acquire, tuple: _answered}
    items = [
        Item(lambda ledger, work=work, now=now: ways[type(work)](ledger, work, now), None)  # type: ignore[misc]
        for work, now in batch
    ]
    commit(db, items)
    return [(type(item.error), str(item.error)) if item.error else item.result for item in items]


def _all_of(db: sqlite3.Connection) -> list[Any]:
    names = ("runs", "events", "accounts", "approvals")
    return [db.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names]  # noqa: S608


@given(st.lists(st.tuples(_APPENDS | _APPENDS | _APPENDS | _BIDS | _ANSWERS, st.integers(0, 900)), max_size=12))
def test_what_shares_a_commit_is_what_each_would_have_made_alone(steps: list[tuple[Any, int]]) -> None:
    works, now = list[tuple[Any, int]](), NOON
    for work, wait in [(tx.Append("r-1", [STARTED]), 0), *steps]:
        now += wait
        works.append((work, now))
    with empty() as together, empty() as apart:
        assert _made(together, works) == [result for one in works for result in _made(apart, [one])]
        assert _all_of(together) == _all_of(apart)


def test_calls_of_one_run_in_one_commit_are_looked_up_once_and_written_together() -> None:
    said: list[str] = []
    with empty() as db:
        _made(db, [(tx.Append("r-1", [STARTED]), NOON)])
        db.set_trace_callback(said.append)
        reserve = Reserve("run:r-1", A_CALL, Limits(tool_calls=9))
        _made(db, [(tx.Append("r-1", [admitted(n)], None, [reserve]), NOON) for n in (1, 2)])
        db.set_trace_callback(None)
        assert db.execute("SELECT seq FROM events").fetchall() == [(1,), (2,), (3,), (4,)]
        assert db.execute("SELECT reserved FROM accounts").fetchall() == [(2,)]
    assert [line.split()[0] for line in said] == ["BEGIN", "SELECT", "SELECT", "INSERT", "INSERT", "INSERT", "COMMIT"]


def test_what_is_good_for_one_time_is_used_once_until_nobody_takes_it_any_more() -> None:
    with in_memory() as db:

        def use(change: Once | Again, now: int) -> None:
            tx.append(db, tx.Append("r-1", [], changes=[change]), now)

        use(Once("t", NOON + 10), NOON)
        with pytest.raises(AlreadyUsed):
            use(Once("t", NOON + 10), NOON + 10)
        use(Again("t"), NOON + 10)
        use(Once("t", NOON + 10), NOON + 10)
        use(Once("u", NOON + 99), NOON + 11)
        assert db.execute("SELECT token FROM once").fetchall() == [("u",)]


def test_what_was_used_once_stays_used_when_a_clock_leaps_ahead_and_back() -> None:
    day = 24 * HOUR
    with in_memory() as db:

        def use(token: str, until: int, now: int) -> None:
            tx.append(db, tx.Append("r-1", [], changes=[Once(token, until)]), now)

        use("t", NOON + HOUR, NOON)
        use("far", NOON + 40 * day + HOUR, NOON + 40 * day)  # forgets the first one
        for now in (NOON, NOON + 40 * day, NOON + HOUR):
            with pytest.raises(AlreadyUsed):
                use("t", NOON + HOUR, now)
        use("next", NOON + 2 * HOUR, NOON + HOUR)  # and what was given out since the clock was set back is good
        with pytest.raises(AlreadyUsed):
            use("next", NOON + 2 * HOUR, NOON + HOUR)


# ---- errors that are told apart


def errs(db: Ledger, failure: str, account: str = "b") -> int:
    """How many errors the account has, after one more of this name."""
    one = Spend(errors=1)
    changes: list[Change] = [Reserve(account, one, FREE), Settle(account, one, one, failure)]
    tx.append(db, tx.Append("r-1", [], None, changes), NOON)
    return Spend.from_json(db.taken(account)).errors


def test_an_account_has_as_many_errors_as_the_most_frequent_one() -> None:
    with in_memory() as db:
        assert [errs(db, name) for name in "abcaabbb"] == [1, 1, 1, 2, 3, 3, 3, 4]
        assert errs(db, "a", "another") == 1
        assert errs(db, "") == 5  # nobody knows what it was
        rows = db.execute("SELECT unit, used, reserved FROM accounts WHERE account = 'b'").fetchall()
        assert rows == [("error:a", 3, 0), ("error:b", 4, 0), ("error:c", 1, 0), ("errors", 5, 0)]


def test_an_account_tells_only_so_many_errors_apart() -> None:
    with in_memory() as db:
        assert {errs(db, f"e{n}") for n in range(tx.FAILURES)} == {1}
        assert [errs(db, f"f{n}") for n in range(3)] == [1, 2, 3]
        assert errs(db, "e7") == 3
        units = db.execute("SELECT count(*) FROM accounts WHERE unit LIKE 'error:%'").fetchone()
        assert units == (tx.FAILURES + 1,)


# ---- accounts of windows, and buckets


def reserved(store: DatabaseStore, account: str, limit: int, proviso: Proviso | None = None) -> None:
    append(store, changes=[Reserve(account, A_CALL, Limits(tool_calls=limit), proviso)])


def test_what_does_not_fit_says_whose_budget_it_is_and_when_it_may(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    proviso = Proviso("`team`", "ask", ends=clock.now + 90_000, over=clock.now + 90_000)
    reserved(store, "budget:team|x", 1, proviso)
    with pytest.raises(BudgetExceeded) as full:
        reserved(store, "budget:team|x", 1, proviso)
    assert (full.value.unit, full.value.then, full.value.retry_after) == ("tool_calls", "ask", 90.0)
    assert "would pass the limit of 1 tool call of the budget `team`" in str(full.value)


def test_slices_of_a_window_that_slides_count_together(store: DatabaseStore) -> None:
    begin(store)
    for name in ("b|01", "b|02", "b|02"):
        reserved(store, name, 3, Proviso("`b`", since="b|00"))
    with pytest.raises(BudgetExceeded):
        reserved(store, "b|03", 3, Proviso("`b`", since="b|01"))
    reserved(store, "b|03", 3, Proviso("`b`", since="b|02"))
    assert asyncio.run(store.spend_since("b|01")) == Spend(tool_calls=4)


def test_what_was_spent_in_a_later_slice_counts_too(store: DatabaseStore) -> None:
    """By another process's clock, or before ours was set back, or by who was judged later and came first."""
    begin(store)
    for _ in range(2):
        reserved(store, "b|09", 3, Proviso("`b`", since="b|06"))
    reserved(store, "b|07", 3, Proviso("`b`", since="b|04"))
    with pytest.raises(BudgetExceeded):
        reserved(store, "b|07", 3, Proviso("`b`", since="b|04"))
    with pytest.raises(BudgetExceeded):
        reserved(store, "b|08", 3, Proviso("`b`", since="b|05"))
    reserved(store, "bb|08", 3, Proviso("`bb`", since="bb|05"))
    assert asyncio.run(store.spend_since("b|05")) == Spend(tool_calls=3)


def passed(store: DatabaseStore, clock: Clock, millis: int) -> None:
    """So much time, with somebody new every day."""
    for _ in range(millis // tx.DAY):
        clock.tick(tx.DAY)
        reserved(store, f"day|{clock.now}", 9, Proviso("`day`", over=clock.now + 99 * tx.DAY))
    clock.tick(millis % tx.DAY)


def test_windows_that_are_long_over_are_forgotten_and_no_others(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    for name, over in (("b|1", 60_000), ("b|2", 3_600_000)):
        reserved(store, name, 9, Proviso("`b`", over=clock.now + over))
    reserved(store, "for ever", 9, Proviso("`b`"))
    passed(store, clock, 60_001 + tx.FORGOTTEN_AFTER)
    reserved(store, "b|3", 9, Proviso("`b`", over=clock.now + 60_000))
    kept = {name: asyncio.run(store.spend(name)).tool_calls for name in ("b|1", "b|2", "b|3", "for ever")}
    assert kept == {"b|1": 0, "b|2": 1, "b|3": 1, "for ever": 1}


def test_what_is_over_is_forgotten_a_few_at_a_time_the_oldest_first(
    store: DatabaseStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tx, "FORGOTTEN_AT_ONCE", 2)
    begin(store)
    for number in (3, 1, 5, 2, 4):
        reserved(store, f"b|{number}", 9, Proviso("`b`", over=clock.now + number))
    passed(store, clock, HOUR + tx.FORGOTTEN_AFTER)
    seen = []
    for number in (6, 7, 7, 8):
        reserved(store, f"b|{number}", 9, Proviso("`b`", over=clock.now + HOUR))
        seen.append([row.account for row in asyncio.run(store.booked("b|"))])
    assert seen == [
        ["b|3", "b|4", "b|5", "b|6"],
        ["b|5", "b|6", "b|7"],
        ["b|5", "b|6", "b|7"],
        ["b|6", "b|7", "b|8"],
    ]


def test_a_clock_that_was_ahead_for_a_day_does_not_empty_a_window(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    today, tomorrow = (Proviso("`b`", over=clock.now + hours * HOUR) for hours in (12, 36))
    reserved(store, "b|1", 1, today)
    clock.tick(24 * HOUR)
    reserved(store, "b|2", 1, tomorrow)
    clock.tick(-24 * HOUR)
    with pytest.raises(BudgetExceeded):
        reserved(store, "b|1", 1, today)


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("days", [3, 40, 4_000])
def test_a_clock_that_leaps_ahead_and_is_mended_empties_no_window(
    store: DatabaseStore, clock: Clock, days: int, calls: int
) -> None:
    begin(store)
    passed(store, clock, 3 * tx.DAY)
    month = Proviso("`b`", over=clock.now + HOUR)
    reserved(store, "b|1", 1, month)
    for _ in range(2):
        clock.tick(days * tx.DAY)
        for _ in range(calls):
            clock.tick(HOUR)
            reserved(store, f"b|{clock.now}", 9, Proviso("`b`", over=clock.now + HOUR))
        clock.tick(-days * tx.DAY - calls * HOUR)
        with pytest.raises(BudgetExceeded):
            reserved(store, "b|1", 1, month)


def test_after_a_pause_what_is_over_is_forgotten_when_the_clock_has_run_for_a_day(
    store: DatabaseStore, clock: Clock
) -> None:
    begin(store)
    reserved(store, "b|1", 1, Proviso("`b`", over=clock.now))
    clock.tick(40 * tx.DAY)
    reserved(store, "b|2", 1, Proviso("`b`", over=clock.now + 9 * tx.DAY))
    clock.tick(tx.DAY - 1)
    reserved(store, "b|3", 1, Proviso("`b`", over=clock.now + 9 * tx.DAY))
    assert [row.account for row in asyncio.run(store.booked("b|"))] == ["b|1", "b|2", "b|3"]
    clock.tick(1)
    reserved(store, "b|4", 1, Proviso("`b`", over=clock.now + 9 * tx.DAY))
    assert [row.account for row in asyncio.run(store.booked("b|"))] == ["b|2", "b|3", "b|4"]


def test_what_was_forgotten_and_is_asked_for_again_is_new(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    reserved(store, "b|1", 1, Proviso("`b`", over=clock.now))
    passed(store, clock, 1 + tx.FORGOTTEN_AFTER)
    reserved(store, "b|2", 1, Proviso("`b`", over=clock.now + HOUR))
    reserved(store, "b|1", 1, Proviso("`b`", over=clock.now + HOUR))
    with pytest.raises(BudgetExceeded):
        reserved(store, "b|1", 1, Proviso("`b`", over=clock.now + HOUR))


PACE = Pace("rate:r|", "`r`", 6_000_000, 3)  # ten a minute, three at once


def paced(store: DatabaseStore) -> float | None:
    """How long to wait, where it was refused."""
    try:
        append(store, changes=[PACE])
    except BudgetExceeded as refused:
        return refused.retry_after
    return None


def test_a_bucket_lets_as_many_through_as_it_has_and_then_as_fast_as_it_fills(
    store: DatabaseStore, clock: Clock
) -> None:
    begin(store)
    assert [paced(store) for _ in range(4)] == [None, None, None, 6.0]
    clock.tick(5_999)
    assert paced(store) == 0.001
    clock.tick(1)
    assert [paced(store) for _ in range(2)] == [None, 6.0]
    clock.tick(HOUR)
    assert [paced(store) for _ in range(4)] == [None, None, None, 6.0]


def test_a_clock_that_was_ahead_does_not_empty_a_bucket_for_ever(store: DatabaseStore, clock: Clock) -> None:
    begin(store)
    clock.tick(HOUR)
    assert [paced(store) for _ in range(3)] == [None] * 3
    clock.tick(-HOUR)
    assert [paced(store), paced(store)] == [None, 6.0]


def test_a_bucket_that_is_full_again_is_forgotten_and_one_that_is_used_is_not(
    store: DatabaseStore, clock: Clock
) -> None:
    begin(store)
    often, rarely = replace(PACE, account="rate:often"), replace(PACE, account="rate:rarely")
    append(store, changes=[often, rarely])
    for _ in range(3):  # each time somebody new comes, the old ones are looked at
        passed(store, clock, HOUR + tx.FORGOTTEN_AFTER)
        append(store, changes=[often, often, often])
        with pytest.raises(BudgetExceeded):
            append(store, changes=[often])
        append(store, changes=[replace(PACE, account=f"rate:{clock.now}")])
        with pytest.raises(BudgetExceeded):
            append(store, changes=[often])
    buckets = [row.account for row in asyncio.run(store.booked("rate:"))]
    assert buckets == [f"rate:{clock.now}", "rate:often"]


def test_what_a_rate_refuses_takes_nothing_and_books_nothing(store: DatabaseStore) -> None:
    begin(store)
    assert [paced(store) for _ in range(3)] == [None] * 3
    with pytest.raises(BudgetExceeded):
        append(store, changes=[Reserve("budget:b|", A_CALL, FREE), PACE])
    assert asyncio.run(store.spend("budget:b|")) == Spend()


@given(st.lists(st.integers(0, 20_000), max_size=40))
def test_in_no_stretch_of_time_more_pass_than_the_bucket_holds_and_gains(waits: list[int]) -> None:
    """Against a clock of its own: `passed` are the moments at which a call was let through."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE accounts (account, unit, used, reserved, PRIMARY KEY (account, unit))")
    db.execute("CREATE TABLE windows (account PRIMARY KEY, over)")
    now, passed = NOON, list[int]()
    for wait in waits:
        now += wait
        ledger = Ledger(db)
        with contextlib.suppress(BudgetExceeded):
            tx._CHANGES[Pace](ledger, PACE, now)  # noqa: SLF001 - one change, without a run around it
            passed.append(now)
        ledger.flush()
    db.close()
    for first, begin_ in enumerate(passed):
        for last, end in enumerate(passed[first:], 1):
            assert last <= PACE.burst + (end - begin_) * 1000 // PACE.micros


def test_who_has_read_a_run_writes_nothing_when_it_has_gone_on_since(store: DatabaseStore) -> None:
    begin(store)
    assert append(store, held(1), changes=[Unchanged("r-1", 2)]) == 3
    with pytest.raises(Conflict, match="run `r-1` has gone on meanwhile"):
        append(store, held(2), changes=[Unchanged("r-1", 2)])
    assert len(asyncio.run(store.events("r-1"))) == 3
    assert append(store, held(2), changes=[Unchanged("r-1", 3)]) == 4


def test_of_two_who_write_on_the_same_reading_at_once_one_is_told(store: DatabaseStore) -> None:
    begin(store)

    async def both() -> list[Any]:
        words = [store.append("r-1", [held(n)], lease=None, changes=[Unchanged("r-1", 2)]) for n in (1, 2)]
        return list(await asyncio.gather(*words, return_exceptions=True))

    assert sorted(type(word).__name__ for word in asyncio.run(both())) == ["Conflict", "Seq"]
