"""What the runtime adds to a turn (a model's reply and one tool call, both recorded), and to a start."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from bench.program import ROOT, running
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["starts", "turns"]

_KINDS: Mapping[str, str] = {
    "bare": "bare loop, nothing kept",
    "commits": "bare loop, a commit a step",
    "normal": "toolgate, normal",
    "full": "toolgate, full",
}
_COLUMNS = (
    Column("early_wall", "turn 2 ms", 3),
    Column("early_cpu", "CPU ms", 3),
    Column("late_wall", "turn 200 ms", 3),
    Column("late_cpu", "CPU ms", 3),
    Column("growth", "200 / 2"),
    Column("rss", "RSS MB", 0),
    Column("times", "/ commits", 1),
)
_NOTES = (
    "model and tool answer at once: what is left is the loop's own. A commit a step: two a turn, and nothing checked.",
    "toolgate: lease, 1,000 rules, budgets limited, two transactions a turn (answered + admitted, returned + asked).",
)

_START_COLUMNS = (Column("wall", "ms", 0), Column("cpu", "CPU ms", 0), Column("times", "/ python", 1))
_STARTS: Mapping[str, Sequence[str]] = {
    "python itself": ("-c", "pass"),
    "import gateway.runtime": ("-c", "import gateway.runtime"),
    "toolgate --help": ("-m", "gateway.cli", "--help"),
}


def turns(scale: Scale) -> Table:
    rows = [_row(kind, label, scale) for kind, label in _KINDS.items()]
    return Table("A turn of a run", _COLUMNS, with_ratio(rows, "early_wall", _KINDS["commits"], "times"), _NOTES)


def _row(kind: str, label: str, scale: Scale) -> Row:
    with running(["-m", "bench.one_run", kind, str(scale.repeats)]) as program:
        values = json.loads(program.first_line())
    return Row(label, {**values, "growth": values["late_wall"] / values["early_wall"]})


def starts(scale: Scale) -> Table:
    rows = [_start(label, arguments, scale.repeats) for label, arguments in _STARTS.items()]
    return Table("A start", _START_COLUMNS, with_ratio(rows, "wall", "python itself", "times"))


def _start(label: str, arguments: Sequence[str], repeats: int) -> Row:
    samples = [_started(arguments) for _ in range(repeats)]
    wall, cpu = (statistics.median(values) for values in zip(*samples, strict=True))
    return Row(label, {"wall": wall, "cpu": cpu})


def _started(arguments: Sequence[str]) -> tuple[float, float]:
    """Milliseconds: wall clock, and CPU of the child."""
    before, begin = _children(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000
