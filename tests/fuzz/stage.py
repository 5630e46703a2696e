"""A served gateway with puppets and one good server behind it, for the length of a fuzz test."""

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.events import Admitted
from gateway.store.sqlite import SqliteStore
from tests.fixtures.project import Project, Served
from tests.soak.client import Client
from tests.soak.line import Answer, Line

__all__ = ["PUPPETS", "SEED", "Stage", "opened", "readable", "rounds", "the_answer"]

HERE = Path(__file__).parent
SEED = int(os.environ.get("TOOLGATE_SEED", "1"))
SECONDS = 20
SECRET = "canary-5f1d3c"
PATIENCE = 30.0  # seconds; "at once" is less, but not on every machine

PUPPETS: Mapping[str, tuple[str, str]] = {
    "pipe1": ("stdio", "legacy"),
    "pipe2": ("stdio", "modern"),
    "web1": ("http", "legacy"),
    "web2": ("http", "modern"),
}
POLICY = """\
p, *, *, */*,      call, , allow, whatever it is
p, *, *, */denied, call, , deny,  nobody may
p, *, *, */held,   call, , ask,   a person looks at it first"""


def rounds(most: int) -> Iterator[int]:
    """0, 1, 2 ...: so many at most, and no more than begin within 20 seconds; TOOLGATE_FUZZ times as many, and as long.

    The first rounds of a seed are always the same, however many there is time for.
    """
    times = float(os.environ.get("TOOLGATE_FUZZ", "1"))
    until = time.monotonic() + SECONDS * times
    return itertools.takewhile(lambda number: number < 3 or time.monotonic() < until, range(round(most * times)))


def readable(text: str) -> Any:
    """The JSON in a text from the gateway, which is strict, and has nothing in it that is nobody's business."""
    assert "Traceback" not in text, text
    assert SECRET not in text, text
    value = json.loads(text, parse_constant=_no_constant)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _no_constant(odd: str) -> None:
    raise AssertionError(f"{odd} is not JSON")


@dataclass
class Stage:
    folder: Path
    project: Project
    served: Served
    _good: Client | None = None
    _count: int = 0

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.served.url)
        return str(parts.hostname), int(parts.port or 0)

    def line(self) -> Line:
        return Line(*self.place)

    async def client(self, era: str) -> Client:
        client = Client(self.line(), era, f"fuzz-{era}")
        await client.introduce()
        return client

    async def still_serves(self) -> None:
        """Whoever behaves is answered at once."""
        assert self.served.process.poll() is None, self.project.log[-5000:]
        self._good = self._good or await self.client("modern")
        self._count += 1
        nonce = f"n-0-{self._count}-00000000"
        async with asyncio.timeout(PATIENCE):
            answer = await self._good.request("tools/call", {"name": "good__echo", "arguments": {"nonce": nonce}})
        assert answer.last["result"]["structuredContent"] == {"nonce": nonce}, answer

    async def close(self) -> None:
        if self._good is not None:
            self._good.line.drop()
        await asyncio.sleep(0)  # for the transport to go

    def arrivals(self) -> Sequence[Mapping[str, Any]]:
        """Every call that reached a puppet: `{"server", "tool", "arguments", "meta"}`."""
        files = [self.folder / f"{name}.jsonl" for name in PUPPETS]
        lines = [(f.stem, line) for f in files if f.exists() for line in f.read_text(encoding="utf-8").splitlines()]
        return [{"server": server, **json.loads(line)} for server, line in lines]

    async def unadmitted(self) -> Sequence[str]:
        """What arrived without having been admitted, exactly as it was admitted, and once."""
        store = SqliteStore(self.project.folder / ".toolgate" / "toolgate.db")
        try:
            admitted = await _admitted(store)
        finally:
            store.close()
        found = []
        for arrived in self.arrivals():
            rounds_of_it = admitted.get(arrived["meta"].get("toolgate/idempotency-key"), [])
            event = rounds_of_it.pop() if rounds_of_it else None
            same = event and json.loads(event.arguments) == arrived["arguments"]
            if event is None or not same or event.path != f"{arrived['server']}/{arrived['tool']}":
                found.append(f"{arrived} is not what was admitted: {event}")
        return found


async def _admitted(store: SqliteStore) -> Mapping[str, list[Admitted]]:
    """By idempotency key: each round of a call that wanted input is admitted."""
    rows = await store.run_rows(1_000_000)
    runs = [(row.id, recorded.event) for row in rows for recorded in await store.events(row.id)]
    found: dict[str, list[Admitted]] = {}
    for run, event in runs:
        if isinstance(event, Admitted):
            found.setdefault(f"{run}/{event.key}", []).append(event)
    return found


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """At the end everything that arrived must have been admitted, and the log must be without a traceback."""
    with contextlib.ExitStack() as stack:
        entries = {name: _entry(stack, folder / f"{name}.jsonl", *kind) for name, kind in PUPPETS.items()}
        good = ["-S", str(HERE.parent / "soak" / "nonce_server.py"), "stdio", "--era", "modern"]
        entries["good"] = {"command": sys.executable, "args": [*good, "--ledger", str(folder / "good.jsonl")]}
        words = "".join(f'[servers.{n}]\nera = "{k[1]}"\ncall_timeout = 0.5\n' for n, k in PUPPETS.items())
        project = Project.of(folder / "project", entries, words, POLICY)
        stage = Stage(folder, project, stack.enter_context(project.serve()))
        yield stage
        assert stage.served.process.poll() is None
        found = asyncio.run(stage.unadmitted())
        assert not found, "\n".join(found[:10])
        assert "Traceback" not in project.log, project.log[-10000:]


def _entry(stack: contextlib.ExitStack, ledger: Path, transport: str, era: str) -> Mapping[str, Any]:
    command = [sys.executable, "-S", str(HERE / "puppet.py"), transport, "--era", era, "--ledger", str(ledger)]
    if transport == "stdio":
        return {"command": command[0], "args": command[1:], "env": {"TOKEN": SECRET}}
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    assert process.stdout is not None
    return {"type": "http", "url": process.stdout.readline().strip(), "headers": {"authorization": f"Bearer {SECRET}"}}


def the_answer(answer: Answer, number: int) -> Mapping[str, Any]:
    """The JSON-RPC response in it, which is well-formed and to this very request."""
    readable(answer.text if answer.text.startswith("{") else json.dumps(answer.last))
    assert answer.last.get("id") == number, answer
    assert ("result" in answer.last) != ("error" in answer.last), answer
    return answer.last
