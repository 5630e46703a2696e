"""Ways to make one and the same call, measured side by side: each in a process of its own, visited in turn."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.load import Sample, Target, introduce, load
from bench.program import cpu_ms, rss_mb
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["LANES", "System", "measured"]

LANES = (1, 64)
WARM_UP = 0.2  # seconds

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


@dataclass(slots=True)
class System:
    """One way to make the call. Numbers are kept by how many calls were under way."""

    label: str
    target: Target
    pid: int
    most: int = LANES[-1]  # calls under way
    samples: dict[int, list[Sample]] = field(default_factory=lambda: {lanes: [] for lanes in LANES})
    cpu: dict[int, float] = field(default_factory=lambda: dict.fromkeys(LANES, 0.0))


async def measured(title: str, systems: Sequence[System], scale: Scale, notes: Sequence[str]) -> Table:
    """The first is the direct call, with which all others are compared."""
    await _rounds(systems, scale)
    rows = [_row(system) for system in systems]
    direct = rows[0].values["p50"] or 0.0
    rows = [Row(row.label, {**row.values, "added": (row.values["p50"] or 0.0) - direct}) for row in rows]
    rows = with_ratio(rows, "p50", "direct", "times")
    return Table(title, _COLUMNS, with_ratio(rows, "rate_64", "direct", "rate_times"), notes)


async def _rounds(systems: Sequence[System], scale: Scale) -> None:
    """Every system in turn, again and again: what disturbs the machine for a second disturbs them all alike."""
    for system in systems:
        await load(system.target, LANES[0], min(WARM_UP, scale.seconds))
    for _ in range(scale.rounds):
        for lanes in LANES:
            for system in systems:
                await _visit(system, lanes, scale.seconds)


async def _visit(system: System, lanes: int, seconds: float) -> None:
    await introduce(system.target, lanes)  # a session is opened once: that is no part of a call
    before = cpu_ms(system.pid)
    sample = await load(system.target, min(lanes, system.most), seconds)
    after = cpu_ms(system.pid)
    if sample.wrong:
        raise RuntimeError(f"{system.label}: {sample.wrong} calls of {len(sample.latencies)} were not answered rightly")
    system.samples[lanes].append(sample)
    system.cpu[lanes] += after - before if before is not None and after is not None else 0.0


def _row(system: System) -> Row:
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


def _each(system: System, lanes: int) -> float | None:
    """CPU time of one call; None where it can't be read."""
    made = sum(len(sample.latencies) for sample in system.samples[lanes])
    return system.cpu[lanes] / made if system.cpu[lanes] else None
