"""The parent's end of the reaper: tells it which process groups must not outlive us (see `gateway.upstream.reaper`)."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

__all__ = ["Reaper"]

PROGRAM = Path(__file__).with_name("reaper.py")


class Reaper:
    """Started with the first group, and again if somebody killed it. The writes are a few bytes into a pipe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()

    def start(self) -> None:
        """Starts it if it does not run, so that no time passes later between a spawn and `watch`."""
        if self._process is None or self._process.poll() is not None:
            self._close_pipe(self._process)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C on our terminal is not for it
                env={},
                bufsize=0,
            )
            self._write("".join(f"+{group}\n" for group in self._groups))

    def watch(self, group: int) -> None:
        """From now on the group is stopped when we are gone."""
        self.start()
        self._groups.add(group)
        self._write(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group is empty: its number may soon be somebody else's."""
        self._groups.discard(group)
        self._write(f"-{group}\n")

    def _write(self, text: str) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):  # it was killed; `start` tells the next one
                self._process.stdin.write(text.encode())

    async def close(self) -> None:
        """Ends it; groups that are still watched are stopped."""
        process, self._process = self._process, None
        if process:
            self._close_pipe(process)
            await asyncio.to_thread(process.wait)

    @staticmethod
    def _close_pipe(process: subprocess.Popen[bytes] | None) -> None:
        if process and process.stdin:
            process.stdin.close()
