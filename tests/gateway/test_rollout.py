"""What a process does about its policy beside deciding. Nothing sleeps: a test looks when it wants."""

import asyncio
import getpass
from pathlib import Path

import pytest

from gateway.catalogue import Catalogue
from gateway.errors import PolicyError, StoreError
from gateway.gates import Facts, judge_subscriber
from gateway.offer import Offer
from gateway.policy import LivePolicy, load
from gateway.policy.files import journal_of
from gateway.policy.model import MODEL
from gateway.policy.shadow import Candidate
from gateway.policy.version import Files
from gateway.rollout import MOST_HEARD, Paths, Rollout, open_policy, rolled_out
from gateway.store.policies import PolicyBook
from gateway.store.sqlite import SqliteStore
from gateway.telemetry import Recorder
from tests.fixtures.policies import NOON, a_query

LINES = "".join(f"p, *, *, shop/t{number}, call, , allow, may\n" for number in range(9))
ALLOW = LINES + "p, *, *, notes/*, read, , allow, may\n"
DENY = ALLOW + "p, *, *, notes/*, read, , deny, no\n"
RESOURCE = Offer("resource", "notes", "file:///a", {}, True)


class Desk:
    """A policy on disk, its store, and the process that is looked at."""

    def __init__(self, folder: Path, store: SqliteStore) -> None:
        self.paths = Paths(folder / "model.conf", folder / "policy.csv")
        self.paths.model.write_text(MODEL)
        self.book: PolicyBook = store.policies(self.paths.policy)
        self.telemetry = Recorder()
        self.write(ALLOW)

    def write(self, text: str) -> None:
        """As if it had been written long ago."""
        new = self.paths.policy.with_suffix(".new")
        new.write_text(text)
        new.replace(self.paths.policy)

    def process(self, kind: str = "serve") -> tuple[LivePolicy, Rollout]:
        live = open_policy(self.paths, self.book)
        return live, Rollout(live, self.book, self.paths, self.telemetry, kind)

    def versions(self) -> list[tuple[str, str, int]]:
        return [(it.how, it.by, it.size.lines) for it in self.book.versions()]

    def candidate(self, text: str) -> Candidate:
        files = Files(MODEL.encode(), (("policy.csv", text.encode()),))
        return Candidate(files.digest("model.conf"), "", "ann", 1, False, files)


@pytest.fixture
def desk(tmp_path: Path, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("gateway.rollout.QUIET", 0.0)
    monkeypatch.setattr("gateway.rollout.LOOK", 0.0)
    return Desk(tmp_path, store)


def decided(live: LivePolicy) -> str:
    """What somebody gets who asks for something, by the path that all decisions take."""
    subject = a_query().subject
    return judge_subscriber(subject, RESOURCE, Facts(Catalogue(), live.current, NOON)).effect


ME = getpass.getuser()


def test_each_policy_that_comes_into_force_is_kept_with_whose_file_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.rollout.LOSES", 0.0)  # a file system that gives the same number again: not a rename

    async def work() -> None:
        _, rollout = desk.process()
        await rollout.begin()
        desk.write(DENY)
        await rollout.look()
        await rollout.look()
        desk.write("P, broken\n")
        await rollout.look()
        desk.write(ALLOW)
        await rollout.look()

    asyncio.run(work())
    assert desk.versions() == [("edited", ME, 10), ("edited", ME, 11), ("started", ME, 10)]
    files = desk.book.versions()[1].files
    assert files.policy == (("policy.csv", DENY.encode()),)
    assert files.model == MODEL.encode()


def test_a_process_that_finds_what_was_in_force_keeps_nothing_new(desk: Desk) -> None:
    for _ in range(2):
        _, rollout = desk.process()
        asyncio.run(rollout.begin())
    assert len(desk.versions()) == 1


def test_what_was_in_force_stays_so_for_the_next_process_though_its_files_are_broken(desk: Desk) -> None:
    async def work() -> None:
        _, first = desk.process()
        await first.begin()
        desk.write("P, broken\n")
        live, second = desk.process()
        await second.begin()
        assert len(live.current.rules) == 10
        assert "policy.csv:1:1: error: unknown line type `P`" in str(live.problem)

    asyncio.run(work())
    assert len(desk.versions()) == 1


def test_the_first_process_of_all_refuses_broken_files(desk: Desk) -> None:
    desk.write("P, broken\n")
    with pytest.raises(PolicyError):
        desk.process()


def test_what_loses_most_of_its_lines_is_taken_once_it_is_accepted_by_every_process(desk: Desk) -> None:
    async def work() -> None:
        processes = [desk.process(), desk.process()]
        for _, rollout in processes:
            await rollout.begin()
        desk.write(LINES[: len(LINES) // 9])
        for live, rollout in processes:
            await rollout.look()
            assert "only 1 of the 10" in str(live.problem)
        assert [it.problem is None for it in desk.book.replicas()] == [False, False]
        await desk.book.accept(load(desk.paths.model, desk.paths.policy).digest, "ann")
        for live, rollout in processes:
            await rollout.look()
            assert len(live.current.rules) == 1
        assert [it.problem for it in desk.book.replicas()] == [None, None]

    asyncio.run(work())
    assert desk.versions() == [("forced", ME, 1), ("started", ME, 10)]


def test_what_another_process_has_taken_step_by_step_is_taken_by_one_that_saw_only_the_last_step(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        (_, quick), (live, slow) = desk.process(), desk.process()
        await quick.begin()
        await slow.begin()
        for left in (5, 3):
            desk.write("".join(LINES.splitlines(keepends=True)[:left]))
            await quick.look()
        await slow.look()
        assert "only 3 of the 10" in caplog.text
        assert len(live.current.rules) == 3

    asyncio.run(work())
    assert [lines for _, _, lines in desk.versions()] == [3, 5, 10]


def test_a_candidate_is_compared_on_what_is_decided_and_never_enforced(desk: Desk) -> None:
    async def work() -> None:
        live, rollout = desk.process()
        await rollout.begin()
        assert live.current.hear is None
        await desk.book.shadow(desk.candidate(DENY))
        await rollout.look()
        assert [decided(live) for _ in range(3)] == ["allow"] * 3
        desk.write(f"# edited\n{ALLOW}")
        assert decided(live) == "allow"
        await rollout.look()
        (replica,) = desk.book.replicas()
        assert replica.candidate == desk.candidate(DENY).digest
        tally = desk.book.tally()
        assert (tally.seen, tally.differed) == (4, 4)
        lines = sorted((it.difference.old_line or "").rpartition(":")[2] for it in tally.found)
        assert lines == ["10", "11"]  # it moved by one line
        await desk.book.unshadow()
        await rollout.look()
        now = live.current
        assert now.hear is None
        assert decided(live) == "allow"

    asyncio.run(work())


@pytest.mark.parametrize("kind", ["serve", "worker"])
def test_what_serves_or_works_is_known_from_its_first_look_on_and_no_longer_than_it_lasts(
    desk: Desk, kind: str
) -> None:
    """`policy reload` waits for whoever is known: one that has only just started, too."""

    async def work() -> None:
        live, rollout = desk.process(kind)
        async with rolled_out(rollout):
            assert [(it.kind, it.digest) for it in desk.book.replicas()] == [(kind, live.current.digest)]

    asyncio.run(work())
    assert desk.book.replicas() == []


def test_when_a_process_has_reported_says_the_clock_of_the_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "t.db", clock=lambda: 1_900_000_000_000)

    async def work(desk: Desk) -> None:
        _, rollout = desk.process()
        async with rolled_out(rollout):
            (known,) = desk.book.replicas()
            assert {known.started, known.since, known.beat} == {desk.book.now()} == {1_900_000_000_000}

    try:
        asyncio.run(work(Desk(tmp_path, store)))
    finally:
        store.close()


def test_what_waits_to_be_compared_is_compared_at_the_end_and_the_process_leaves(desk: Desk) -> None:
    async def work() -> None:
        live, rollout = desk.process("run")
        await desk.book.shadow(desk.candidate(DENY))
        await rollout.begin()
        assert desk.book.replicas() == []  # most commands are over before they need be known
        decided(live)
        await rollout.look()
        assert len(desk.book.replicas()) == 1
        decided(live)
        await rollout.end()

    asyncio.run(work())
    assert desk.book.tally().seen == 2
    assert desk.book.replicas() == []


def test_decisions_that_come_too_fast_are_counted_and_not_kept(desk: Desk) -> None:
    async def work() -> None:
        live, rollout = desk.process()
        await desk.book.shadow(desk.candidate(DENY))
        await rollout.begin()
        hear, query = live.current.hear, a_query()
        assert hear is not None
        decision = live.current.decide(query)
        for _ in range(MOST_HEARD + 7):
            hear(query, decision)
        await rollout.look()

    asyncio.run(work())
    assert (desk.book.tally().seen, desk.book.tally().unheard) == (MOST_HEARD, 7)


def test_a_candidate_that_can_not_be_read_harms_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        live, rollout = desk.process()
        await desk.book.shadow(desk.candidate("q, of another version\n"))
        await rollout.begin()
        await rollout.look()
        assert live.current.hear is None
        assert decided(live) == "allow"

    asyncio.run(work())
    assert caplog.text.count("the candidate can't be used") == 1


def test_telemetry_hears_of_edits_taken_and_refused_with_their_place(desk: Desk) -> None:
    async def work() -> None:
        _, rollout = desk.process()
        await rollout.begin()
        await rollout.look()
        assert desk.telemetry.spans == []
        desk.write(f"{ALLOW}P, broken\n")
        await rollout.look()
        await rollout.look()
        desk.write(DENY)
        await rollout.look()

    asyncio.run(work())
    refused, taken = desk.telemetry.spans
    assert (refused.name, refused.error, taken.error) == ("policy.reload", "policy_refused", None)
    assert refused.attributes["toolgate.policy.place"] == f"{desk.paths.policy}:11:1"
    assert refused.attributes["toolgate.policy.lines"] == 10  # what is in force
    assert taken.attributes["toolgate.policy.outcome"] == "taken"
    assert taken.attributes["toolgate.policy.digest"] == load(desk.paths.model, desk.paths.policy).digest


def test_what_a_killed_command_began_is_finished(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        live, rollout = desk.process()
        await rollout.begin()
        journal_of(desk.paths.policy).write_text(desk.candidate(DENY).files.to_text())
        await rollout.look()
        assert decided(live) == "deny"

    asyncio.run(work())
    assert desk.paths.policy.read_text() == DENY
    assert "has been finished" in caplog.text


def test_a_store_that_fails_stops_no_decision_and_is_told_of_once(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: PolicyBook) -> frozenset[str]:
        raise StoreError("the disk is full")

    async def work() -> None:
        live, rollout = desk.process()
        monkeypatch.setattr(PolicyBook, "accepted", broken)
        async with rolled_out(rollout):
            for _ in range(3):
                await rollout.look()
            assert decided(live) == "allow"

    asyncio.run(work())
    assert caplog.text.count("the disk is full") == 1
