"""`toolgate`, many times: one process has all of it loaded and forks another one for each command that is begun.

What is forked is the product from its command line on: it reads its configuration, opens the store, starts its servers,
and is killed (-9) like any other process. Only the second of CPU that Python takes to load it is left out: with a death
in each second, two cores would do nothing else.

`python -m tests.soak.forking` takes lines `{"argv", "environ", "log"}` and says the process number of each.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.fixtures import forked

__all__ = ["Nest", "opened"]

PATIENCE = 60.0  # seconds: only a process that can't be killed takes them


class Nest:
    """Where processes come from, until the block ends: then all are gone."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._living: set[int] = set()

    def begin(self, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> int:
        """`toolgate ARGV`, with this besides in its environment; the number of its process, which leads a group."""
        assert self._process.stdin
        assert self._process.stdout
        log.touch()
        self._process.stdin.write(json.dumps({"argv": list(argv), "environ": dict(environ), "log": str(log)}) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self._living.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """Returns when it is gone, so that its number is nobody's."""
        self._living.discard(pid)
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while _lives(pid):
            assert time.monotonic() < until, f"{pid} does not die"
            time.sleep(0.001)

    def end(self) -> None:
        for pid in self._living:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def opened() -> Iterator[Nest]:
    command = [sys.executable, "-m", "tests.soak.forking"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        nest = Nest(process)
        try:
            yield nest
        finally:
            nest.end()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


LOADED = tuple(name for name in forked.LOADED if not name.startswith("tests."))  # what workers load


def main() -> None:
    """Until standard input ends."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here: they are gone as soon as they are dead
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _live(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _live(wanted: Mapping[str, Any]) -> NoReturn:
    """The life of one, in a process of its own."""
    from gateway.cli.root import toolgate
    from gateway.store import lease

    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _alone(Path(wanted["log"]))
        os.environ.update(wanted["environ"])
        random.seed()
        lease._PROCESS = secrets.token_hex(4)  # noqa: SLF001 - as if it had been loaded here
        code = toolgate(wanted["argv"])
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _alone(log: Path) -> None:
    """With streams of its own; and it does not outlive the process that it was forked from (on Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    nothing, out = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, file in enumerate((nothing, out, out)):
        os.dup2(file, number)


if __name__ == "__main__":
    main()
