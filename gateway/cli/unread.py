"""What drives runs goes on when nobody reads any more what it prints (`toolgate run ... | head -1`): what the run does
is not for the one who watches. It is said once on stderr, if that is still read.
"""

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["heedless"]

_SAID = b"toolgate: nobody reads the output any more; the run goes on without it\n"


@contextlib.contextmanager
def heedless() -> Iterator[None]:
    """Within it, a pipe on stdout or stderr whose reader has gone swallows what is written."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _patient(out, [2]), _patient(err, [])
    try:
        yield
    finally:
        for mine, given in ((sys.stdout, out), (sys.stderr, err)):
            if mine is not given:
                mine.flush()
        sys.stdout, sys.stderr = out, err


def _patient(stream: TextIO, others: list[int]) -> TextIO:
    if not (isinstance(stream, io.TextIOWrapper) and _is_pipe(stream)):
        return stream
    stream.flush()
    raw = io.BufferedWriter(_Pipe(stream.fileno(), others))
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, line_buffering=True)


def _is_pipe(stream: TextIO) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # it is none of the system's, or is closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class _Pipe(io.FileIO):
    """Whoever opened it closes it. `others` are told when its reader is gone."""

    def __init__(self, file: int, others: list[int]) -> None:
        super().__init__(file, "w", closefd=False)
        self._others = others

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            for other in self._others:
                with contextlib.suppress(OSError):
                    os.write(other, _SAID)
            return super().write(data)
