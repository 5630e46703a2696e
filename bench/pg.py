"""A PostgreSQL of the benchmark's own, which flushes its commits, and what its server uses."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.program import cpu_ms
from tests.fixtures import postgres

__all__ = ["database", "running", "server_cpu"]

_SETTINGS = {"fsync": "on", "autovacuum": "on", "shared_buffers": "128MB"}


@contextlib.contextmanager
def running() -> Iterator[postgres.Server]:
    with postgres.running(_SETTINGS) as server:
        yield server


def database(server: postgres.Server, name: str) -> str:
    """The URL of a new one."""
    with contextlib.closing(server.connected()) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return server.url(name)


def server_cpu(server: postgres.Server) -> float:
    """Milliseconds: of those who serve somebody now, and of those who did. Nothing where there is no /proc."""
    main = server.process.pid if server.process else 0
    try:
        fields = Path(f"/proc/{main}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        living = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0
    ended = sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")
    return ended + sum(cpu_ms(int(pid)) or 0.0 for pid in living)
