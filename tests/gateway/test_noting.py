import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.call import JsonObject
from gateway.catalogue import Catalogue
from gateway.errors import StoreError
from gateway.noting import noted
from gateway.policy.seen import seen_of
from gateway.store.lease import owner_name, process_of
from tests.builders import a_tool

FIRST, SECOND = Catalogue.of([a_tool("shop/a")]), Catalogue.of([a_tool("shop/a"), a_tool("shop/b")])


class Servers:
    """What a test changes."""

    def __init__(self) -> None:
        self.catalogue = FIRST
        self.callbacks: list[Callable[[], None]] = []

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)

    def change(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        for callback in self.callbacks:
            callback()


class Notes:
    def __init__(self, error: StoreError | None = None) -> None:
        self.taken: list[tuple[str, JsonObject]] = []
        self.error = error

    async def note(self, process: str, catalogue: JsonObject) -> None:
        self.taken.append((process, catalogue))
        if self.error:
            raise self.error


def test_what_is_seen_is_written_down_before_the_first_call_and_when_it_changes() -> None:
    servers, notes = Servers(), Notes()

    async def scenario() -> None:
        async with noted(notes, servers):
            assert [seen for _, seen in notes.taken] == [seen_of(FIRST)]
            servers.change(SECOND)
            servers.change(SECOND)

    asyncio.run(scenario())
    assert [seen for _, seen in notes.taken] == [seen_of(FIRST), seen_of(SECOND)]
    assert {process for process, _ in notes.taken} == {process_of(owner_name())}
    assert servers.callbacks == []


def test_a_store_that_can_not_be_written_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with noted(Notes(StoreError("the disk is full")), Servers()):
            pass

    asyncio.run(scenario())
    assert "no backtest will know it: the disk is full" in caplog.text


def test_owners_of_one_process_have_its_name_in_common() -> None:
    names: Any = {process_of(owner_name()) for _ in range(5)}
    assert len(names) == 1
