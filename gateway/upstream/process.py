"""A server's process: started with exactly its environment, in a group of its own, stopped with all that it started.

POSIX only: process groups are what makes sure that nothing is left.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import IO

from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio

__all__ = ["INHERITED", "Child", "environment"]

INHERITED = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")  # the same as the SDK's
GRACE = 2.0  # seconds after end of input before SIGTERM, and after that before SIGKILL (MCP, Lifecycle: shutdown)


def environment(given: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """What a child gets: a few harmless variables of ours, and those that the operator gave it. Pure."""
    kept = {name: ours[name] for name in INHERITED if name in ours}
    harmless = {name: value for name, value in kept.items() if not value.startswith("()")}  # Shellshock
    return harmless | dict(given)


class Child:
    """A running server. Its pipes are `stdin`, `stdout` and `stderr`."""

    def __init__(self, stdio: Stdio, reaper: Reaper) -> None:
        """Starts it. Raises OSError when it can't be started, ValueError for a NUL in its arguments."""
        reaper.start()
        self._reaper = reaper
        self._process = subprocess.Popen(
            [stdio.command, *stdio.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=stdio.cwd,
            env=environment(stdio.env, os.environ),
            start_new_session=True,
            bufsize=0,
        )
        reaper.watch(self.pid)  # nothing may stand between the spawn and this line
        self._empty = False

    @property
    def pid(self) -> int:
        """The process, and its group."""
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        return _pipe(self._process.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        return _pipe(self._process.stdout)

    @property
    def stderr(self) -> IO[bytes]:
        return _pipe(self._process.stderr)

    @property
    def ending(self) -> str:
        """How it ended, in words; empty while it runs."""
        self._alive()
        code = self._process.returncode
        if code is None:
            return ""
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it exited with code {code}"

    async def stop(self) -> None:
        """Waits for the group to end after the end of its input; then SIGTERM, then SIGKILL. Takes 6 s at most."""
        if await self._gone(GRACE):
            return
        self._signal(signal.SIGTERM)
        if not await self._gone(GRACE):
            self._signal(signal.SIGKILL)
            await self._gone(GRACE)

    def kill(self) -> None:
        """The end in any case: whoever is left in the group is killed, the pipes are closed."""
        if self._alive():
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)  # nothing can hold it up but the kernel
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        self._reaper.forget(self.pid)

    async def ended(self, seconds: float) -> str:
        """`ending`, waiting a little for it: the pipes close a moment before the process is gone."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self.ending and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - as in `_gone`
            await asyncio.sleep(0.01)
        return self.ending

    async def _gone(self, seconds: float) -> bool:
        """Looks every 10 ms: no portable call waits for a group, nor without a thread for a process."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._alive():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    def _alive(self) -> bool:
        """Whether anybody is left in the group. Collects the child itself, which would stay as a zombie."""
        self._process.poll()
        return self._signal(0)

    def _signal(self, number: int) -> bool:
        """Signals the group. Once nobody is left in it, its number may be that of strangers."""
        if self._empty:
            return False
        self._empty = not self._signalled(number)
        return not self._empty

    def _signalled(self, number: int) -> bool:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # a member that runs as somebody else; macOS also says so of zombies
            return self._process.returncode is None
        return True


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - all three are asked for above; this is for the type checker
    return pipe
