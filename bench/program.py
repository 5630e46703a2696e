"""A program that is measured, in a process of its own: what it says first, and what it has used since."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

__all__ = ["ROOT", "Program", "cpu_ms", "rss_mb", "running", "started"]

ROOT = Path(__file__).parent.parent
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Program:
    """Started at once; `first_line()` waits until it is ready."""

    def __init__(self, command: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `stop`
        self._name = " ".join(command)
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def first_line(self) -> str:
        """Raises RuntimeError, with the end of its stderr, when it ended instead."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"`{self._name}` did not start:\n{self._log.read()[-2000:].decode(errors='replace')}")
        return line.strip()

    def stop(self) -> None:
        self._process.kill()
        with self._process:  # waits, and closes its pipe
            self._log.close()


@contextlib.contextmanager
def running(arguments: Sequence[str], cwd: Path = ROOT, environment: Mapping[str, str] = _NOTHING) -> Iterator[Program]:
    """`python ARGUMENTS` until the block ends."""
    with started([sys.executable, *arguments], cwd, environment) as program:
        yield program


@contextlib.contextmanager
def started(command: Sequence[str], cwd: Path = ROOT, environment: Mapping[str, str] = _NOTHING) -> Iterator[Program]:
    """Any program until the block ends."""
    program = Program(command, cwd, environment)
    try:
        yield program
    finally:
        program.stop()


def cpu_ms(pid: int) -> float | None:
    """CPU time of a process since its start, all threads, in ticks of 10 ms. None where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int | str = "self") -> float | None:
    """Memory that a process holds now, in MB. None where there is no /proc."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
