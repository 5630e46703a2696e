"""A `tools/call` over HTTP: directly, through the served gateway, through FastMCP's proxy, and through the floor."""

import asyncio
import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Era, Sample, Target, load
from bench.program import Program, cpu_ms, rss_mb, running
from bench.project import gateway_arguments, make_project
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["calls", "large_calls"]

LANES = (1, 64)
PROXIES = ("shared", "default")  # the slowest last
WARM_UP = 0.2  # seconds
SATURATED = 4  # calls under way are enough for the slowest: it has one core, and 64 would take it seconds to answer

_COLUMNS = (
    Column("p50", "p50 ms"),
    Column("added", "added"),
    Column("p99", "p99"),
    Column("cpu_1", "CPU ms"),
    Column("rate_64", "calls/s x64", 0),
    Column("cpu_64", "CPU ms x64"),
    Column("rss", "RSS MB", 0),
    Column("times", "p50 / direct", 1),
    Column("rate_times", "rate / direct", 3),
)
_NOTES = (
    "added: p50 less that of the direct call. CPU: of the process in the middle only, not of client and upstream.",
    "gateway: 1,000 rules, every budget limited, two durable records a call (SQLite, synchronous normal or full).",
)


@dataclass(slots=True)
class _System:
    """One way to make the call. Numbers are kept by how many calls were under way."""

    label: str
    target: Target
    pid: int
    most: int = LANES[-1]  # calls under way
    samples: dict[int, list[Sample]] = field(default_factory=lambda: {lanes: [] for lanes in LANES})
    cpu: dict[int, float] = field(default_factory=lambda: dict.fromkeys(LANES, 0.0))


def calls(scale: Scale) -> Table:
    return _measured(scale, "echo", "A tools/call over HTTP")


def large_calls(scale: Scale) -> Table:
    return _measured(scale, "large", "A tools/call over HTTP with a result of 100 KB")


def _measured(scale: Scale, tool: str, title: str) -> Table:
    with tempfile.TemporaryDirectory() as folder, _systems(Path(folder), PROXIES[: 1 + scale.slowest], tool) as systems:
        asyncio.run(_rounds(systems, scale))
        rows = [_row(system) for system in systems]
    direct = rows[0].values["p50"] or 0.0
    rows = [Row(row.label, {**row.values, "added": (row.values["p50"] or 0.0) - direct}) for row in rows]
    rows = with_ratio(rows, "p50", "direct", "times")
    return Table(title, _COLUMNS, with_ratio(rows, "rate_64", "direct", "rate_times"), _NOTES)


@contextlib.contextmanager
def _systems(folder: Path, proxies: Sequence[str], tool: str) -> Iterator[Sequence[_System]]:
    """Everything running, each in a process of its own; started side by side."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(running(["-m", "bench.light_server"]))
        url = upstream.first_line()
        floor = stack.enter_context(running(["-m", "bench.passthrough", url]))
        sdk = stack.enter_context(running(["-m", "bench.sdk_server"]))
        gateways = {mode: stack.enter_context(_gateway(folder / mode, url, mode)) for mode in ("normal", "full")}
        fastmcp = {mode: stack.enter_context(running(["-m", "bench.fastmcp_proxy", url, mode])) for mode in proxies}
        yield [
            _System("direct", Target(url, tool, "modern"), upstream.pid),
            _System("raw pass-through", Target(floor.first_line(), f"up__{tool}", "modern"), floor.pid),
            _System("MCP SDK's server, no gateway", Target(sdk.first_line(), tool, "modern"), sdk.pid),
            *_both_eras(gateways, tool),
            *(_fastmcp(mode, program, tool) for mode, program in fastmcp.items()),
        ]


def _fastmcp(mode: str, program: Program, tool: str) -> _System:
    most = SATURATED if mode == "default" else LANES[-1]
    return _System(f"FastMCP, {mode}", Target(program.first_line(), tool, "modern"), program.pid, most)


def _both_eras(gateways: Mapping[str, Program], tool: str) -> Iterator[_System]:
    eras: Sequence[tuple[Era, str]] = (("modern", ""), ("legacy", ", handshake"))
    for mode, program in gateways.items():
        url = json.loads(program.first_line())["url"]
        for era, suffix in eras:
            yield _System(f"toolgate, {mode}{suffix}", Target(url, f"up__{tool}", era), program.pid)


@contextlib.contextmanager
def _gateway(folder: Path, url: str, synchronous: str) -> Iterator[Program]:
    folder.mkdir()
    environment = make_project(folder, url, synchronous)
    with running(gateway_arguments, folder, environment) as program:
        yield program


async def _rounds(systems: Sequence[_System], scale: Scale) -> None:
    """Every system in turn, again and again: what disturbs the machine for a second disturbs them all alike."""
    for system in systems:
        await load(system.target, LANES[0], min(WARM_UP, scale.seconds))
    for _ in range(scale.rounds):
        for lanes in LANES:
            for system in systems:
                await _visit(system, lanes, scale.seconds)


async def _visit(system: _System, lanes: int, seconds: float) -> None:
    before = cpu_ms(system.pid)
    sample = await load(system.target, min(lanes, system.most), seconds)
    after = cpu_ms(system.pid)
    if sample.wrong:
        raise RuntimeError(f"{system.label}: {sample.wrong} calls of {len(sample.latencies)} were not answered rightly")
    system.samples[lanes].append(sample)
    system.cpu[lanes] += after - before if before is not None and after is not None else 0.0


def _row(system: _System) -> Row:
    one, many = (system.samples[lanes] for lanes in LANES)
    return Row(
        system.label,
        {
            "p50": statistics.median(statistics.median(sample.latencies) for sample in one) / 1e6,
            "p99": statistics.median(_quantile(sample.latencies, 0.99) for sample in one) / 1e6,
            "cpu_1": _each(system, LANES[0]),
            "rate_64": statistics.median(len(sample.latencies) / sample.seconds for sample in many),
            "cpu_64": _each(system, LANES[-1]),
            "rss": rss_mb(system.pid),
        },
    )


def _quantile(values: Sequence[int], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def _each(system: _System, lanes: int) -> float | None:
    """CPU time of one call; None where it can't be read."""
    made = sum(len(sample.latencies) for sample in system.samples[lanes])
    return system.cpu[lanes] / made if system.cpu[lanes] else None
