"""What runs cost that wait, for a person or for a moment: the memory and the CPU of a worker beside them."""

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.program import Program, cpu_ms, rss_mb, running
from bench.project_of_workers import make_workplace, submit_runs
from bench.scale import Scale
from bench.table import Column, Row, Table

__all__ = ["waiting"]

PATIENCE = 600.0  # seconds: only a benchmark that hangs takes them
_COLUMNS = (
    Column("rss", "RSS MB", 1),
    Column("each", "KB each", 2),
    Column("idle", "CPU ms a second", 1),
    Column("kept", "kept KB each", 1),
)
_NOTES = (
    "a real `toolgate worker` on SQLite, which has driven them to where they wait; the last ones are copies of those.",
    "KB each: what its memory has grown by since the first ones waited, which had it load all that it needs.",
)
_SCRIPTS: Mapping[str, str] = {
    "a person": "steps:\n  - call: {tool: up/other_1, args: {text: a}}\n  - say: done\n",
    "a moment": "steps:\n  - call: {tool: wait_for, args: {seconds: 86400}}\n  - say: done\n",
}
_ASK = "p, user:bench, *, up/other_1, call, , ask, somebody looks at it first\n"
_WAITING = "SELECT count(*) FROM jobs WHERE state IN ('rests', 'later') AND taken = 0"
# A run that waits, so many times over. What must be one's own is made of its number.
_OWN: Mapping[str, Mapping[str, str]] = {
    "runs": {"id": "'w-' || i"},
    "events": {"run_id": "'w-' || i"},
    "approvals": {"id": "'A-' || i", "run_id": "'w-' || i", "claim": "'w-' || i || '/' || key"},
    "jobs": {"run_id": "'w-' || i", "place": "1000000 + i"},
}


@dataclass(frozen=True, slots=True)
class _Place:
    folder: Path
    environment: Mapping[str, str]
    worker: Program
    db: sqlite3.Connection

    def drive(self, count: int) -> None:
        """So many more, to where they wait."""
        (before,) = self.db.execute(_WAITING).fetchone()
        submit_runs(self.folder, self.environment, count)
        until = time.monotonic() + PATIENCE
        while self.db.execute(_WAITING).fetchone()[0] < before + count:
            if time.monotonic() > until:
                raise RuntimeError(f"only {self.db.execute(_WAITING).fetchone()[0]} of {before + count} runs wait")
            time.sleep(0.01)

    def copy(self, count: int) -> None:
        (run_id,) = self.db.execute("SELECT run_id FROM jobs WHERE taken = 0 LIMIT 1").fetchone()
        for table, own in _OWN.items():
            columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")]
            told = ", ".join(own.get(column, f'"{column}"') for column in columns)
            key = "id" if table == "runs" else "run_id"
            self.db.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"  # noqa: S608
                f" INSERT INTO {table} SELECT {told} FROM n CROSS JOIN {table} WHERE {key} = ?",
                (run_id,),
            )


def waiting(scale: Scale) -> Table:
    steps = (100, 900, 9_000) if scale.slowest else (5, 5, 10)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, script) in enumerate(_SCRIPTS.items()):
            with _at_work(Path(folder) / str(number), script) as place:
                rows += _rows(place, what, steps, 3.0 if scale.slowest else 0.2)
    return Table("Runs that wait", _COLUMNS, rows, _NOTES)


def _rows(place: _Place, what: str, steps: tuple[int, int, int], seconds: float) -> Iterator[Row]:
    first, total, base = steps[0], 0, 0.0
    acts: Sequence[Callable[[int], None]] = (place.drive, place.drive, place.copy)
    for act, count in zip(acts, steps, strict=True):
        act(count)
        total += count
        cpu, began = cpu_ms(place.worker.pid) or 0.0, time.perf_counter()
        time.sleep(seconds)
        idle = ((cpu_ms(place.worker.pid) or 0.0) - cpu) / (time.perf_counter() - began)
        rss = rss_mb(place.worker.pid) or 0.0
        base = base or rss
        kept = sum(file.stat().st_size for file in place.folder.glob("toolgate.db*")) / 1e3 / total
        each = (rss - base) * 1024 / (total - first) if total > first else None
        yield Row(f"{total:,} wait for {what}", {"rss": rss, "each": each, "idle": idle, "kept": kept})


@contextlib.contextmanager
def _at_work(folder: Path, script: str) -> Iterator[_Place]:
    environment = make_workplace(folder, script)
    with (folder / "policies" / "policy.csv").open("a", encoding="utf-8") as policy:
        policy.write(_ASK)
    with running(["-m", "bench.ready_worker"], folder, environment) as worker:
        worker.first_line()
        with contextlib.closing(sqlite3.connect(folder / "toolgate.db", timeout=60, isolation_level=None)) as db:
            yield _Place(folder, environment, worker, db)
