"""What is special about a store in PostgreSQL. What holds for both kinds is shown beside, over both."""

import asyncio
import contextlib
import io
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.budget import Limits, Spend
from gateway.errors import StoreError
from gateway.events import Started
from gateway.store import Reserve
from gateway.store.copying import write
from gateway.store.migrations import SCHEMA_VERSION
from gateway.store.postgres import commits
from gateway.store.postgres import session as sessions
from gateway.store.postgres import store as module
from gateway.store.postgres.address import address
from gateway.store.postgres.record import opened
from gateway.store.postgres.session import Session
from gateway.store.postgres.store import PostgresStore, migrate
from tests.builders import NOON, QUEUED
from tests.fixtures.postgres import Server
from tests.fixtures.stores import execute, line_of, tables, worker

ONE = Spend(turns=1)
PATIENCE = 60.0


@pytest.mark.parametrize("acknowledged", [1, 17, 150])
def test_whatever_a_killed_process_acknowledged_is_there(url: str, acknowledged: int) -> None:
    """And a reservation is there exactly when the event is that it was made with."""
    with worker("write", url, "w") as process:
        lines = [line_of(process) for _ in range(acknowledged)]
        process.kill()
        assert process.stdout is not None
        lines += process.stdout.read().splitlines(keepends=False)
    promised: dict[str, int] = {}
    for line in lines:
        if len(words := line.split()) == 2:  # the last line may have been cut
            promised[words[0]] = max(promised.get(words[0], 0), int(words[1]))
    assert promised
    with contextlib.closing(PostgresStore(url)) as store:
        for run_id, seq in promised.items():
            events = asyncio.run(store.events(run_id))
            assert [recorded.seq for recorded in events] == list(range(1, len(events) + 1))
            assert len(events) >= seq
            assert asyncio.run(store.spend(f"run:{run_id}")) == Spend(turns=len(events) - 1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_while_the_server_is_restarted_nothing_is_lost_and_nothing_is_doubled(
    postgres: Server, url: str, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "BUSY_SECONDS", 120)  # however long a busy machine takes to start it
    writers, each = 5, 60

    async def write(store: PostgresStore, number: int, enough: asyncio.Event) -> int:
        run_id = f"r-{number}"
        await store.append(run_id, [QUEUED], lease=None)
        for count in range(each):
            change = Reserve(f"run:{run_id}", ONE, Limits())
            await store.append(run_id, [Started("w")], lease=None, changes=[change])
            if count == each // 3:
                enough.set()
        return each

    async def scenario() -> None:
        with contextlib.closing(PostgresStore(url)) as store:
            enough = asyncio.Event()
            tasks = [asyncio.create_task(write(store, number, enough)) for number in range(writers)]
            await enough.wait()
            await asyncio.to_thread(postgres.stop, how)
            await asyncio.to_thread(postgres.start)
            assert await asyncio.gather(*tasks) == [each] * writers
            for number in range(writers):
                events = await store.events(f"r-{number}")
                assert [recorded.seq for recorded in events] == list(range(1, each + 2))
                assert await store.spend(f"run:r-{number}") == Spend(turns=each)

    asyncio.run(scenario())


def test_times_are_the_servers(url: str) -> None:
    with contextlib.closing(PostgresStore(url)) as store:
        asyncio.run(store.append("r-1", [QUEUED], lease=None))
        created = asyncio.run(store.run_row("r-1")).created
    now = execute(url, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")[0][0]
    assert now - 60_000 < created < now + 60_000
    assert created > NOON


def test_whoever_can_not_make_tables_is_told_how_he_may(postgres: Server) -> None:
    with contextlib.closing(postgres.connected()) as db, contextlib.suppress(psycopg.errors.DuplicateObject):
        db.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match=r"permission denied for schema public .*GRANT CREATE"):
        PostgresStore(postgres.url(user="guest"))


def test_a_step_of_a_migration_takes_as_long_as_it_takes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index over millions of rows takes longer than any other statement may."""
    PostgresStore(url).close()
    execute(url, "UPDATE store_schema SET version = version - 1")
    long_step = ["CREATE TABLE slow AS SELECT CAST(pg_sleep(0.3) AS text) AS slept"]
    monkeypatch.setattr(module, "statements", lambda _version: long_step)
    with contextlib.closing(Session(address(url))) as session:
        session.script("SET statement_timeout = 100")
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.script("SELECT pg_sleep(0.3)")
        migrate(session, address(url))
        assert session.script("SHOW statement_timeout") == [("100ms",)]
    assert len(execute(url, "SELECT * FROM slow")) == 1


def test_somebody_elses_tables_are_left_alone(url: str) -> None:
    execute(url, "CREATE TABLE runs (marathon TEXT)")
    before = tables(url)
    with pytest.raises(StoreError, match=r"can't be opened: .*database or a schema of its own"):
        PostgresStore(url)
    assert tables(url) == before


def test_a_replica_is_refused_with_what_to_do(url: str) -> None:
    PostgresStore(url).close()
    reading = url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20")
    with contextlib.closing(PostgresStore(reading)) as store, pytest.raises(StoreError, match="name the primary"):
        asyncio.run(store.append("r-1", [QUEUED], lease=None))


def test_who_comes_while_another_writes_and_does_not_come_to_his_end_is_told_so(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server waits for a synchronous replica that is gone."""
    PostgresStore(url).close()
    with contextlib.closing(Session(address(url))) as other:
        other.script("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('toolgate ' || current_schema(), 0))")
        short = sessions._SETTINGS.replace("lock_timeout = '10s'", "lock_timeout = '50ms'")  # noqa: SLF001
        monkeypatch.setattr(sessions, "_SETTINGS", short)
        with pytest.raises(StoreError, match=r"can't be opened: .*another process has been writing for too long"):
            PostgresStore(url)


def test_two_stores_in_one_database_do_not_see_each_other(postgres: Server, url: str) -> None:
    with (
        postgres.schema() as other_url,
        contextlib.closing(PostgresStore(url)) as one,
        contextlib.closing(PostgresStore(other_url)) as other,
    ):
        asyncio.run(one.append("r-1", [QUEUED], lease=None))
        assert asyncio.run(other.run_rows()) == []


@pytest.fixture
def shared(postgres: Server) -> Iterator[tuple[str, str]]:
    """The URLs of one store in `public`, for a role without a schema of its own, and for one that has one."""
    with contextlib.closing(postgres.connected()) as db:
        db.execute("CREATE DATABASE shared")
        db.execute("CREATE ROLE gw1 LOGIN SUPERUSER; CREATE ROLE gw2 LOGIN SUPERUSER")
        try:
            one, two = postgres.url("shared", "gw1"), postgres.url("shared", "gw2")
            PostgresStore(one).close()
            execute(two, "CREATE SCHEMA gw2")
            yield one, two
        finally:
            db.execute("DROP DATABASE shared WITH (FORCE)")
            db.execute("DROP ROLE gw1, gw2")


def test_two_roles_that_share_a_store_share_its_lock_and_its_back_up(shared: tuple[str, str]) -> None:
    """`search_path` is `"$user", public`: a schema that has the name of the role stands before that of the tables."""
    begun, go = threading.Event(), threading.Event()

    def slow(_db: object) -> None:
        begun.set()
        go.wait(PATIENCE)

    async def scenario(one: PostgresStore, two: PostgresStore) -> None:
        first = asyncio.create_task(one._write(slow))  # noqa: SLF001 - as any transaction
        await asyncio.to_thread(begun.wait, PATIENCE)
        second = asyncio.create_task(two.append("r-1", [QUEUED], lease=None))
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        async with asyncio.timeout(PATIENCE):
            while not second.done() and not await asyncio.to_thread(execute, shared[0], waits):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not second.done()  # it waits for the first
        go.set()
        await asyncio.gather(first, second)

    try:
        with contextlib.closing(PostgresStore(shared[0])) as one, contextlib.closing(PostgresStore(shared[1])) as two:
            asyncio.run(scenario(one, two))
    finally:
        go.set()
    for url in shared:
        with opened(url) as record:
            assert write(record, io.StringIO()) > 0
            assert {"runs", "events", "jobs"} <= {*record.tables()}


def test_who_comes_while_another_role_makes_the_tables_makes_none_of_his_own(
    shared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(Session(address(shared[1]))) as late:
        late.script("SET search_path TO gw2, public")  # as it was when it looked and found none
        told = iter([0, SCHEMA_VERSION])
        monkeypatch.setattr(module, "_version", lambda _session: next(told))
        migrate(late, address(shared[1]))
        assert late.script("SELECT tablename FROM pg_tables WHERE schemaname = 'gw2'") == []


def test_the_password_is_in_nothing_that_it_says(postgres: Server, url: str) -> None:
    with contextlib.closing(PostgresStore(url.replace("postgres@", "postgres:s3cret@"))) as store:
        assert "s3cret" not in repr(vars(store))
        with pytest.raises(StoreError, match="can't be read") as found:
            store._read("SELECT nothing")  # noqa: SLF001 - an error of the database
        assert "s3cret" not in str(found.value)


def test_whoever_shares_the_event_loop_looks_at_policies_in_a_thread(url: str) -> None:
    with contextlib.closing(PostgresStore(url)) as store:
        book = store.policies(Path("/p"))
        name = asyncio.run(book.look(lambda: threading.current_thread().name))
    assert name.startswith("toolgate-store-read")


def test_names_are_compared_byte_by_byte_wherever_the_server_stands(url: str) -> None:
    PostgresStore(url).close()
    told = execute(
        url,
        "SELECT count(*) > 100, bool_and(collation_name IS NOT DISTINCT FROM 'C') FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND data_type = 'text'",
    )
    assert told == [(True, True)]
