"""What clients have read in the runs that they had before. `tests/flows/test_taint.py` has what becomes of it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Subject
from gateway.earlier import NOTHING_READ, Read, read_by, read_until, together, who_is
from gateway.events import Admitted, Queued, Returned, Started, Succeeded
from gateway.store.sqlite import SqliteStore

ANN = Subject("user:ann", "acme")
NOW = time.time()
A_DAY = 86_400  # the tests may begin long after this module was loaded


def recorded(folder: Path, scenario: Callable[[SqliteStore, list[int]], Coroutine[Any, Any, None]]) -> None:
    """With a store whose clock is the list's only number, in milliseconds."""
    clock = [round(NOW * 1000)]
    store = SqliteStore(folder / "store.db", clock=lambda: clock[0])
    try:
        asyncio.run(scenario(store, clock))
    finally:
        store.close()


async def ran(store: SqliteStore, run_id: str, title: str = "an editor", driver: str = "client") -> None:
    """A run that has read from `mail`."""
    queued = Queued(driver, ANN.user, ANN.tenant, None, input=title, limits={})  # type: ignore[arg-type]
    asked = Admitted("call/1", "mail/read", "{}", "pin", "policy", {})
    read = Returned("call/1", {"kind": "answered", "result": {}}, {}, tainting=True)
    await store.append(run_id, [queued, Started("o"), asked, read], lease=None)


MAIL: Read = (True, frozenset({"mail"}))


def test_who_was_at_work_lately_is_known_by_subject_and_name(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore, clock: list[int]) -> None:
        await ran(store, "one")
        await ran(store, "two", "an agent", driver="loop")
        assert await read_by(store, who_is(ANN, "an  editor"), A_DAY) == MAIL
        assert await read_by(store, who_is(ANN, "another"), A_DAY) == NOTHING_READ
        assert await read_by(store, who_is(Subject("user:bob", "acme"), "an editor"), A_DAY) == NOTHING_READ
        assert await read_until(store, NOW + 1, 60) == {who_is(ANN, "an editor"): MAIL}
        clock[0] += 3_600_000
        await store.append("one", [Succeeded("")], lease=None)  # its end is no work
        assert await read_until(store, NOW + 3601, 60) == {who_is(ANN, "an editor"): NOTHING_READ}

    recorded(tmp_path, scenario)


def test_a_run_that_was_opened_later_does_not_count(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore, clock: list[int]) -> None:
        clock[0] += 2000
        await ran(store, "one")
        assert await read_until(store, NOW + 1, 60) == {}
        assert await read_until(store, NOW + 3, 60) == {who_is(ANN, "an editor"): MAIL}

    recorded(tmp_path, scenario)


@pytest.mark.parametrize(
    ("reads", "whole"),
    [
        ([], NOTHING_READ),
        ([NOTHING_READ, (False, frozenset({"a"})), MAIL], (True, frozenset({"a", "mail"}))),
        ([(False, None), MAIL], (True, None)),
    ],
)
def test_what_is_not_known_of_one_is_not_known_of_all(reads: list[Read], whole: Read) -> None:
    assert together(reads) == whole
