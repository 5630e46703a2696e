"""Who is answered at once does not sleep; who waits in vain does."""

import asyncio
import os
import selectors
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from gateway import lingering
from gateway.apart import WORKING
from gateway.lingering import MOST, SECONDS, Lingering

HOUR = 3600.0
Look = float | None


class Silent(selectors.DefaultSelector):
    """Says what was asked of it, and that nothing is there but in the answers given to it, one for each look. To be
    woken takes as long as `asleep` says, and to look a fifth of what is looked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.asleep = 0.0, HOUR
        self.looks: list[Look] = []
        self.there: list[bool] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.looks.append(timeout)
        self.now += SECONDS / 5 if timeout == 0 else self.asleep
        found = self.there.pop(0) if self.there else False
        return [(selectors.SelectorKey(0, 0, 1, None), 1)] if found else []


class Watched(Lingering, Silent):
    """`Lingering` over a `Silent` one."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)

    def looked(self, there: list[bool], timeout: Look = None) -> list[Look]:
        """How it was looked, until it was found or slept once."""
        self.looks, self.there = [], there
        self.select(timeout)
        return self.looks


@contextmanager
def watched(unlucky: int = 0) -> Iterator[Watched]:
    with closing(Watched()) as selector:
        for _ in range(unlucky):
            selector.select(None)
        yield selector


def test_the_stand_in_is_asked_in_the_place_of_pythons_own() -> None:
    assert Watched.__mro__[1:4] == (Lingering, Silent, selectors.DefaultSelector)


def test_what_is_there_within_the_time_is_found_without_sleeping() -> None:
    with watched() as selector:
        assert selector.looked([True]) == [0]
        assert selector.looked([False, False, False, True]) == [0, 0, 0, 0]


@pytest.mark.parametrize("timeout", [None, 1.0])
def test_what_is_not_is_waited_for_as_long_as_it_may_take(timeout: Look) -> None:
    with watched() as selector:
        assert selector.looked([False] * 5, timeout) == [0, 0, 0, 0, 0, timeout]


def test_nobody_looks_for_longer_than_he_would_wait() -> None:
    with watched() as selector:
        assert selector.looked([], SECONDS / 5) == [0, SECONDS / 5]


@pytest.mark.parametrize("timeout", [0, -1])
def test_who_does_not_want_to_wait_is_answered_at_once(timeout: float) -> None:
    with watched() as selector:
        assert selector.looked([], timeout) == [timeout]


def test_after_some_times_in_vain_it_sleeps_at_once() -> None:
    with watched(MOST - 1) as selector:
        assert len(selector.looked([])) > 1
        assert selector.looked([]) == [None]


def test_who_finds_something_has_all_his_luck_again() -> None:
    with watched(MOST - 1) as selector:
        selector.looked([True])
        for _ in range(MOST):
            assert len(selector.looked([])) > 1
        assert selector.looked([]) == [None]


def test_who_is_woken_early_looks_again_and_who_is_woken_late_does_not() -> None:
    with watched(MOST) as selector:
        assert selector.looked([True]) == [None]
        assert selector.looked([True]) == [None]
        selector.asleep = SECONDS  # looking would have found it
        assert selector.looked([True]) == [None]
        assert selector.looked([True]) == [0]


def test_who_is_woken_early_by_nothing_but_the_clock_does_not_look() -> None:
    with watched(MOST) as selector:
        selector.asleep = SECONDS
        assert selector.looked([]) == selector.looked([]) == [None]


def test_who_waits_for_a_thread_of_ours_sleeps_at_once_and_keeps_his_luck() -> None:
    with watched() as selector:
        WORKING.add(selector)
        try:
            assert [selector.looked([]) for _ in range(2 * MOST)] == [[None]] * 2 * MOST
        finally:
            WORKING.discard(selector)
        assert selector.looked([True]) == [0]


def test_a_loop_of_it_serves_sockets_timers_threads_and_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "_processors", lambda: 2)

    async def scenario() -> str:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"there\n")
        said = [(await reader.readline()).decode().strip()]
        writer.close()
        server.close()
        await asyncio.sleep(2 * SECONDS)
        said.append(await asyncio.to_thread(lambda: "in a thread"))
        program = await asyncio.create_subprocess_exec("echo", "and back", stdout=asyncio.subprocess.PIPE)
        said.append((await program.communicate())[0].decode().strip())
        return ", ".join(said)

    with asyncio.Runner(loop_factory=lingering.loop) as runner:
        assert isinstance(vars(runner.get_loop())["_selector"], Lingering)
        assert runner.run(asyncio.wait_for(scenario(), 60)) == "there, in a thread, and back"


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    writer.close()


@pytest.mark.parametrize("affinity", [True, False])
def test_one_processor_is_left_to_whoever_is_waited_for(affinity: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if affinity:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    else:
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with closing(lingering.loop()) as own:
        assert not isinstance(vars(own)["_selector"], Lingering)
