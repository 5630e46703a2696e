"""A process that was told to end ends: by itself, or when its time is over."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
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
        with Leaving(gone) as leaving:
            leaving.by(begun.set, 0.0)()
            assert await asyncio.to_thread(gone.happened.wait, WAIT)  # what it has to do is never over

    asyncio.run(scenario())
    assert (begun.is_set(), gone.code) == (True, 1)
    assert "a commit waits for a synchronous replica that is gone" in capsys.readouterr().err


def test_the_second_signal_gives_no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    gone = Exit()

    async def scenario() -> None:
        with Leaving(gone) as leaving:
            stop = leaving.by(lambda: None, LONG)
            stop()
            assert not gone.happened.is_set()
            stop()
            assert await asyncio.to_thread(gone.happened.wait, WAIT)

    asyncio.run(scenario())


def test_who_ends_by_himself_is_left_alone() -> None:
    gone, before = Exit(), timers()

    async def scenario() -> threading.Thread:
        with Leaving(gone) as leaving:
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


def lose_the_replica(url: str) -> None:
    """Returns when whoever commits waits: the server's processes read their new settings each in its own time."""
    standing_by(url, "gone")
    with psycopg.connect(url, autocommit=True) as looking, psycopg.connect(url, autocommit=True) as writing:
        thread = threading.Thread(target=commit_until_cut_off, args=(writing,))
        thread.start()
        pid, until = writing.info.backend_pid, time.monotonic() + WAIT
        waits = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
        try:
            while looking.execute(waits, (pid,)).fetchone() is None:
                assert time.monotonic() < until, "no commit waits"
        finally:
            looking.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            thread.join(WAIT)


def commit_until_cut_off(connection: "psycopg.Connection[Any]") -> None:
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            connection.execute("SELECT pg_logical_emit_message(true, '', '')")


BEGIN = "from gateway.cli import leaving, main; leaving.PATIENCE = 0.0; main()"
IMPATIENT = "[queue]\ngrace = 0.001\n[serve]\ngrace = 0.001\n"


def begun(project: Project, *words: str) -> "subprocess.Popen[str]":
    """Of a command, with no patience at all."""
    command, pipe = [sys.executable, "-c", BEGIN, *project.command(*words)[3:]], subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("more", [(), ("--workers", "1")], ids=["without workers", "with workers"])
def test_a_gateway_that_is_to_stop_while_a_commit_waits_for_a_lost_replica_ends(
    alone: str, postgres: Server, tmp_path: Path, more: tuple[str, ...]
) -> None:
    project = Project.of(tmp_path / "project", {}, f'store = "{alone}"\n{IMPATIENT}')
    with begun(project, "serve", "--port", "0", "--json", *more) as gateway:
        try:
            assert gateway.stdout is not None
            assert gateway.stderr is not None
            assert "url" in gateway.stdout.readline()
            lose_the_replica(postgres.url())
            gateway.send_signal(signal.SIGTERM)
            assert gateway.wait(WAIT) == 1
            assert "a commit waits for a synchronous replica that is gone" in gateway.stderr.read()
        finally:
            gateway.kill()


def test_a_gateway_whose_client_is_gone_ends_all_the_same(alone: str, postgres: Server, tmp_path: Path) -> None:
    """No signal comes to it: its stdin has an end."""
    project = Project.of(tmp_path / "project", {}, f'store = "{alone}"\n{IMPATIENT}')
    with begun(project, "serve", "--stdio") as gateway:
        try:
            assert gateway.stdin is not None
            assert gateway.stdout is not None
            assert gateway.stderr is not None
            gateway.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
            gateway.stdin.flush()
            assert "jsonrpc" in gateway.stdout.readline()
            lose_the_replica(postgres.url())
            gateway.stdin.close()
            assert gateway.wait(WAIT) == 1
            assert "a commit waits for a synchronous replica that is gone" in gateway.stderr.read()
        finally:
            gateway.kill()


def test_a_worker_that_is_to_stop_while_a_commit_waits_for_a_lost_replica_ends(
    alone: str, postgres: Server, tmp_path: Path
) -> None:
    """It takes leave of the store, which the server never acknowledges."""
    project = Project.of(tmp_path / "project", {}, f'store = "{alone}"\n[queue]\ngrace = 0.001\n')
    with begun(project, "worker") as worker:
        try:
            assert worker.stderr is not None
            assert "Ctrl-C lets them go" in worker.stderr.readline()
            lose_the_replica(postgres.url())
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(WAIT) == 1
            assert "a commit waits for a synchronous replica that is gone" in worker.stderr.read()
        finally:
            worker.kill()
