"""Lists of runs by what is asked of them: right, and by an index, so that 100,000 others cost nothing."""

import asyncio
import contextlib
import re
from pathlib import Path

import psycopg
import pytest

from gateway.events import Cancelled, Queued
from gateway.store.database import DatabaseStore
from gateway.store.transactions import SELECT_RUNS
from gateway.store.wanted import ALL, Wanted, where
from tests.builders import NOON, Clock
from tests.fixtures.stores import Place, execute


def listed(store: DatabaseStore, wanted: Wanted, limit: int = 50) -> list[str]:
    return [row.id for row in asyncio.run(store.run_rows(limit, wanted))]


@pytest.fixture
def runs(store: DatabaseStore, clock: Clock) -> DatabaseStore:
    """Two of the same moment, and four of others; the newest is r-6."""
    who: list[tuple[str, str, str | None]] = [
        ("user:ann", "acme", "agent:desk"), ("user:ann", "acme", None), ("user:bob", "acme", "agent:desk"),
        ("user:bob", "globex", "agent:clerk"), ("user:ann", "globex", None), ("user:ann", "acme", "agent:clerk"),
    ]  # fmt: skip
    for number, (user, tenant, agent) in enumerate(who, 1):
        clock.now = NOON + (number if number != 2 else 1)
        asyncio.run(store.append(f"r-{number}", [Queued("loop", user, tenant, agent)], lease=None))
    asyncio.run(store.append("r-3", [Cancelled("user:ann")], lease=None))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ALL, "654321"),
        (Wanted(status="cancelled"), "3"),
        (Wanted(tenant="globex"), "54"),
        (Wanted(user="user:ann", tenant="acme"), "621"),
        (Wanted(agent="agent:desk"), "31"),
        (Wanted(agent="agent:desk", status="queued"), "1"),
        (Wanted(since=NOON + 4), "654"),
        (Wanted(before="r-4"), "321"),
        (Wanted(before="r-2"), "1"),
        (Wanted(before="r-6", user="user:bob"), "43"),
    ],
)
def test_those_are_found_of_which_it_is_so(runs: DatabaseStore, wanted: Wanted, found: str) -> None:
    assert listed(runs, wanted) == [f"r-{number}" for number in found]


def test_pages_one_after_the_other_have_each_run_once(runs: DatabaseStore) -> None:
    pages, before = list[str](), None
    while page := listed(runs, Wanted(before=before), limit=2):
        pages += page
        before = page[-1]
    assert pages == ["r-6", "r-5", "r-4", "r-3", "r-2", "r-1"]


PLANS: list[tuple[Wanted, tuple[str, ...]]] = [
    (ALL, ("runs_created",)),
    (Wanted(since=NOON), ("runs_created",)),
    (Wanted(before="r-2"), ("runs_created",)),
    (Wanted(status="waiting"), ("runs_by_status",)),
    (Wanted(tenant="acme"), ("runs_by_tenant",)),
    (Wanted(user="user:ann"), ("runs_by_user",)),
    (Wanted(agent="agent:desk"), ("runs_by_agent",)),
    (Wanted(status="waiting", tenant="acme", before="r-2"), ("runs_by_status", "runs_by_tenant")),
]


@pytest.mark.parametrize(("wanted", "indexes"), PLANS)
def test_every_list_is_read_off_an_index_in_its_order(
    runs: DatabaseStore, place: Place, wanted: Wanted, indexes: tuple[str, ...]
) -> None:
    told, said = where(wanted, (NOON, "r-2") if wanted.before else None)
    plan = _plan(place, f"{SELECT_RUNS}{told} LIMIT 20", said)
    assert "Seq Scan on runs" not in plan
    if isinstance(place, Path):  # PostgreSQL chooses by how many there are of each
        assert any(index in plan for index in indexes), plan
        assert "TEMP B-TREE" not in plan


def _plan(place: Place, sql: str, said: tuple[object, ...]) -> str:
    for value in said:
        sql = sql.replace("?", repr(value), 1)
    if isinstance(place, Path):
        return "\n".join(str(row) for row in execute(place, f"EXPLAIN QUERY PLAN {sql}"))
    with contextlib.closing(psycopg.connect(place, autocommit=True)) as db:
        db.execute("SET enable_seqscan = off")  # which six runs would be read by
        quoted = re.sub(r"\buser\b(?!:)", '"user"', sql)
        return "\n".join(str(row) for row in db.execute(f"EXPLAIN {quoted}".encode()))
