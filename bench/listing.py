"""`tools/list` with 1,000 tools: what the policy leaves of them for whoever asks, the first time and then."""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Era
from bench.posting import Client, connected
from bench.program import Program, cpu_ms, running
from bench.scale import Scale
from bench.served import served, url_of
from bench.table import Column, Row, Table, with_ratio

__all__ = ["TOOLS", "listings"]

TOOLS = 1_000

_COLUMNS = (
    Column("first", "first ms", 1),
    Column("p50", "p50 ms"),
    Column("p99", "p99"),
    Column("cpu", "CPU ms"),
    Column("kilobytes", "KB", 0),
    Column("times", "p50 / direct", 1),
)
_NOTES = (
    "direct: a server that sends bytes that it has. Toolgate looks at each tool with a policy of 1,000 rules.",
    "first: the first list after a start. The SDK's server and FastMCP look at nothing.",
)


@dataclass(slots=True)
class _System:
    label: str
    url: str
    pid: int
    era: Era = "modern"
    first: float = 0.0  # ms
    latencies: list[int] = field(default_factory=list)  # ns
    cpu: float = 0.0  # ms
    size: int = 0


def listings(scale: Scale) -> Table:
    with tempfile.TemporaryDirectory() as folder, _systems(Path(folder), slowest=scale.slowest) as systems:
        asyncio.run(_rounds(systems, scale))
        rows = [_row(system) for system in systems]
    return Table(
        f"tools/list of {TOOLS:,} tools over HTTP", _COLUMNS, with_ratio(rows, "p50", "direct", "times"), _NOTES
    )


@contextlib.contextmanager
def _systems(folder: Path, *, slowest: bool) -> Iterator[Sequence[_System]]:
    with contextlib.ExitStack() as stack:
        direct = stack.enter_context(running(["-m", "bench.many_tools", str(TOOLS)]))
        url = direct.first_line()
        server = {"type": "http", "url": url}
        gateways = {era: stack.enter_context(served(folder / era, server)) for era in ("modern", "legacy")}
        sdk = stack.enter_context(running(["-m", "bench.many_tools", str(TOOLS), "sdk"]))
        systems = [
            _System("direct", url, direct.pid),
            _System("MCP SDK's server, no gateway", sdk.first_line(), sdk.pid),
        ]
        systems += [_gateway(gateways["modern"], "toolgate", "modern")]
        systems += [_gateway(gateways["legacy"], "toolgate, handshake", "legacy")]
        if slowest:
            fastmcp = stack.enter_context(running(["-m", "bench.fastmcp_proxy", url, "shared"]))
            systems.append(_System("FastMCP, shared", fastmcp.first_line(), fastmcp.pid))
        yield systems


def _gateway(program: Program, label: str, era: Era) -> _System:
    return _System(label, url_of(program), program.pid, era)


async def _rounds(systems: Sequence[_System], scale: Scale) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(system.url, system.era)) for system in systems]
        pairs = list(zip(systems, clients, strict=True))
        for system, client in pairs:
            began = time.perf_counter_ns()
            system.size = len(await client.ask("tools/list", {}, b"Says pong"))
            system.first = (time.perf_counter_ns() - began) / 1e6
        for _ in range(scale.rounds):
            for system, client in pairs:
                await _visit(system, client, scale.seconds)


async def _visit(system: _System, client: Client, seconds: float) -> None:
    request, before = client.request("tools/list", {}), cpu_ms(system.pid)
    until = time.perf_counter() + seconds
    while not system.latencies or time.perf_counter() < until:
        began = time.perf_counter_ns()
        answer = await client.send(request)
        system.latencies.append(time.perf_counter_ns() - began)
        if b"Says pong" not in answer:
            raise RuntimeError(f"{system.label}: {answer[:500]!r}")
    after = cpu_ms(system.pid)
    system.cpu += after - before if before is not None and after is not None else 0.0


def _row(system: _System) -> Row:
    ordered = sorted(system.latencies)
    return Row(
        system.label,
        {
            "first": system.first,
            "p50": statistics.median(ordered) / 1e6,
            "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] / 1e6,
            "cpu": system.cpu / len(ordered) if system.cpu else None,
            "kilobytes": system.size / 1024,
        },
    )
