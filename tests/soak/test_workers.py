"""Three workers and two gateways on one PostgreSQL, a worker killed (-9) every second: all runs end, none twice.

    ./dev test --all tests/soak/test_workers.py       # 1,000 runs; TOOLGATE_SOAK_RUNS says how many

People agree to one call of each run, at one of the gateways. A call of which nobody knows whether it was made is
settled by what its server has written down. What is checked at the end is read off the events, off that server's file
and off what the database noted of each lease (`tests.soak.ownership`), not off what workers said.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from gateway.approval import Approval
from gateway.call import Subject
from gateway.config import load_config
from gateway.events import Decided, Resolution, Resolved, Started
from gateway.offline import Offline, open_offline
from gateway.run import Run, fold
from gateway.store import run_account
from gateway.submitting import Submission, submit
from tests.fixtures.parts import arrivals
from tests.fixtures.project import Project
from tests.fixtures.told import tell
from tests.soak.forking import Nest, opened
from tests.soak.history import history, named, noted
from tests.soak.ownership import flaws
from tests.soak.test_soak import SEED
from tests.soak.world import descendants

ROOT = Path(__file__).parents[2]
WORKERS, GATEWAYS = 3, 2
PATIENCE = 3000.0  # seconds: only runs that hang take them
AT_ONCE = 50  # runs that are submitted together
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
        f'model = "scripted:{folder / "script.yaml"}"\n[queue]\nconcurrency = 8\ngrace = 1\n[approvals]\nhttp = true\n'
    )
    return Project.of(folder / "project", {"desk": desk}, toml, POLICY)


class Crew:
    """Workers, each of which is replaced as soon as it is dead; and gateways, which stay."""

    def __init__(self, made: Project, url: str, nest: Nest) -> None:
        self._made, self._url, self._nest, self._numbers = made, url, nest, itertools.count(1)
        self._crew = [self._hired() for _ in range(WORKERS)]
        self.gateways = [self._served(f"gateway-{number}") for number in range(1, GATEWAYS + 1)]
        self._orphans: set[tuple[int, str]] = set()  # servers of the dead: they read what is in their pipes, and end
        self.killed = 0

    def _begun(self, name: str, *command: str, **more: str) -> int:
        environ = {"TOOLGATE_STORE__URL": named(self._url, name), **more}
        return self._nest.begin(self._made.command(*command)[3:], environ, self._made.folder / f"{name}.log")

    def _hired(self) -> int:
        return self._begun(f"worker-{next(self._numbers)}", "worker")

    def _served(self, name: str) -> int:
        return self._begun(name, "serve", "--port", "0", "--json", TOOLGATE_IDENTITY__USER="user:bob")

    async def addresses(self) -> Sequence[str]:
        """`host:port` of each gateway, once it listens."""
        return [urlsplit(await _url_in(log)).netloc for log in sorted(self._made.folder.glob("gateway-*.log"))]

    async def die(self, chance: random.Random) -> None:
        """One after the other, as they come."""
        while True:
            await asyncio.sleep(chance.uniform(0.5, 1.5))
            place = chance.randrange(WORKERS)
            self._orphans |= {(pid, _life(pid)) for pid in descendants(self._crew[place])}
            self._nest.kill(self._crew[place])
            self._crew[place] = self._hired()
            self.killed += 1

    async def buried(self) -> None:
        """Returns when nothing can arrive any more of what those have sent who are dead by now."""
        dead = left = set(self._orphans)
        while left:
            left = {(pid, life) for pid, life in left if life and _life(pid) == life}
            await asyncio.sleep(0.01)
        self._orphans -= dead


def _life(pid: int) -> str:
    """Tells a process from the next one of its number; nothing when it does not live, be it that nobody buried it."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if told[0] == "Z" else told[19]


async def _url_in(log: Path) -> str:
    while True:
        said = [line for line in _lines(log) if line.startswith('{"url"')]
        if said:
            return str(json.loads(said[0])["url"])
        await asyncio.sleep(0.05)


def _lines(log: Path) -> Sequence[str]:
    return log.read_text(encoding="utf-8").split("\n")[:-1]


class People:
    """They answer what is asked, at one gateway or the other, and say what became of calls in doubt."""

    def __init__(self, folder: Path, offline: Offline, crew: Crew, lines: Sequence[http.client.HTTPConnection]) -> None:
        self._folder, self._offline, self._crew, self._lines = folder, offline, crew, lines
        self.answered = self.settled = 0

    async def attend(self, resting: Sequence[str]) -> None:
        asked = await self._offline.store.approvals(limit=10_000)
        share = [asked[number :: len(self._lines)] for number in range(len(self._lines))]
        await asyncio.gather(*map(asyncio.to_thread, itertools.repeat(_answer), self._lines, share))
        self.answered += len(asked)
        doubted = [(run.id, key) for run_id in resting for run, key in await self._doubts(run_id)]
        if not doubted:
            return
        await self._crew.buried()
        arrived = {each["meta"]["toolgate/idempotency-key"] for each in arrivals(self._folder)}
        for run_id, key in doubted:
            happened: Resolution = "happened" if f"{run_id}/{key}" in arrived else "did_not_happen"
            resolved = Resolved(key, happened, "user:bob", "I looked")
            await self._offline.store.append(run_id, [resolved], lease=None)
        self.settled += len(doubted)

    async def _doubts(self, run_id: str) -> Sequence[tuple[Run, str]]:
        run = await self._offline.run(run_id)
        return [(run, call.key) for call in run.calls.values() if call.status == "doubted"]


def _answer(line: http.client.HTTPConnection, asked: Sequence[Approval]) -> None:
    for one in asked:
        said = json.dumps({"decision": "approved", "digest": one.digest})
        line.request("POST", f"/approvals/{one.id}", said, {"content-type": "application/json"})
        answer = line.getresponse()
        told = answer.read()
        assert answer.status == 200, told


class Look:
    """At the store, by a connection that only reads."""

    def __init__(self, url: str) -> None:
        self._db = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._db.close()

    def left(self) -> int:
        """Runs that have not ended."""
        return int(self._rows("SELECT count(*) FROM runs WHERE status NOT IN ('succeeded', 'failed', 'cancelled')")[0])

    def resting(self) -> Sequence[str]:
        """Runs that somebody must do something about."""
        return self._rows("SELECT run_id FROM jobs WHERE state = 'rests' AND taken = 0")

    def stuck(self) -> str:
        """The jobs that are left, and how they stand."""
        what = "run_id, state, taken, attempts, ready, runs.status, owner, epoch, lease_until"
        rows = self._db.execute(f"SELECT {what} FROM jobs JOIN runs ON runs.id = run_id LIMIT 10".encode())  # noqa: S608
        return "; ".join(str(row) for row in rows)

    def _rows(self, sql: str) -> list[str]:
        return [row[0] for row in self._db.execute(sql.encode())]


async def driven(folder: Path, url: str, count: int) -> str:
    chance, made = random.Random(SEED), project(folder, noted(url))  # noqa: S311 - who dies is no secret
    with contextlib.ExitStack() as stack:
        environ = {**os.environ, "TOOLGATE_STORE__URL": named(url, "people")}
        offline = stack.enter_context(open_offline(load_config(made.folder, environ)))
        look, nest = stack.enter_context(contextlib.closing(Look(url))), stack.enter_context(opened())
        crew = Crew(made, url, nest)
        at = [http.client.HTTPConnection(address, timeout=PATIENCE) for address in await crew.addresses()]
        people, began = (
            People(folder, offline, crew, [*map(stack.enter_context, map(contextlib.closing, at))]),
            time.monotonic(),
        )
        death = asyncio.create_task(crew.die(chance))
        try:
            runs = await submitted(offline, count)
            while (left := look.left()) and time.monotonic() - began < PATIENCE and not death.done():
                await people.attend(look.resting())
                await asyncio.sleep(0.1)
        finally:
            death.cancel()
        seconds = time.monotonic() - began
        assert not left, f"{left} of {count} runs did not end: {look.stuck()}"
        drivers = [await check(offline, run_id) for run_id in runs]
    check_arrivals(folder, runs)
    assert flaws(history(url)) == []
    return (
        f"{count} runs in {seconds:.0f} s, {crew.killed} workers killed, {people.answered} answers, {people.settled}"
        f" calls settled, {sum(drivers)} drivers (of one run at most {max(drivers)}), seed {SEED}"
    )


async def submitted(offline: Offline, count: int) -> Sequence[str]:
    ann, runs = Subject("user:ann", "default", "agent:desk"), list[str]()
    while len(runs) < count:
        some = min(AT_ONCE, count - len(runs))
        runs += await asyncio.gather(*(submit(offline, Submission("Go.", ann)) for _ in range(some)))
    return runs


async def check(offline: Offline, run_id: str) -> int:
    """Returns how many have driven it."""
    events = await offline.store.events(run_id)
    run = fold(run_id, events)
    assert (run.status, run.output) == ("succeeded", "Done."), run.cause
    assert await offline.store.spend(run_account(run_id)) == replace(run.spend + run.reserved, millis=0)
    row = await offline.store.run_row(run_id)
    assert row.owner is None, "somebody holds on to a run that has ended"
    told = [each.event for each in events]
    answers = Counter(event.approval_id for event in told if isinstance(event, Decided))
    again = [event for event in told if isinstance(event, Resolved) and event.resolution == "did_not_happen"]
    assert set(answers.values()) == {1}
    assert len(answers) == 1 + len(again), "what did not happen is judged again, and nothing else is asked twice"
    return sum(isinstance(event, Started) for event in told)


def check_arrivals(folder: Path, runs: Sequence[str]) -> None:
    keys = Counter(each["meta"]["toolgate/idempotency-key"] for each in arrivals(folder, "send"))
    assert set(keys) == {f"{run_id}/t2/call/1" for run_id in runs}
    assert set(keys.values()) == {1}, "a call that may not be repeated was made twice"


@pytest.mark.soak
def test_a_thousand_runs_end_whoever_dies(tmp_path: Path, url: str) -> None:
    tell(f"workers: {asyncio.run(driven(tmp_path, url, int(os.environ.get('TOOLGATE_SOAK_RUNS', '1000'))))}")
