"""Who works in a thread of ours says so for as long as it takes."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from gateway import lingering
from gateway.apart import WORKING
from gateway.store.ledger import Ledger
from gateway.store.writer import Writer


class Work:
    """What a thread has to do; it has `begun`, and waits at a gate."""

    def __init__(self) -> None:
        self._loop, self.begun, self.gate = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def do(self, _db: Ledger | None = None) -> str:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.gate.wait(60)
        return "done"


def test_a_thread_of_the_loops_works_until_it_has_ended() -> None:
    async def scenario() -> None:
        work = Work()
        task = asyncio.create_task(asyncio.to_thread(work.do))
        await work.begun.wait()
        assert len(WORKING) == 1
        work.gate.set()
        assert await task == "done"
        assert not WORKING

    with asyncio.Runner(loop_factory=lingering.loop) as runner:
        runner.run(scenario())


def test_a_store_works_while_anything_is_handed_to_its_thread(tmp_path: Path) -> None:
    async def scenario(writer: Writer) -> None:
        first, second = Work(), Work()
        assert not WORKING
        one = asyncio.create_task(writer.run(first.do))
        await first.begun.wait()
        other = asyncio.create_task(writer.run(second.do))
        await asyncio.sleep(0)
        first.gate.set()
        assert await one == "done"
        assert {writer} == WORKING  # the other one was put behind it
        second.gate.set()
        assert await other == "done"
        assert not WORKING

    connect = partial(sqlite3.connect, tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    with closing(Writer(connect)) as writer:
        asyncio.run(scenario(writer))
