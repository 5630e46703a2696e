"""A turn with one call of a tool, by other agent loops and by ours, on the same scripted model.

They are PyPI's, each with its locked packages in an environment of its own (`bench/loops/NAME.txt`), which is made when
this is first asked for; so `./dev bench` does it only when it is named.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.program import ROOT, Program, running, started
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio

__all__ = ["other_loops"]

LOOPS = ROOT / "bench" / "loops"
_OURS: Mapping[str, str] = {
    "commits": "bare loop, a commit a step",
    "normal": "toolgate, SQLite",
    "postgres": "toolgate, PostgreSQL",
}
_THEIRS: Sequence[tuple[str, str, str]] = (
    ("langgraph_loop", "nothing", "langgraph, nothing kept"),
    ("langgraph_loop", "sqlite", "langgraph, SQLite checkpointer"),
    ("openai_agents_loop", "nothing", "openai-agents, nothing kept"),
    ("openai_agents_loop", "sqlite", "openai-agents, SQLite session"),
    ("pydantic_ai_loop", "nothing", "pydantic-ai, nothing kept"),
)
_COLUMNS = (
    Column("early_wall", "turn 2 ms", 3),
    Column("early_cpu", "CPU ms", 3),
    Column("late_wall", "turn 200 ms", 3),
    Column("late_cpu", "CPU ms", 3),
    Column("growth", "200 / 2"),
    Column("rss", "RSS MB", 0),
    Column("stored", "kept MB", 1),
    Column("times", "CPU / ours", 2),
)
_NOTES = (
    "model and tool answer at once. Ours besides asks a policy of 1,000 rules, keeps five budgets, fences each write.",
    "pydantic-ai keeps nothing by itself. CPU is the process's own, without the PostgreSQL server's. 200 / 2: of CPU.",
)


def other_loops(scale: Scale) -> Table:
    rows = [_ours(kind, label, scale) for kind, label in _OURS.items()]
    rows += [_theirs(name, store, label, scale) for name, store, label in _THEIRS]
    return Table(
        "A turn, beside other loops", _COLUMNS, with_ratio(rows, "early_cpu", _OURS["normal"], "times"), _NOTES
    )


def _ours(kind: str, label: str, scale: Scale) -> Row:
    with running(["-m", "bench.one_run", kind, str(scale.repeats)]) as program:
        return _row(label, program)


def _theirs(name: str, store: str, label: str, scale: Scale) -> Row:
    command = [str(_environment(name)), str(LOOPS / f"{name}.py"), store, str(scale.repeats)]
    with started(command, environment={"PYTHONPATH": ""}) as program:
        return _row(label, program)


def _row(label: str, program: Program) -> Row:
    values = json.loads(program.first_line())
    return Row(label, {**values, "growth": values["late_cpu"] / values["early_cpu"]})


def _environment(name: str) -> Path:
    """The Python of an environment that has exactly what its lock says."""
    place, lock = LOOPS / ".venv" / name, LOOPS / f"{name}.txt"
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp, wanted = place / ".toolgate-stamp", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
        uv = [sys.executable, "-m", "uv"]
        _quietly([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)])
        _quietly([*uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)])
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _quietly(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)
