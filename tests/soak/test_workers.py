"""Three workers and two gateways on one PostgreSQL, a worker killed (-9) every second: all runs end, none twice.

    ./dev test --all tests/soak/test_workers.py       # 1,000 runs; TOOLGATE_SOAK_RUNS says how many

People agree to one call of each run. A call of which nobody knows whether it was made is settled by what its server has
written down. What is checked at the end is read off the events and off that server's file, not off what workers said.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from gateway.call import Subject
from gateway.config import load_config
from gateway.events import Admitted, Decided, Recorded, Resolution, Resolved, Started
from gateway.offline import Offline, open_offline
from gateway.run import ENDED, Run, fold
from gateway.store import run_account
from gateway.submitting import Submission, submit
from tests.fixtures.parts import arrivals
from tests.fixtures.project import Project
from tests.fixtures.told import tell
from tests.soak.test_soak import SEED

ROOT = Path(__file__).parents[2]
WORKERS, GATEWAYS, PATIENCE = 3, 2, 1500.0  # seconds
SCRIPT = """\
steps:
  - call: {tool: desk/put, args: {word: a}}
  - call: {tool: desk/send, args: {word: b}}
  - say: Done.
"""
POLICY = """\
p, *, *, desk/put, call, , allow, it may
p, *, *, desk/send, call, , allow, it may
p, *, *, desk/send, call, , ask, somebody looks at it first
p, user:bob, *, */*, approve, , allow, bob may"""


def project(folder: Path, url: str) -> Project:
    script = str(ROOT / "tests" / "fixtures" / "tally_server.py")
    desk = {"command": sys.executable, "args": ["-S", script, str(folder / "arrivals.jsonl")]}
    (folder / "script.yaml").write_text(SCRIPT, encoding="utf-8")
    toml = (
        f'store = "{url}"\n[identity]\nuser = "user:ann"\n[servers.desk]\ntrusted = true\n[agents.desk]\n'
        f'model = "scripted:{folder / "script.yaml"}"\n[queue]\nconcurrency = 8\ngrace = 1\n'
    )
    return Project.of(folder / "project", {"desk": desk}, toml, POLICY)


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Crew:
    """Workers, each of which is replaced as soon as it is dead."""

    def __init__(self, made: Project, chance: random.Random) -> None:
        self._made, self._chance, self._stack = made, chance, contextlib.ExitStack()
        self._crew: list[subprocess.Popen[bytes]] = []
        self.killed = 0

    def __enter__(self) -> Self:
        self._crew = [self._hired() for _ in range(WORKERS)]
        for _ in range(GATEWAYS):
            self._stack.enter_context(running(self._made.command("serve", "--port", "0"), self._made.folder / "log"))
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def _hired(self) -> "subprocess.Popen[bytes]":
        return self._stack.enter_context(running(self._made.command("worker"), self._made.folder / "log"))

    def kill_one(self) -> None:
        place = self._chance.randrange(WORKERS)
        self._crew[place].kill()
        self._crew[place] = self._hired()
        self.killed += 1


class People:
    """They answer what is asked, and say what became of calls in doubt."""

    def __init__(self, folder: Path, offline: Offline) -> None:
        self._folder, self._offline, self.settled = folder, offline, 0

    async def attend(self, left: set[str]) -> None:
        store = self._offline.store
        for asked in await store.approvals(limit=10_000):
            await store.decide(asked.id, "approved", "user:bob", "")
        rows = await store.run_rows(10_000)
        for run_id in left & {row.id for row in rows if row.status == "waiting"}:
            run = await self._offline.run(run_id)
            for call in run.calls.values():
                if call.status == "doubted":
                    happened: Resolution = "happened" if self._arrived(run.id, call.key) else "did_not_happen"
                    await store.append(run.id, [Resolved(call.key, happened, "user:bob", "I looked")], lease=None)
                    self.settled += 1

    def _arrived(self, run_id: str, key: str) -> bool:
        return any(each["meta"]["toolgate/idempotency-key"] == f"{run_id}/{key}" for each in arrivals(self._folder))


async def unended(offline: Offline, left: set[str]) -> set[str]:
    rows = await offline.store.run_rows(10_000)
    return left - {row.id for row in rows if row.status in ENDED}


async def driven(folder: Path, url: str, count: int) -> str:
    chance, made = random.Random(SEED), project(folder, url)  # noqa: S311 - who dies is no secret
    with open_offline(load_config(made.folder, dict(os.environ))) as offline, Crew(made, chance) as crew:
        people, began = People(folder, offline), time.monotonic()
        ann = Subject("user:ann", "default", "agent:desk")
        left = {await submit(offline, Submission("Go.", ann)) for _ in range(count)}
        runs, killed_at = set(left), began
        while left and time.monotonic() - began < PATIENCE:
            await people.attend(left)
            if time.monotonic() - killed_at > chance.uniform(0.5, 1.5):
                crew.kill_one()
                killed_at = time.monotonic()
            await asyncio.sleep(0.1)
            left = await unended(offline, left)
        assert not left, f"{len(left)} of {count} runs did not end"
        seconds = time.monotonic() - began
        for run_id in runs:
            await check(offline, folder, run_id)
    keys = Counter(each["meta"]["toolgate/idempotency-key"] for each in arrivals(folder, "send"))
    assert set(keys) == {f"{run_id}/t2/call/1" for run_id in runs}
    assert set(keys.values()) == {1}, "a call that may not be repeated was made twice"
    return f"{count} runs in {seconds:.0f} s, {crew.killed} workers killed, {people.settled} calls settled, seed {SEED}"


async def check(offline: Offline, folder: Path, run_id: str) -> None:
    events = await offline.store.events(run_id)
    run: Run = fold(run_id, events)
    assert (run.status, run.output) == ("succeeded", "Done."), run.cause
    assert [each.seq for each in events] == [*range(1, len(events) + 1)]
    told = replace(run.spend + run.reserved, millis=0)
    assert await offline.store.spend(run_account(run_id)) == told
    row = await offline.store.run_row(run_id)
    assert row.owner is None, "somebody holds on to a run that has ended"
    assert_linear(events)


def assert_linear(events: Sequence[Recorded]) -> None:
    """One driver at a time: what one began, no other has recorded; and what was asked was answered once."""
    told = [each.event for each in events]
    decided = [event for event in told if isinstance(event, Decided)]
    assert len({event.approval_id for event in decided}) == len(decided) == 1
    attempts = [event.attempt for event in told if isinstance(event, Admitted) and event.path == "desk/send"]
    assert attempts == [*range(1, len(attempts) + 1)]
    drivers = [event.worker for event in told if isinstance(event, Started)]
    assert len(set(drivers)) == len(drivers), "two drives under one name"


@pytest.mark.soak
def test_a_thousand_runs_end_whoever_dies(tmp_path: Path, url: str) -> None:
    tell(f"workers: {asyncio.run(driven(tmp_path, url, int(os.environ.get('TOOLGATE_SOAK_RUNS', '1000'))))}")
