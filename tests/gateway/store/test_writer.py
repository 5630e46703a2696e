"""Group commit: one commit for all that wait, and each of them hears only of its own."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.errors import Conflict, StoreError
from gateway.store import writer as under_test
from gateway.store.batch import Item, commit
from gateway.store.ledger import Ledger, Memory
from gateway.store.writer import MANY, MAX_BATCH, TURNS, Writer

PATIENCE = 60.0  # seconds: only a test that hangs takes them


@dataclass
class Desk:
    """A writer on a table of numbers, and a gate that keeps it busy until a test opens it."""

    path: Path
    inline: bool = False
    statements: list[str] = field(default_factory=list)
    busy: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    committers: list[str] = field(default_factory=list)  # the thread of each commit
    writer: Writer = field(init=False)

    def __post_init__(self) -> None:
        self.writer = Writer(self.connect, inline=self.inline)

    def connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        db.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = normal")
        if self.inline:
            db.execute("PRAGMA journal_mode = WAL")
        db.set_trace_callback(self._trace)
        return db

    def _trace(self, statement: str) -> None:
        self.statements.append(statement)
        if statement == "COMMIT":
            self.committers.append(threading.current_thread().name)

    def wait_at_gate(self, _db: Ledger) -> str:
        self.busy.set()
        assert self.gate.wait(PATIENCE)
        return "through"

    async def keep_busy(self) -> "asyncio.Task[str]":
        """Whatever is run from here on waits in the queue until the gate is open."""
        task = asyncio.create_task(self.writer.run(self.wait_at_gate))
        assert await asyncio.to_thread(self.busy.wait, PATIENCE)
        return task

    def numbers(self) -> list[int]:
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            return [n for (n,) in db.execute("SELECT n FROM numbers ORDER BY n")]

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "numbers.db")
    yield made
    made.gate.set()
    made.writer.close()


@pytest.fixture
def inline(tmp_path: Path) -> Iterator[Desk]:
    """The same, where the loop commits itself."""
    made = Desk(tmp_path / "numbers.db", inline=True)
    yield made
    made.gate.set()
    made.writer.close()


@pytest.fixture(params=[False, True], ids=["thread", "inline"])
def either(request: pytest.FixtureRequest) -> Desk:
    made: Desk = request.getfixturevalue("inline" if request.param else "desk")
    return made


def insert(*numbers: int, then: type[BaseException] | None = None) -> Callable[[Ledger], int]:
    """Writes the numbers; returns the last, or raises."""

    def work(db: Ledger) -> int:
        for n in numbers:
            db.execute("INSERT INTO numbers VALUES (?)", (n,))
        if then is not None:
            raise then("as it was told")
        return numbers[-1]

    return work


async def queued(desk: Desk, *works: Callable[[Ledger], int]) -> "list[asyncio.Task[int]]":
    """The works, waiting in the queue."""
    tasks = [asyncio.create_task(desk.writer.run(work)) for work in works]
    await asyncio.sleep(0)  # each runs up to where it waits
    return tasks


def test_a_result_comes_when_it_is_on_disk(desk: Desk) -> None:
    assert asyncio.run(desk.writer.run(insert(1))) == 1
    assert desk.numbers() == [1]


def test_all_that_wait_share_one_commit_and_keep_their_order(desk: Desk) -> None:
    async def scenario() -> Sequence[int]:
        first = await desk.keep_busy()
        tasks = await queued(desk, *(insert(n) for n in range(100)))
        desk.gate.set()
        assert await first == "through"
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == list(range(100))
    assert desk.numbers() == list(range(100))
    assert desk.commits == 2


def test_a_batch_has_an_end(desk: Desk) -> None:
    async def scenario() -> None:
        await desk.keep_busy()
        tasks = await queued(desk, *(insert(n) for n in range(MAX_BATCH + 1)))
        desk.gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert desk.commits == 3


@pytest.mark.parametrize(
    "error", [Conflict, ValueError, sqlite3.IntegrityError, sqlite3.InterfaceError, RecursionError]
)
def test_one_that_fails_takes_nobody_down_and_leaves_nothing(desk: Desk, error: type[BaseException]) -> None:
    async def scenario() -> list[object]:
        await desk.keep_busy()
        tasks = await queued(desk, insert(1), insert(2, 3, then=error), insert(4))
        desk.gate.set()
        return [await outcome(task) for task in tasks]

    first, failed, last = asyncio.run(scenario())
    assert (first, last) == (1, 4)
    assert isinstance(failed, StoreError if issubclass(error, sqlite3.Error) else error)
    assert desk.numbers() == [1, 4]
    assert desk.commits == 2


async def outcome(task: "asyncio.Task[int]") -> object:
    await asyncio.wait([task], timeout=PATIENCE)
    return task.exception() or task.result()


@pytest.mark.parametrize("error", [sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError])
def test_what_the_disk_refuses_is_refused_to_the_whole_batch_and_the_next_one_goes_on(
    desk: Desk, error: type[sqlite3.Error]
) -> None:
    async def scenario() -> Sequence[object]:
        await desk.keep_busy()
        tasks = await queued(desk, insert(1), insert(2, then=error), insert(3))
        desk.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(scenario())
    assert [str(result) for result in results] == ["the store could not write: as it was told"] * 3
    assert all(isinstance(result, StoreError) for result in results)
    assert desk.numbers() == []
    assert asyncio.run(desk.writer.run(insert(4))) == 4
    assert desk.numbers() == [4]


def test_a_commit_that_fails_is_a_failure_for_all(desk: Desk) -> None:
    def orphan(db: Ledger) -> int:
        db.execute("INSERT INTO children VALUES (7)")
        return 7

    async def scenario() -> Sequence[object]:
        await desk.keep_busy()
        tasks = await queued(desk, insert(1), orphan, insert(2))
        desk.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with contextlib.closing(sqlite3.connect(desk.path)) as db:
        db.execute("CREATE TABLE children (n REFERENCES numbers DEFERRABLE INITIALLY DEFERRED)")
    results = asyncio.run(scenario())
    assert [str(result) for result in results] == ["the store could not write: FOREIGN KEY constraint failed"] * 3
    assert desk.numbers() == []
    assert asyncio.run(desk.writer.run(insert(3))) == 3


def test_a_caller_that_goes_away_takes_nobody_with_it(desk: Desk) -> None:
    async def scenario() -> Sequence[object]:
        await desk.keep_busy()
        tasks = await queued(desk, insert(1), insert(2), insert(3, then=Conflict), insert(4))
        tasks[1].cancel()
        tasks[2].cancel()
        desk.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(scenario())
    assert (results[0], results[3]) == (1, 4)
    assert isinstance(results[1], asyncio.CancelledError)
    assert isinstance(results[2], asyncio.CancelledError)
    assert desk.numbers() == [1, 2, 4]  # it was on its way: cancelled is not undone


def test_a_loop_that_is_gone_keeps_nobody_waiting(desk: Desk) -> None:
    async def leave() -> None:
        await desk.keep_busy()
        await queued(desk, insert(1))

    asyncio.run(leave())
    desk.gate.set()
    assert asyncio.run(desk.writer.run(insert(2))) == 2
    assert desk.numbers() == [1, 2]


def test_closing_commits_what_waits_and_takes_nothing_more(desk: Desk) -> None:
    async def scenario() -> Sequence[int]:
        await desk.keep_busy()
        tasks = await queued(desk, *(insert(n) for n in range(10)))
        closing = asyncio.create_task(asyncio.to_thread(desk.writer.close))
        while not desk.writer._closed:  # noqa: SLF001, ASYNC110 - there is nothing else to see it by
            await asyncio.sleep(0)
        with pytest.raises(StoreError, match="the store is closed"):
            await desk.writer.run(insert(99))
        desk.gate.set()
        await closing
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == list(range(10))
    assert desk.numbers() == list(range(10))
    desk.writer.close()  # again: nothing happens


def test_whoever_closes_while_others_write_from_other_threads_leaves_nobody_waiting(either: Desk) -> None:
    """Each of them is written or refused, and nothing in between."""
    written: list[int] = []

    async def fill(start: int) -> None:
        with contextlib.suppress(StoreError):
            for n in range(start, start + 1_000_000):
                await asyncio.wait_for(either.writer.run(insert(n)), PATIENCE)
                written.append(n)

    threads = [threading.Thread(target=asyncio.run, args=(fill(k * 1_000_000),)) for k in range(4)]
    for thread in threads:
        thread.start()
    while len(written) < 100:
        assert any(thread.is_alive() for thread in threads)
    either.writer.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert either.numbers() == sorted(written)


def test_a_connection_that_cant_be_made_is_an_error_at_once() -> None:
    def refuse() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    with pytest.raises(sqlite3.OperationalError):
        Writer(refuse)


# ---- inline: the loop commits itself, where that takes no time

LOOP, THREAD = "MainThread", "toolgate-store"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process that writes."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_the_first_of_a_turn_is_committed_at_once_and_all_others_of_it_together(inline: Desk) -> None:
    async def scenario() -> None:
        assert await asyncio.gather(*(inline.writer.run(insert(n)) for n in range(MANY))) == list(range(MANY))
        first = inline.writer.run(insert(100))
        with pytest.raises(StopIteration, match="100"):
            first.send(None)  # it does not wait for anything

    asyncio.run(scenario())
    assert inline.numbers() == [*range(MANY), 100]
    assert inline.committers == [LOOP, LOOP, LOOP]


def test_where_many_come_in_each_turn_the_first_waits_for_the_others(inline: Desk) -> None:
    async def turn(many: int) -> int:
        before = inline.commits
        await asyncio.gather(*(inline.writer.run(lambda _: None) for _ in range(many)))
        return inline.commits - before

    async def scenario() -> list[int]:
        return [await turn(many) for many in (MANY, MANY + 1, MANY, 1, 1, 2)]

    # the first crowd is one by those who came behind its first; after one that is none, the next is first again
    assert asyncio.run(scenario()) == [2, 2, 1, 1, 1, 2]


def test_many_in_few_turns_are_the_threads_as_few_in_many(inline: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "WRITTEN", 20)

    async def scenario() -> None:
        for n in range(4):
            await asyncio.gather(*(inline.writer.run(insert(10 * n + k)) for k in range(10)))

    asyncio.run(scenario())
    assert inline.committers == [LOOP, LOOP, LOOP, THREAD, LOOP]


def test_while_another_process_writes_the_thread_waits_and_the_loop_does_not(inline: Desk) -> None:
    async def scenario() -> None:
        with locked(inline.path) as other:
            tasks = await queued(inline, insert(1))
            for _ in range(10):
                await asyncio.sleep(0)
            tasks += await queued(inline, insert(2))
            for _ in range(10):
                await asyncio.sleep(0)
            assert inline.committers == []
            other.execute("INSERT INTO numbers VALUES (0)")
            other.execute("COMMIT")
        assert await asyncio.gather(*tasks) == [1, 2]
        assert await inline.writer.run(insert(3)) == 3

    asyncio.run(scenario())
    assert inline.numbers() == [0, 1, 2, 3]
    assert inline.committers[0] == THREAD
    assert inline.committers[-1] == LOOP


def test_every_so_often_it_is_the_threads_turn(inline: Desk) -> None:
    async def scenario() -> None:
        for n in range(2 * TURNS + 2):
            await inline.writer.run(insert(n))

    asyncio.run(scenario())
    assert inline.committers == ([LOOP] * TURNS + [THREAD]) * 2


def test_more_than_a_batch_in_one_turn_is_the_threads(inline: Desk) -> None:
    async def scenario() -> None:
        await asyncio.gather(*(inline.writer.run(insert(n)) for n in range(MAX_BATCH + 2)))

    asyncio.run(scenario())
    assert set(inline.committers[1:]) == {THREAD}
    assert inline.numbers() == list(range(MAX_BATCH + 2))


def test_what_one_caller_wrote_first_is_first_across_the_hand_over(
    inline: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread has taken the first one, and not begun it yet: the second one must not overtake it on the loop."""

    def late(connection: sqlite3.Connection, batch: Sequence[Item], memory: Memory) -> None:
        inline.busy.set()
        assert inline.gate.wait(PATIENCE)
        commit(connection, batch, memory)

    monkeypatch.setattr(under_test, "commit", late)

    def count(db: Ledger) -> int:
        (n,) = db.execute("SELECT count(*) FROM numbers").fetchone()
        return int(n)

    async def scenario() -> Sequence[int]:
        with locked(inline.path):
            tasks = await queued(inline, insert(1))
            assert await asyncio.to_thread(inline.busy.wait, PATIENCE)
        tasks += await queued(inline, count)
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        inline.gate.set()
        tasks += await queued(inline, insert(2), count)
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [1, 1, 2, 2]


def test_loops_of_several_threads_share_one_writer(inline: Desk) -> None:
    """Each of them sees what it wrote before, whoever committed it."""

    async def fill(start: int) -> None:
        for n in range(start, start + 300):
            before = await inline.writer.run(lambda db: [n for (n,) in db.execute("SELECT n FROM numbers")])
            assert [n for n in before if n >= start and n < start + 300] == list(range(start, n))
            assert await inline.writer.run(insert(n)) == n

    threads = [threading.Thread(target=asyncio.run, args=(fill(k * 1000),)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert inline.numbers() == [k * 1000 + n for k in range(4) for n in range(300)]


def test_the_log_does_not_grow_without_bound_under_steady_load(inline: Desk) -> None:
    def fat(n: int) -> Callable[[Ledger], None]:
        def work(db: Ledger) -> None:
            db.execute("INSERT INTO texts VALUES (?, ?)", (n, "x" * 4000))

        return work

    async def scenario() -> int:
        await inline.writer.run(lambda db: db.execute("CREATE TABLE texts (n INTEGER PRIMARY KEY, x)").rowcount)
        most = 0
        for n in range(16 * TURNS):
            await inline.writer.run(fat(n))
            most = max(most, wal.stat().st_size)
        return most

    wal = inline.path.with_name("numbers.db-wal")
    assert asyncio.run(scenario()) < 16 * TURNS * 4000 / 2


def test_closing_commits_what_waits_in_this_very_turn(inline: Desk) -> None:
    async def scenario() -> Sequence[int]:
        tasks = await queued(inline, *(insert(n) for n in range(10)))
        inline.writer.close()
        with pytest.raises(StoreError, match="the store is closed"):
            await inline.writer.run(insert(99))
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == list(range(10))
    assert inline.numbers() == list(range(10))
    inline.writer.close()


@pytest.mark.parametrize("error", [Conflict, ValueError, sqlite3.IntegrityError, RecursionError])
def test_inline_too_one_that_fails_takes_nobody_down(inline: Desk, error: type[BaseException]) -> None:
    async def scenario() -> list[object]:
        tasks = await queued(inline, insert(0), insert(1), insert(2, 3, then=error), insert(4))
        return [await outcome(task) for task in tasks]

    _, first, failed, last = asyncio.run(scenario())
    assert (first, last) == (1, 4)
    assert isinstance(failed, StoreError if issubclass(error, sqlite3.Error) else error)
    assert (inline.numbers(), inline.committers) == ([0, 1, 4], [LOOP, LOOP])


@pytest.mark.parametrize("error", [Conflict, ValueError, sqlite3.IntegrityError, RecursionError])
def test_the_first_of_a_turn_fails_alone(inline: Desk, error: type[BaseException]) -> None:
    async def scenario() -> list[object]:
        tasks = await queued(inline, insert(2, 3, then=error), insert(4))
        return [await outcome(task) for task in tasks]

    failed, last = asyncio.run(scenario())
    assert isinstance(failed, StoreError if issubclass(error, sqlite3.Error) else error)
    assert (inline.numbers(), last) == ([4], 4)


def test_inline_too_what_the_disk_refuses_is_refused_to_all_and_the_next_one_goes_on(inline: Desk) -> None:
    async def scenario() -> Sequence[object]:
        works = insert(0), insert(1), insert(2, then=sqlite3.OperationalError), insert(3)
        return await asyncio.gather(*await queued(inline, *works), return_exceptions=True)

    first, *others = asyncio.run(scenario())
    assert first == 0
    assert {type(result) for result in others} == {StoreError}
    assert inline.numbers() == [0]
    assert asyncio.run(inline.writer.run(insert(4))) == 4


def test_inline_too_a_caller_that_goes_away_takes_nobody_with_it(inline: Desk) -> None:
    async def scenario() -> Sequence[object]:
        tasks = await queued(inline, insert(1), insert(2), insert(3))
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(scenario())
    assert [type(result) for result in results] == [int, asyncio.CancelledError, int]
    assert inline.numbers() == [1, 2, 3]  # it was on its way
