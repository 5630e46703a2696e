"""What a turn costs, read off the marks that a scripted model takes when it is asked. Needs nothing but Python."""

import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["TURNS", "Costs", "Mark", "mark", "say"]

TURNS = 205
_EARLY, _LATE = slice(1, 6), slice(199, 204)  # turns 2 to 6, and 200 to 204

Mark = tuple[int, int]  # wall clock and CPU of the process, both in nanoseconds


def mark() -> Mark:
    return time.perf_counter_ns(), time.process_time_ns()


class Costs:
    """What turns early and late in runs cost."""

    def __init__(self) -> None:
        self._early: list[Mark] = []
        self._late: list[Mark] = []

    def add(self, marks: Sequence[Mark]) -> None:
        """A run's marks, one for each time that the model was asked."""
        costs = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(marks)]
        self._early += costs[_EARLY]
        self._late += costs[_LATE]

    def medians(self) -> dict[str, float]:
        """Milliseconds: `early_wall`, `early_cpu`, `late_wall`, `late_cpu`."""
        return {**_medians("early", self._early), **_medians("late", self._late)}


def _medians(name: str, costs: Sequence[Mark]) -> dict[str, float]:
    wall, cpu = zip(*costs, strict=True)
    return {f"{name}_wall": statistics.median(wall) / 1e6, f"{name}_cpu": statistics.mean(cpu) / 1e6}


def _rss_mb() -> float:
    """The most that this process has had in memory, since its exec: what `getrusage` says on Linux begins with what the
    process had that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / (1 << 10)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def say(costs: Costs, folder: str | None = None) -> None:
    """One line of JSON for whoever started us, with the MB that are kept in `folder`."""
    stored = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6 if folder else None
    print(json.dumps({**costs.medians(), "rss": _rss_mb(), "stored": stored}), flush=True)
