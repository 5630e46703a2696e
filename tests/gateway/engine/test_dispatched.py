"""DBOS brings runs to workers that are processes of their own, on a real PostgreSQL: each run once."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.dispatched import Dispatched
from gateway.events import Resolved, Started
from gateway.job import Job
from gateway.store import Claim, Enqueue, Store
from gateway.store.lease import machine, owner_name
from gateway.store.postgres.store import PostgresStore
from gateway.store.waiting import until
from tests.builders import QUEUED
from tests.fixtures.forked import Forked, run
from tests.fixtures.parts import ROOT
from tests.fixtures.project import Project, ended
from tests.fixtures.stores import execute

PATIENCE = 120.0
TOML = """
store = "{url}"
[identity]
user = "user:ann"
[models.demo]
provider = "scripted"
script = "talk.yaml"
[agents.desk]
model = "demo"
[queue]
engine = "dbos"
concurrency = 2
tenant = 3
"""


@contextlib.contextmanager
def working(project: Project) -> Iterator["subprocess.Popen[str]"]:
    """A worker that is ready."""
    with (project.folder / "log").open("a") as log:
        process = Forked(project.command("worker", "--json"), stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield process
        finally:
            ended(process)


@contextlib.contextmanager
def reading(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    try:
        yield store
    finally:
        store.close()


def waited(store: PostgresStore, happened: Callable[[], Awaitable[bool]]) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE):
            await until(store, happened)

    asyncio.run(scenario())


def submit(project: Project) -> str:
    command = project.command("submit", "count the bells", "--json")
    said = run(command, timeout=PATIENCE)
    assert said.returncode == 0, said.stderr
    return str(json.loads(said.stdout)["run"])


def test_two_workers_share_what_dbos_dispatches_and_each_run_is_driven_once(tmp_path: Path, postgres: Any) -> None:
    url = postgres.emptied()
    project = Project.of(tmp_path / "project", {}, TOML.format(url=url))
    (project.folder / "talk.yaml").write_text("steps:\n  - say: Four bells.\n")
    run_ids = {submit(project) for _ in range(3)}
    with working(project) as one, working(project) as other:
        run_ids |= {submit(project) for _ in range(2)}
        store = PostgresStore(url)

        async def all_ended() -> bool:
            rows = await store.run_rows()
            return {row.id for row in rows if row.status == "succeeded"} == run_ids

        async def scenario() -> list[str]:
            async with asyncio.timeout(PATIENCE):
                await until(store, all_ended)
            events = [each for run_id in run_ids for each in await store.events(run_id)]
            return [type(each.event).__name__ for each in events]

        try:
            told = asyncio.run(scenario())
        finally:
            store.close()
        assert told.count("Started") == told.count("Succeeded") == 5
        ended(one)
        ended(other)
    assert (one.returncode, other.returncode) == (0, 0), project.log


def status_is(store: PostgresStore, run_id: str, status: str) -> Callable[[], Awaitable[bool]]:
    async def it_is() -> bool:
        return (await store.run_row(run_id)).status == status

    return it_is


def test_a_worker_killed_in_the_middle_of_a_ticket_is_followed_by_another(tmp_path: Path, postgres: Any) -> None:
    """Its ticket stays with DBOS as one that is under way; the run gets another one, and goes on."""
    url = postgres.emptied()
    script = str(ROOT / "tests" / "fixtures" / "tally_server.py")
    desk = {"command": sys.executable, "args": ["-S", script, str(tmp_path / "arrivals.jsonl")]}
    project = Project.of(tmp_path / "project", {"desk": desk}, TOML.format(url=url))
    with socket.create_server(("127.0.0.1", 0)) as door, reading(url) as store:
        port = door.getsockname()[1]
        steps = f"steps:\n  - call: {{tool: desk/hold, args: {{port: {port}}}}}\n  - say: Four bells.\n"
        (project.folder / "talk.yaml").write_text(steps)
        with working(project) as one, working(project) as other:
            run_id = submit(project)
            door.settimeout(PATIENCE)
            held, _ = door.accept()  # the call is under way
            with held:
                owner = asyncio.run(store.run_row(run_id)).owner
                assert owner is not None
                driver = next(each for each in (one, other) if f"/{each.pid}/" in owner)
                driver.kill()
                driver.wait()
                waited(store, status_is(store, run_id, "waiting"))  # nobody knows whether the call was made
            events = [each.event for each in asyncio.run(store.events(run_id))]
            drivers = [event.worker for event in events if isinstance(event, Started)]
            assert drivers[0] == owner
            assert len(drivers) == 2
            told = Resolved("t1/call/1", "happened", "user:bob", "I looked")
            asyncio.run(store.append(run_id, [told], lease=None))
            waited(store, status_is(store, run_id, "succeeded"))
    assert len((tmp_path / "arrivals.jsonl").read_text().splitlines()) == 1


def test_after_the_database_was_away_workers_go_on(tmp_path: Path, postgres: Any) -> None:
    url = postgres.emptied()
    project = Project.of(tmp_path / "project", {}, TOML.format(url=url))
    (project.folder / "talk.yaml").write_text("steps:\n  - say: Four bells.\n")
    with working(project) as worker:
        first = submit(project)
        with reading(url) as store:
            waited(store, status_is(store, first, "succeeded"))
        postgres.stop(signal.SIGQUIT)  # as in a crash
        postgres.start()
        second = submit(project)
        with reading(url) as store:
            waited(store, status_is(store, second, "succeeded"))
        assert worker.poll() is None


class Idle:
    """A worker that finds nothing to do, however often it is called."""

    store: Store

    def __init__(self, store: PostgresStore) -> None:
        self.store, self.stopping, self.idle, self.free = store, asyncio.Event(), True, 1
        self.called = asyncio.Event()
        self.wish = Claim("here/1/a", 10.0)

    async def room(self) -> None:
        """There is."""

    async def take(self) -> "asyncio.Task[None] | None":
        self.called.set()
        return None

    def spare(self) -> None:
        """It goes on."""


class Busy(Idle):
    """A worker with room for one run, which it drives until it is told. There are five runs."""

    def __init__(self) -> None:
        self.stopping, self.finish = asyncio.Event(), asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self.taken = 0

    async def room(self) -> None:
        await self._empty.wait()

    async def take(self) -> "asyncio.Task[None] | None":
        await asyncio.sleep(0)  # a claim takes its time
        if self.taken == 5:
            return None
        self.taken += 1
        self._empty.clear()
        return asyncio.create_task(self._drive())

    async def _drive(self) -> None:
        await self.finish.wait()
        self._empty.set()


def test_a_ticket_waits_until_the_worker_has_room_and_goes_on_as_long_as_there_are_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine, worker = Dispatched(f"postgresql:///{tmp_path.name}", 2), Busy()
        tickets = [asyncio.create_task(engine.redeem(worker)) for _ in range(3)]
        for _ in range(20):  # all of them have come as far as they can
            await asyncio.sleep(0)
        assert worker.taken == 1
        worker.finish.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tickets)
        assert worker.taken == 5
        worker.taken = 0
        worker.stopping.set()
        await engine.redeem(worker)
        assert worker.taken == 0

    asyncio.run(scenario())


class Shelf:
    """Ten runs are ready, whoever asks."""

    def now(self) -> int:
        return 1_900_000_000_000

    async def ready(self, claim: Claim, most: int) -> list[Job]:
        del claim, most
        return [Job(f"r-{number}", "acme", "desk", "demo") for number in range(10)]


@pytest.mark.parametrize(("free", "made"), [(0, [0, 0]), (3, [3, 6]), (99, [10, 10])])
def test_no_more_tickets_are_made_than_there_is_room_and_each_of_them_once(
    free: int, made: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> list[int]:
        engine, worker = Dispatched(f"postgresql:///{tmp_path.name}", 2), Idle(Shelf())  # type: ignore[arg-type]
        names: list[str] = []
        worker.free = free

        async def make(name: str, _job: Job, _ticket: object) -> None:
            names.append(name)

        async def ticket() -> None:
            """Nobody redeems it."""

        monkeypatch.setattr(engine, "_make", make)
        monkeypatch.setattr("gateway.engine.dispatched.AGAIN", 1e9)  # seconds
        found = []
        for _ in range(2):
            await engine.look(worker, ticket)
            found.append(len(names))
        assert len(set(names)) == len(names)
        return found

    assert asyncio.run(scenario()) == made


@contextlib.asynccontextmanager
async def one_ticket(url: str) -> AsyncIterator[tuple[Dispatched, PostgresStore]]:
    """An engine under which a ticket has come to its end, and the store of its worker."""
    store = PostgresStore(url)
    engine, worker = Dispatched(url, 1), Idle(store)
    await store.append("r-1", [QUEUED], lease=None, changes=[Enqueue(Job("r-1", "acme", "desk", "demo"))])
    serving = asyncio.create_task(engine.serve(worker))
    try:
        async with asyncio.timeout(PATIENCE):
            await worker.called.wait()
            while not await asyncio.to_thread(tickets, url, "SUCCESS"):  # noqa: ASYNC110 - DBOS tells nobody
                await asyncio.sleep(0.05)
            yield engine, store
    finally:
        worker.stopping.set()
        await serving
        store.close()


def tickets(url: str, status: str) -> list[str]:
    found = execute(url, f"SELECT workflow_uuid FROM dbos.workflow_status WHERE status = '{status}'")  # noqa: S608
    return sorted(str(name) for (name,) in found)


def test_tickets_that_are_over_do_not_stay_in_the_database(postgres: Any) -> None:
    url = postgres.emptied()

    async def scenario() -> None:
        async with one_ticket(url) as (engine, store):
            await engine.tidy(store, 0.0)  # those of workers that other tests have killed
            assert await engine.tidy(store, time.time() - 3600) == 0
            assert await asyncio.to_thread(tickets, url, "SUCCESS")
            assert await engine.tidy(store, time.time() + 3600) > 0

    asyncio.run(scenario())


def test_tickets_of_workers_that_were_killed_do_not_stay_either(postgres: Any) -> None:
    url = postgres.emptied()

    def under_way(name: str, executor: str, age: float) -> None:
        """A ticket that some worker has, made so many seconds ago."""
        columns = "workflow_uuid, status, name, executor_id, queue_name, created_at"
        queue = "(SELECT min(queue_name) FROM dbos.workflow_status WHERE status = 'SUCCESS')"
        at = round((time.time() - age) * 1000)
        values = f"'{name}', 'PENDING', 'ticket', '{executor}', {queue}, {at}"
        execute(url, f"INSERT INTO dbos.workflow_status ({columns}) VALUES ({values})")  # noqa: S608 - of our own

    def of_ours() -> list[str]:
        return [name for name in tickets(url, "PENDING") if name in ("elsewhere", "at it", "dead", "driving")]

    async def scenario() -> None:
        async with one_ticket(url) as (engine, store):
            for name, executor, age in (
                ("elsewhere", "elsewhere/1/a.1", 3600.0),
                ("at it", "elsewhere/2/b.1", 3600.0),
                ("dead", f"{machine()}/999999999/a.1", 1.0),
                ("driving", owner_name(), 1.0),
            ):
                await asyncio.to_thread(under_way, name, executor, age)
            await engine.tidy(store, 0.0, time.time() - 7200)
            assert await asyncio.to_thread(of_ours) == ["at it", "driving", "elsewhere"]
            await store.append("r-2", [QUEUED, Started("elsewhere/2/b.2")], lease=None)
            await store.acquire("r-2", "elsewhere/2/b.2", 60.0)  # it drives this, and others before it, for long
            await engine.tidy(store, 0.0, time.time() - 1800)
            assert await asyncio.to_thread(of_ours) == ["at it", "driving"]

    asyncio.run(scenario())
