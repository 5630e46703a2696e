"""What a start takes, each time in a fresh interpreter: of the command line, and of a run until its first event."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.program import ROOT, cpu_ms, running
from bench.project_of_workers import make_workplace
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["starts"]

_COLUMNS = (
    Column("wall", "ms", 0),
    Column("cpu", "CPU ms", 0),
    Column("times", "/ python", 1),
    Column("of_sdk", "CPU / import mcp", 2),
)
_SDK = "import mcp (the SDK alone)"
_COMMANDS: Mapping[str, Sequence[str]] = {
    "python itself": ("-c", "pass"),
    _SDK: ("-c", "import mcp"),
    "import gateway.runtime": ("-c", "import gateway.runtime"),
    "toolgate --help": ("-m", "gateway.cli", "--help"),
}
_RUN = "toolgate run, first event"
_SCRIPT = "steps:\n  - call: {tool: up/echo, args: {text: a}}\n  - say: done\n"
_NOTES = (
    "first event: from the exec until it is on record and shown; 1,000 rules, a server over stdio, a scripted model.",
)

Sample = tuple[float, float]  # milliseconds: wall clock, and CPU of the child


def starts(scale: Scale) -> Table:
    rows = [_row(label, partial(_ended, arguments), scale) for label, arguments in _COMMANDS.items()]
    with tempfile.TemporaryDirectory() as folder:
        environment = make_workplace(Path(folder), _SCRIPT)
        _first_event(folder, environment)  # makes the store, and sees the server for the first time
        rows.append(_row(_RUN, partial(_first_event, folder, environment), scale))
    rows = with_ratio(rows, "wall", "python itself", "times")
    return Table("A start", _COLUMNS, with_ratio(rows, "cpu", _SDK, "of_sdk"), _NOTES)


def _row(label: str, sample: Callable[[], Sample], scale: Scale) -> Row:
    samples = [sample() for _ in range(scale.repeats)]
    wall, cpu = (statistics.median(values) for values in zip(*samples, strict=True))
    return Row(label, {"wall": wall, "cpu": cpu})


def _ended(arguments: Sequence[str]) -> Sample:
    before, begin = _children(), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1000, _children() - before


def _first_event(folder: str, environment: Mapping[str, str]) -> Sample:
    command = ("-m", "gateway.cli", "run", "--json", "--project", folder, "Go.")
    begin = time.perf_counter()
    with running(command, Path(folder), {**os.environ, **environment}) as program:
        if '"event": "queued"' not in (line := program.first_line()):
            raise RuntimeError(f"not an event: {line}")
        return (time.perf_counter() - begin) * 1000, cpu_ms(program.pid) or 0.0


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000
