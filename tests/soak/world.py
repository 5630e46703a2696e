"""What the soak runs against: `toolgate serve` as a child, six servers behind it, and what the system says of them."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fixtures.project import Project

__all__ = ["SERVERS", "Gateway", "Server", "Vitals", "opened"]

HERE = Path(__file__).parent
PATIENCE = 60.0

POLICY = """\
p, *, *, */*,       call,                     , allow, whatever it is
p, *, *, */danger,  call,                     , deny,  nobody may
p, *, *, */checked, call, args.size > 1000    , deny,  that is too much
p, *, *, */hold,    call,                     , ask,   a person looks at it first
p, *, *, */*,       read,                     , allow, whatever it is
p, *, *, */*,       get,                      , allow, whatever it is"""

# name -> transport, era; what is called `rock` is never killed, and no failure of its calls is excused
SERVERS: Mapping[str, tuple[str, str]] = {
    "rock1": ("stdio", "legacy"),
    "rock2": ("http", "modern"),
    "sand1": ("stdio", "modern"),
    "sand2": ("stdio", "legacy"),
    "sand3": ("http", "modern"),
    "sand4": ("http", "legacy"),
}


@dataclass
class Server:
    """One of the servers behind the gateway. It is killed, and comes back."""

    name: str
    transport: str
    era: str
    ledger: Path
    port: int = 0
    process: "subprocess.Popen[str] | None" = None  # those over stdio are the gateway's children

    @property
    def mortal(self) -> bool:
        return self.name.startswith("sand")

    @property
    def command(self) -> list[str]:
        own = [sys.executable, "-S", str(HERE / "nonce_server.py"), self.transport, "--era", self.era]
        return [*own, "--ledger", str(self.ledger), "--port", str(self.port)]

    @property
    def entry(self) -> Mapping[str, Any]:
        """As `.mcp.json` has it."""
        if self.transport == "http":
            return {"type": "http", "url": f"http://127.0.0.1:{self.port}/mcp"}
        return {"command": self.command[0], "args": self.command[1:]}

    def start(self) -> None:
        """A server over HTTP, on the port that it had before."""
        if self.transport == "http":
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
            assert self.process.stdout
            self.port = int(self.process.stdout.readline())

    def kill(self, gateway: int) -> bool:
        """`kill -9`; whether there was anybody to kill."""
        pid = self.process.pid if self.process else self._child_of(gateway)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.end()
        return True

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout
            self.process.stdout.close()
            self.process = None

    def _child_of(self, gateway: int) -> int | None:
        mine = (pid for pid in descendants(gateway) if str(self.ledger) in _command_line(pid))
        return next(mine, None)


@dataclass(frozen=True)
class Vitals:
    """What a process holds. `rss` is in bytes; `files` by kind; `tasks` by the coroutine's name.

    `pooled` are its connections to servers, which it keeps for the next call: at most so many as calls at once.
    """

    rss: int
    files: Counter[str]
    pooled: int
    children: int
    tasks: Counter[str]

    def more_than(self, before: "Vitals") -> str:
        """What there is now and was not there before; empty when nothing."""
        found = {
            "files": dict(self.files - before.files),
            "children": max(0, self.children - before.children),
            "tasks": dict(self.tasks - before.tasks),
        }
        return ", ".join(f"{more} {what} more" for what, more in found.items() if more)


@dataclass
class Gateway:
    """The running gateway."""

    project: Project
    process: "subprocess.Popen[str]"
    host: str
    port: int
    servers: list[Server]
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def rss(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    async def vitals(self) -> Vitals:
        pid = self.process.pid
        files = files_of(pid, {server.port for server in self.servers if server.port})
        return Vitals(self.rss, files, files.pop("pooled", 0), len(list(descendants(pid))), await self._tasks())

    async def at_rest(self, before: Vitals | None = None) -> Vitals:
        """When nothing is left of the traffic: nothing more than `before`, or else the same for a second."""
        last, same, until = await self.vitals(), 0, time.monotonic() + PATIENCE
        while time.monotonic() < until and same < 5:
            await asyncio.sleep(0.25)
            now = await self.vitals()
            same = same + 1 if (now.files, now.children, now.tasks) == (last.files, last.children, last.tasks) else 0
            last = now
            if before is not None and not now.more_than(before):
                break
            if before is not None and time.monotonic() < until:
                same = 0
        return last

    async def _tasks(self) -> Counter[str]:
        shown = self.project.folder / "tasks.json"
        shown.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        while not shown.exists():
            assert self.process.poll() is None, self.project.log
            await asyncio.sleep(0.02)
        return Counter(json.loads(shown.read_text(encoding="utf-8")))

    async def weather(self, rng: random.Random, until: float) -> None:
        """Kills a mortal server every now and then until that time (monotonic); they come back."""
        mortal = [server for server in self.servers if server.mortal]
        while time.monotonic() < until:
            await asyncio.sleep(rng.uniform(0.3, 2.0))
            server = rng.choice(mortal)
            if server.kill(self.process.pid):
                self.kills[server.name] += 1
            await asyncio.sleep(rng.uniform(0.0, 1.0))
            if server.process is None:
                server.start()

    def stop(self) -> int:
        """As a service manager stops it; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Gateway]:
    """The gateway, once it listens, with all its servers."""
    servers = [Server(name, *kind, folder / f"{name}.jsonl") for name, kind in SERVERS.items()]
    try:
        for server in servers:
            server.start()
        words = "".join(f'[servers.{s.name}]\nera = "{s.era}"\ntrusted = true\n' for s in servers)
        project = Project.of(folder / "project", {s.name: s.entry for s in servers}, words, POLICY)
        with _serving(project) as (process, url):
            parts = urlsplit(url)
            yield Gateway(project, process, str(parts.hostname), int(parts.port or 0), servers)
    finally:
        for server in servers:
            server.end()


@contextlib.contextmanager
def _serving(project: Project) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    own = {"HOME": str(project.folder), "XDG_CONFIG_HOME": str(project.folder), "XDG_STATE_HOME": str(project.folder)}
    host = [sys.executable, str(HERE / "host.py"), str(project.folder / "tasks.json")]
    command = [*host, *project.command("serve", "--port", "0", "--json")[3:]]
    with (project.folder / "log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | own)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, project.log
            yield process, json.loads(line)["url"]
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def descendants(pid: int) -> Iterator[int]:
    """The processes below this one, the dead that nobody has buried included."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text(encoding="latin-1").rpartition(")")[2].split()[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return iter(sorted(below - {pid}))


def files_of(pid: int, ports: set[int]) -> Counter[str]:
    """How many descriptors of each kind it holds: sockets, pipes, paths; `pooled` are connections to these ports."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    pooled = {f"socket:[{row[9]}]" for row in rows if int(row[2].partition(":")[2], 16) in ports}
    names = [_target(file) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return Counter("pooled" if name in pooled else name.partition(":")[0] for name in names)


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _target(file: Path) -> str:
    with contextlib.suppress(OSError):
        return str(file.readlink())
    return "gone"
