"""Runs that workers take from one PostgreSQL: how many in a second, with one worker, two and four. Beside them DBOS
itself, with as many steps that do nothing.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench.dbos_steps import STEPS, enqueue
from bench.program import ROOT, Program, cpu_ms, running
from bench.project import make_project
from bench.scale import Scale
from bench.table import Column, Row, Table, with_ratio
from gateway.call import Subject
from gateway.config import load_config
from gateway.offline import open_offline
from gateway.submitting import Submission, submit
from tests.fixtures.postgres import Server
from tests.fixtures.postgres import running as server_running

__all__ = ["workers"]

CREWS = (1, 2, 4)
EACH, LEAST = 60, 10  # runs for each repeat, and for each worker before
AT_ONCE = 100  # runs that are submitted together
PATIENCE = 600.0  # seconds: only a benchmark that hangs takes them
SETTINGS = {"fsync": "on", "autovacuum": "on", "shared_buffers": "128MB", "listen_addresses": ""}

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
SCRIPT = """\
steps:
  - calls: [{tool: up/echo, args: {text: a}}, {tool: up/echo, args: {text: b}}]
  - call: {tool: up/echo, args: {text: c}}
  - say: done
"""


@dataclass(frozen=True, slots=True)
class _System:
    """`start` starts a worker, `submit` queues so many runs; `left` counts there those that have not ended."""

    label: str
    url: str
    start: Callable[[], contextlib.AbstractContextManager[Program]]
    submit: Callable[[int], None]
    left: str


def workers(scale: Scale) -> Table:
    crews, count = (CREWS, EACH * scale.repeats) if scale.slowest else (CREWS[:1], LEAST)
    with server_running(SETTINGS) as server, tempfile.TemporaryDirectory() as folder:
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
        began = _cpu(programs), _server_cpu(server)
        seconds = _done(system, look, count)
        ours, theirs = _cpu(programs) - began[0], _server_cpu(server) - began[1]
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


def _cpu(programs: Sequence[Program]) -> float:
    return sum(cpu_ms(program.pid) or 0.0 for program in programs)


def _server_cpu(server: Server) -> float:
    """Of the PostgreSQL server: those who serve somebody now, and those who did."""
    main = server.process.pid if server.process else 0
    fields = Path(f"/proc/{main}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    living = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="utf-8").split()
    ended = sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")
    return ended + sum(cpu_ms(int(pid)) or 0.0 for pid in living)


def _dbos(server: Server) -> _System:
    url = _database(server, "dbos")
    left = "SELECT count(*) FROM dbos.workflow_status WHERE status IN ('ENQUEUED', 'PENDING')"
    return _System("DBOS", url, partial(running, ["-m", "bench.dbos_steps", url]), partial(enqueue, url), left)


def _ours(server: Server, folder: Path, engine: str) -> _System:
    url, project = _database(server, f"ours_{engine}"), folder / engine
    environment = make_project(project, "", "normal")
    script = project / "script.yaml"
    script.write_text(SCRIPT, encoding="utf-8")
    stdio = {"command": sys.executable, "args": ["-m", "bench.light_stdio"], "env": {"PYTHONPATH": str(ROOT)}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"up": stdio}}), encoding="utf-8")
    more = f'[agents.desk]\nmodel = "scripted:{script}"\n[queue]\nconcurrency = 8\nengine = "{engine}"\n'
    toml = (project / "toolgate.toml").read_text(encoding="utf-8")
    (project / "toolgate.toml").write_text(f'store = "{url}"\n{toml.partition("[store]")[0]}{more}', encoding="utf-8")
    command = ["-m", "bench.ready_worker"]
    return _System(
        f"toolgate, {engine}",
        url,
        partial(running, command, project, environment),
        partial(_submit, project, environment),
        "SELECT count(*) FROM jobs",
    )


def _submit(project: Path, environment: Mapping[str, str], count: int) -> None:
    asyncio.run(_submitted(project, environment, count))


async def _submitted(project: Path, environment: Mapping[str, str], count: int) -> None:
    who = Subject("user:bench", "acme", "agent:desk")
    with open_offline(load_config(project, {**os.environ, **environment})) as offline:
        for first in range(0, count, AT_ONCE):
            some = range(first, min(count, first + AT_ONCE))
            await asyncio.gather(*(submit(offline, Submission("Go.", who)) for _ in some))


def _database(server: Server, name: str) -> str:
    with contextlib.closing(server.connected()) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return server.url(name)
