"""From a start to the first call that is served, with everything on; and the memory it takes, then and after 1,000."""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.listing import TOOLS
from bench.load import Era
from bench.posting import Client, connected
from bench.program import ROOT, Program, cpu_ms, rss_mb, running
from bench.scale import Scale
from bench.served import served, url_of
from bench.table import Column, Row, Table, with_ratio

__all__ = ["startups"]

CALLS = 1_000
SESSIONS = 64  # of the handshake era, open at once
LIMIT = 1.03  # times the SDK's own server, until the first call is answered
MOST_RSS = 80.0  # MB, in the end

_SDK = "MCP SDK's server, no gateway"
_LIMITED = ("toolgate", "toolgate, handshake")
_COLUMNS = (
    Column("ready", "listens ms", 0),
    Column("first", "first call ms", 0),
    Column("cpu", "CPU ms", 0),
    Column("rss", "RSS MB", 1),
    Column("rss_after", f"after {CALLS:,}", 1),
    Column("times", "first / SDK", 2),
    Column("of_limit", "first / limit", 2),
    Column("cpu_times", "CPU / SDK", 2),
    Column("rss_of_limit", "RSS / limit", 2),
)
_NOTES = (
    "a fresh process each time, its clock running from the exec, one after the other. CPU until the first answer.",
    "toolgate: 1,000 rules, every budget limited, pins; the era of the server is known. FastMCP: 100 calls.",
    f"handshake: the memory after {CALLS:,} calls is with {SESSIONS} sessions open. limit: {LIMIT} times the SDK's own",
    f"server until the first call is answered (0.6 s where that takes 0.58), and {MOST_RSS:.0f} MB in the end.",
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one is started, and where it listens."""

    start: Callable[[], AbstractContextManager[Program]]
    url: Callable[[Program], str]
    tool: str
    era: Era = "modern"
    calls: int = CALLS


@dataclass(slots=True)
class _Samples:
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, **found: float | None) -> None:
        for name, value in found.items():
            if value is not None:
                self.values.setdefault(name, []).append(value)

    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.values.items()}


def startups(scale: Scale) -> Table:
    with tempfile.TemporaryDirectory() as folder, _kinds(Path(folder), slowest=scale.slowest) as kinds:
        samples = {label: _Samples() for label in kinds}
        for _ in range(scale.repeats):
            for label, kind in kinds.items():
                asyncio.run(_started(kind, samples[label], kind.calls if scale.slowest else 10))
    rows: Sequence[Row] = [Row(label, found.medians()) for label, found in samples.items()]
    rows = with_ratio(with_ratio(rows, "first", _SDK, "times"), "cpu", _SDK, "cpu_times")
    rows = [Row(row.label, {**row.values, **_of_limits(row)}) if row.label in _LIMITED else row for row in rows]
    return Table("A start, until the first call is served", _COLUMNS, rows, _NOTES)


def _of_limits(row: Row) -> Mapping[str, float | None]:
    times, rss = row.values.get("times"), row.values.get("rss_after")
    return {"of_limit": times and times / LIMIT, "rss_of_limit": rss and rss / MOST_RSS}


@contextlib.contextmanager
def _kinds(folder: Path, *, slowest: bool) -> Iterator[Mapping[str, _Kind]]:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running(["-m", "bench.light_server"])).first_line()
        many = stack.enter_context(running(["-m", "bench.many_tools", str(TOOLS)])).first_line()
        python = sys.executable
        light = {"type": "http", "url": url}
        stdio = {"command": python, "args": ["-m", "bench.light_stdio"], "env": {"PYTHONPATH": str(ROOT)}}
        kinds = {
            _SDK: _Kind(partial(running, ["-m", "bench.sdk_server"]), Program.first_line, "echo"),
            "toolgate": _Kind(partial(served, folder / "http", light), url_of, "up__echo"),
            "toolgate, handshake": _Kind(partial(served, folder / "http", light), url_of, "up__echo", "legacy"),
            "toolgate, server over stdio": _Kind(partial(served, folder / "stdio", stdio), url_of, "up__echo"),
            f"toolgate, {TOOLS:,} tools": _Kind(
                partial(served, folder / "many", {"type": "http", "url": many}), url_of, "up__echo"
            ),
        }
        if slowest:
            fastmcp = partial(running, ["-m", "bench.fastmcp_proxy", url, "shared"])
            kinds["FastMCP, shared"] = _Kind(fastmcp, Program.first_line, "echo", calls=100)  # it takes its time
        yield kinds


async def _started(kind: _Kind, samples: _Samples, calls: int) -> None:
    began = time.perf_counter()
    with kind.start() as program:
        url = kind.url(program)
        ready = time.perf_counter()
        async with connected(url, kind.era) as client:
            await _call(client, kind.tool)
            first, cpu, rss = time.perf_counter(), cpu_ms(program.pid), rss_mb(program.pid)
            for _ in range(calls):
                await _call(client, kind.tool)
            for _ in range(SESSIONS - 1 if kind.era == "legacy" else 0):
                await client.introduce()
                await _call(client, kind.tool)
            after = rss_mb(program.pid)
    samples.add(ready=(ready - began) * 1000, first=(first - began) * 1000, cpu=cpu, rss=rss, rss_after=after)


async def _call(client: Client, tool: str) -> None:
    await client.ask("tools/call", {"name": tool, "arguments": {"text": "ping"}}, b"pong")
