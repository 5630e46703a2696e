"""Runs that workers take from one PostgreSQL: how many in a second, with one worker, two and four. Beside them DBOS
itself, with as many steps that do nothing.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench.dbos_steps import STEPS, enqueue
from bench.pg import database, server_cpu
from bench.pg import running as server_running
from bench.program import Program, cpu_ms, running
from bench.project_of_workers import make_workplace, submit_runs
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio
from tests.fixtures.postgres import Server

__all__ = ["workers"]

CREWS = (1, 2, 4)
EACH, LEAST = 20, 10  # runs for each repeat, and for each worker before
PATIENCE = 600.0  # seconds: only a benchmark that hangs takes them

_COLUMNS = (
    Column("rate", "runs/s", 1),
    Column("steps", "steps/s", 0),
    Column("cpu", "CPU ms a run", 2),
    Column("server", "server's", 2),
    Column("more", "/ 1 worker"),
    Column("times", "/ DBOS"),
    Column("less", "CPU / DBOS"),
)
_NOTES = (
    f"{STEPS} steps a run: three replies of a scripted model, three calls over stdio, 1,000 rules; of DBOS: nothing.",
    "From the first that is submitted to the end of the last, 8 at once in a worker. runs/s are of an idle machine.",
    "CPU: of all workers, and of the PostgreSQL server; without who submits.",
)
_ANSWERED = '{"event":"returned"%"kind":"answered"%'
SCRIPT = """\
steps:
  - calls: [{tool: up/echo, args: {text: a}}, {tool: up/echo, args: {text: b}}]
  - call: {tool: up/echo, args: {text: c}}
  - say: done
"""


@dataclass(frozen=True, slots=True)
class _System:
    """`start` starts a worker, `submit` queues so many runs; `left` counts there those that have not ended, and `calls`
    (if it is said) those of which a call was not answered.
    """

    label: str
    url: str
    start: Callable[[], contextlib.AbstractContextManager[Program]]
    submit: Callable[[int], None]
    left: str
    calls: str = ""


def workers(scale: Scale) -> Table:
    crews, count = (CREWS, EACH * scale.repeats) if scale.slowest else (CREWS[:1], LEAST)
    with server_running() as server, tempfile.TemporaryDirectory() as folder:
        systems = [_dbos(server), *(_ours(server, Path(folder), engine) for engine in ("embedded", "dbos"))]
        found = [[_measured(system, crew, server, count) for system in systems] for crew in crews]
    beside = [
        with_ratio(with_ratio(rows, "rate", rows[0].label, "times"), "cpu", rows[0].label, "less") for rows in found
    ]
    first = found[0]
    rows = [
        with_ratio([first[place], row], "rate", first[place].label, "more")[1]
        for place in range(len(systems))
        for row in (each[place] for each in beside)
    ]
    return Table("Runs that workers take from one PostgreSQL", _COLUMNS, rows, _NOTES)


def _measured(system: _System, crew: int, server: Server, count: int) -> Row:
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(system.start()) for _ in range(crew)]
        look = stack.enter_context(psycopg.connect(system.url, autocommit=True))
        for program in programs:
            program.first_line()
        _done(system, look, crew * LEAST)  # all are warm
        began = _cpu(programs), server_cpu(server)
        seconds = _done(system, look, count)
        ours, theirs = _cpu(programs) - began[0], server_cpu(server) - began[1]
        _check(system, look)
    values = {"rate": count / seconds, "steps": count * STEPS / seconds, "cpu": ours / count, "server": theirs / count}
    return Row(f"{system.label}, {crew} worker{'s' if crew > 1 else ''}", values)


def _done(system: _System, look: "psycopg.Connection[Any]", count: int) -> float:
    """Seconds until as many that are queued now have ended."""
    began = time.perf_counter()
    system.submit(count)
    while left := look.execute(system.left.encode()).fetchone() or (1,):
        if not left[0]:
            return time.perf_counter() - began
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError(f"{system.label}: {left[0]} of {count} runs did not end")
        time.sleep(0.01)
    raise AssertionError


def _check(system: _System, look: "psycopg.Connection[Any]") -> None:
    """That every call of every run was answered."""
    if system.calls and (row := look.execute(system.calls.encode()).fetchone()) != (0,):
        raise RuntimeError(f"{system.label}: {row[0] if row else 'no'} runs did not make their calls")


def _cpu(programs: Sequence[Program]) -> float:
    return sum(cpu_ms(program.pid) or 0.0 for program in programs)


def _dbos(server: Server) -> _System:
    url = database(server, "dbos")
    left = "SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')"
    return _System("DBOS", url, partial(running, ["-m", "bench.dbos_steps", url]), partial(enqueue, url), left)


def _ours(server: Server, folder: Path, engine: str) -> _System:
    url, project = database(server, f"ours_{engine}"), folder / engine
    environment = make_workplace(project, SCRIPT, store=url, more=f'engine = "{engine}"')
    start = partial(running, ["-m", "bench.ready_worker"], project, environment)
    answered = f"SELECT count(*) FROM events WHERE run_id = runs.id AND body LIKE '{_ANSWERED}'"  # noqa: S608 - our own words
    lacking = f"SELECT count(*) FROM runs WHERE 3 <> ({answered})"  # noqa: S608 - as above
    submit = partial(submit_runs, project, environment)
    return _System(f"toolgate, {engine}", url, start, submit, "SELECT count(*) FROM jobs", lacking)
