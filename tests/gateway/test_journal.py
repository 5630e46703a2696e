"""What a driver writes down: two facts in one commit, none lost, none twice, and the run as the record has it."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.conversation import UserSpoke
from gateway.errors import IllegalEvent, LeaseLost, StoreError
from gateway.events import (
    Cancelled,
    Event,
    ModelAnswered,
    ModelAsked,
    Paused,
    Recorded,
    Started,
    Succeeded,
)
from gateway.journal import Journal
from gateway.run import fold
from gateway.store.sqlite import SqliteStore
from tests.fixtures.parts import queued

MESSAGE = {"role": "assistant", "parts": [{"kind": "text", "text": "Done."}]}
ASKED = ModelAsked(1, {"turns": 1})
ANSWERED = ModelAnswered(1, MESSAGE, "stop", "tiny", {}, {"turns": 1})
SUCCEEDED = Succeeded("Done.")


class Watched:
    """A store that notes each append. `before` and `after` are awaited around it."""

    def __init__(self, store: SqliteStore) -> None:
        self.files, self.commits = store, list[list[str]]()
        self.before: Callable[[], Awaitable[None]] | None = None
        self.after: Callable[[], Awaitable[None]] | None = None
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    async def events(self, *about: Any) -> Sequence[Recorded]:
        self.reads += 1
        return await self.files.events(*about)

    async def append(self, run_id: str, events: Sequence[Event], **more: Any) -> int:
        self.commits.append([type(event).__name__ for event in events])
        if self.before is not None:
            await self.before()
        seq = await self.files.append(run_id, events, **more)
        if self.after is not None:
            await self.after()
        return seq


class Desk:
    """A run that has asked its model, and its driver's journal."""

    def __init__(self, store: Watched, journal: Journal, told: list[Recorded]) -> None:
        self.store, self.journal, self.told = store, journal, told

    async def story(self) -> list[str]:
        """All that was recorded; and what was told must be that, and the run what it folds to."""
        recorded = await self.store.files.events("r")
        assert [each.seq for each in self.told] == [each.seq for each in recorded]
        assert self.journal.run == fold("r", recorded)
        assert self.journal.seen == len(recorded)
        return [type(each.event).__name__ for each in recorded][3:]


def at_desk(folder: Path, scenario: Callable[[Desk], Awaitable[None]]) -> None:
    """Each time that the store looks at its clock, it is later than its driver had thought."""
    moments = itertools.count(time.time_ns() // 1_000_000 + 3_600_000, 7)

    def later() -> int:
        return next(moments)

    async def play() -> None:
        files = SqliteStore(folder / "t.db", clock=later)
        try:
            await files.append("r", [queued(), Started("w"), ASKED], lease=None)
            lease = await files.acquire("r", "w", 600)
            assert lease is not None
            store, told = Watched(files), list[Recorded]()
            journal = Journal(store, lease, told.extend)
            await journal.read()
            store.reads = 0
            await scenario(Desk(store, journal, told))
        finally:
            files.close()

    asyncio.run(play())


def test_what_is_held_goes_into_the_commit_of_what_comes_next_and_nothing_is_read(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.journal.hold([ANSWERED])
        assert desk.journal.run.messages[-1] == MESSAGE
        assert len(desk.told) == 3
        assert await desk.journal.append([SUCCEEDED]) == 5
        assert desk.store.commits == [["ModelAnswered", "Succeeded"]]
        assert desk.store.reads == 0
        assert await desk.story() == ["ModelAnswered", "Succeeded"]

    at_desk(tmp_path, scenario)


def test_where_nothing_comes_it_is_written_at_the_end_of_this_turn_of_the_loop(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        written = asyncio.Event()

        async def noted() -> None:
            written.set()

        desk.store.after = noted
        desk.journal.hold([ANSWERED])
        await written.wait()
        assert desk.store.commits == [["ModelAnswered"]]
        await desk.journal.append([SUCCEEDED])
        assert await desk.story() == ["ModelAnswered", "Succeeded"]

    at_desk(tmp_path, scenario)


def test_what_others_have_written_meanwhile_is_read_and_stands_where_it_happened(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.journal.hold([ANSWERED])
        await desk.store.files.append("r", [UserSpoke("And then?", "user:ann")], lease=None)
        await desk.journal.append([ModelAsked(2, {"turns": 1})])
        assert await desk.story() == ["UserSpoke", "ModelAnswered", "ModelAsked"]
        assert desk.journal.run.input.endswith("And then?")

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("stop", [Cancelled("user:bob"), Paused("person", "look", by="user:bob")])
def test_where_only_what_is_held_may_still_be_written_it_is_and_the_other_is_refused(
    tmp_path: Path, stop: Event
) -> None:
    async def scenario(desk: Desk) -> None:
        desk.journal.hold([ANSWERED])
        await desk.store.files.append("r", [stop], lease=None)
        with pytest.raises(IllegalEvent):
            await desk.journal.append([SUCCEEDED])
        assert desk.store.commits == [["ModelAnswered", "Succeeded"], ["ModelAnswered"], ["Succeeded"]]
        await desk.journal.read()
        assert await desk.story() == [type(stop).__name__, "ModelAnswered"]

    at_desk(tmp_path, scenario)


def test_nothing_is_written_without_what_was_held_before_it(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        async def full() -> None:
            raise StoreError("the disk is full")

        desk.store.before = full
        desk.journal.hold([ANSWERED])
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                await desk.journal.append([SUCCEEDED])
        with pytest.raises(StoreError, match="full"):
            await desk.journal.flush()
        assert all(commit[0] == "ModelAnswered" for commit in desk.store.commits)
        desk.store.before = None
        await desk.journal.append([SUCCEEDED])
        assert await desk.story() == ["ModelAnswered", "Succeeded"]

    at_desk(tmp_path, scenario)


def test_others_of_the_same_driver_wait_until_what_is_held_is_written(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        gate = asyncio.Event()

        async def slow() -> None:
            await gate.wait()

        desk.store.before = slow
        desk.journal.hold([ANSWERED])
        first = asyncio.create_task(desk.journal.append([UserSpoke("1", "user:ann")]))
        second = asyncio.create_task(desk.journal.append([UserSpoke("2", "user:ann")]))
        third = asyncio.create_task(desk.journal.append([UserSpoke("3", "user:ann")]))
        for _ in range(10):
            await asyncio.sleep(0)
        assert desk.store.commits == [["ModelAnswered", "UserSpoke"]]
        gate.set()
        assert [await first, await second, await third] == [5, 6, 7]
        assert await desk.story() == ["ModelAnswered", "UserSpoke", "UserSpoke", "UserSpoke"]

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("alone", [True, False])
def test_who_is_cancelled_while_he_writes_loses_nothing_and_nothing_is_written_twice(
    tmp_path: Path, made: bool, alone: bool
) -> None:
    """Whether the commit was `made` nobody has heard."""

    async def scenario(desk: Desk) -> None:
        there = asyncio.Event()

        async def stuck() -> None:
            desk.store.after = desk.store.before = None  # whoever comes next is not
            there.set()
            await asyncio.Event().wait()

        desk.store.after, desk.store.before = (stuck, None) if made else (None, stuck)
        desk.journal.hold([ANSWERED])
        what = desk.journal.flush() if alone else desk.journal.append([UserSpoke("Go on.", "user:ann")])
        writing = asyncio.ensure_future(what)
        await there.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await desk.journal.append([SUCCEEDED])
        spoke = ["UserSpoke"] if made and not alone else []
        assert await desk.story() == ["ModelAnswered", *spoke, "Succeeded"]

    at_desk(tmp_path, scenario)


def test_who_has_lost_the_run_writes_nothing_of_what_he_held(tmp_path: Path) -> None:
    async def scenario(desk: Desk) -> None:
        desk.journal.hold([ANSWERED])
        assert await desk.store.files.acquire("r", "other", 60, gone="w")
        with pytest.raises(LeaseLost):
            await desk.journal.append([SUCCEEDED])
        with pytest.raises(LeaseLost):
            await desk.journal.flush()
        assert [type(each.event) for each in await desk.store.files.events("r", 3)] == []

    at_desk(tmp_path, scenario)


def test_a_store_that_does_not_say_when_is_asked(tmp_path: Path) -> None:
    class Old(Watched):
        async def append(self, *what: Any, **more: Any) -> int:
            return int(await super().append(*what, **more))

    async def scenario(desk: Desk) -> None:
        desk.store.__class__ = Old
        desk.journal.hold([ANSWERED])
        await desk.journal.append([SUCCEEDED])
        assert desk.store.reads == 1
        assert await desk.story() == ["ModelAnswered", "Succeeded"]

    at_desk(tmp_path, scenario)


def test_what_is_being_written_is_known_when_a_write_that_was_begun_before_it_ends_first(tmp_path: Path) -> None:
    """Else the driver takes the next step as if it had not happened: a call that was answered is made again."""

    async def scenario(desk: Desk) -> None:
        begun, arrived, left = list[int](), asyncio.Event(), [asyncio.Event(), asyncio.Event()]

        async def before() -> None:
            begun.append(1)
            place = len(begun) - 1
            if place == 1:
                arrived.set()
            await left[place].wait()

        desk.store.before = before
        first = asyncio.create_task(desk.journal.append([UserSpoke("1", "user:ann")]))
        while not begun:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0)
        desk.journal.hold([ANSWERED])
        await arrived.wait()  # it is being written, and nothing is held any more
        left[0].set()
        await first
        assert any(message == MESSAGE for message in desk.journal.run.messages)
        left[1].set()
        await desk.journal.flush()
        assert sorted(await desk.story()) == ["ModelAnswered", "UserSpoke"]

    at_desk(tmp_path, scenario)
