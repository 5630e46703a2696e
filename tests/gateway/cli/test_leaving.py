"""A process that was told to end ends: by itself, or when its time is over."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import leaving as module
from gateway.cli.leaving import Leaving
from tests.fixtures.postgres import Server
from tests.fixtures.project import Project
from tests.fixtures.stores import execute

LONG = 3600.0
WAIT = 60.0  # seconds, for what comes at once


class Exit:
    """What it does in the end, instead of ending this process."""

    def __init__(self) -> None:
        self.code, self.happened = -1, threading.Event()

    def __call__(self, code: int) -> None:
        self.code = code
        self.happened.set()


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_who_does_not_come_to_the_end_goes_as_if_killed_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    gone, begun = Exit(), threading.Event()

    async def scenario() -> None:
        async with Leaving(gone) as leaving:
            leaving.by(begun.set, 0.0)()
            assert await asyncio.to_thread(gone.happened.wait, WAIT)  # what it has to do is never over

    asyncio.run(scenario())
    assert (begun.is_set(), gone.code) == (True, 1)
    assert "a commit waits for a synchronous replica that is gone" in capsys.readouterr().err


def test_the_second_signal_gives_no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    gone = Exit()

    async def scenario() -> None:
        async with Leaving(gone) as leaving:
            stop = leaving.by(lambda: None, LONG)
            stop()
            assert not gone.happened.is_set()
            stop()
            assert await asyncio.to_thread(gone.happened.wait, WAIT)

    asyncio.run(scenario())


def test_who_ends_by_himself_is_left_alone() -> None:
    gone, before = Exit(), timers()

    async def scenario() -> threading.Thread:
        async with Leaving(gone) as leaving:
            leaving.by(lambda: None, LONG)()
            (timer,) = [each for each in timers() if each not in before]
        return timer

    timer = asyncio.run(scenario())
    timer.join(WAIT)
    assert not timer.is_alive()
    assert not gone.happened.is_set()


@pytest.fixture
def alone(postgres: Server) -> Iterator[str]:
    """A store whose server will wait for a replica that is gone, from `gone` on."""
    yield postgres.emptied()
    standing_by(postgres.url(), "")


def standing_by(url: str, name: str) -> None:
    execute(url, f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    execute(url, "SELECT pg_reload_conf()")


def test_a_worker_that_is_to_stop_while_a_commit_waits_for_a_lost_replica_ends(
    alone: str, postgres: Server, tmp_path: Path
) -> None:
    """It takes leave of the store, which the server never acknowledges."""
    project = Project.of(tmp_path / "project", {}, f'store = "{alone}"\n[queue]\ngrace = 0.001\n')
    begin = "from gateway.cli import leaving, main; leaving.PATIENCE = 0.0; main()"
    command = [sys.executable, "-c", begin, *project.command("worker")[3:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        try:
            assert worker.stderr is not None
            assert "Ctrl-C lets them go" in worker.stderr.readline()
            standing_by(postgres.url(), "gone")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(WAIT) == 1
            assert "a commit waits for a synchronous replica that is gone" in worker.stderr.read()
        finally:
            worker.kill()
