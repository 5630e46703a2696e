"""A command on a terminal of its own, driven as a person drives it: read what stands there, type, press Ctrl-C."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.fixtures.forked import Forked

PATIENCE = 60.0  # seconds: only a test that hangs takes them
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """`toolgate ARGUMENTS` in `folder`. Use it as a context manager: at its end the command is gone."""

    def __init__(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        command = [sys.executable, "-m", "gateway.cli", *arguments]
        self.process = Forked(
            command, cwd=folder, env=dict(env), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.raw = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def screen(self) -> str:
        """Everything that was written, without escape codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")

    def until(self, text: str) -> str:
        """Returns the screen as soon as this stands on it."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0, f"`{text}` did not come; there is:\n{self.screen}"
            assert self._read(left), f"it ended without `{text}`; there is:\n{self.screen}"
        return self.screen

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        """The exit code, once everything has been read."""
        while self._read(PATIENCE):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)


class Answering(Terminal):
    """A terminal of 30 lines that says where its cursor is when it is asked, as real ones do."""

    def __init__(self, *arguments: str, folder: Path, env: Mapping[str, str]) -> None:
        super().__init__(("chat", *arguments), folder, env)
        self._prompts = 0
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def _read(self, seconds: float) -> bool:
        asked = self.raw.count("\x1b[6n")
        read = super()._read(seconds)
        for _ in range(self.raw.count("\x1b[6n") - asked):
            self.type("\x1b[1;1R")
        return read

    def say(self, text: str, answer: str = "") -> None:
        """Types it at the next prompt, and returns when the answer stands there."""
        while self.raw.count("\x1b[6n") <= self._prompts:
            assert self._read(PATIENCE), f"no prompt came; there is:\n{self.screen}"
        self._prompts = self.raw.count("\x1b[6n")
        self.type(text)
        if answer:
            self.until(answer)

    def leave(self) -> None:
        """Ctrl-D at the next prompt."""
        self.say(CTRL_D)
        assert self.end() == 0, self.screen
