"""`toolgate.lock` and the notes on disk: read whole, replaced whole, by one writer at a time.

Writers take turns by a lock on a file of their own, and read again what they are about to change.
"""

import contextlib
import errno
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config.folders import Folders, shown_path
from gateway.errors import ConfigError
from gateway.pins import document, notes
from gateway.pins.entries import Notes, Pins
from gateway.replacing import replace_file, sweep, turn

__all__ = ["MAX_BYTES", "PinFiles", "Stamp"]

log = logging.getLogger("toolgate.pins")

MAX_BYTES = 16_000_000

Stamp = tuple[int, int, int, int] | None
"""Times of modification and of change (ns), inode, size; None: it is not there, or can't be looked at."""


@dataclass(frozen=True, slots=True)
class PinFiles:
    """`lock` is `toolgate.lock`, `shown` its name for people; `state` is the folder of what is only Toolgate's."""

    lock: Path
    shown: str
    state: Path

    @classmethod
    def of(cls, folders: Folders) -> "PinFiles":
        """Those of a configuration."""
        return cls(folders.lock_file, shown_path(folders.lock_file, folders.cwd), folders.private)

    def stamp(self) -> Stamp:
        """Another one after each change. Never raises."""
        try:
            found = os.stat(self.lock)  # noqa: PTH116 - asked for many times a second: half the cost of Path.stat
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size

    def read(self) -> Pins | None:
        """The pins; None if there is no file. Raises ConfigError for one that can't be used."""
        try:
            with self.lock.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
            text = content.decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise ConfigError.at(self.shown, "the file is not UTF-8 text", hint=document.MEND) from None
        except OSError as error:
            raise ConfigError.at(self.shown, f"the file can't be read: {error.strerror}") from None
        if len(content) > MAX_BYTES:
            raise ConfigError.at(self.shown, f"the file is larger than {MAX_BYTES // 1_000_000} MB")
        return document.parse(text, self.shown)

    def unwritable(self) -> str:
        """Why the pins could not be written, as far as can be said without writing; nothing if they could."""
        for folder in (Path(os.path.realpath(self.lock)).parent, self.state):
            there = next(place for place in (folder, *folder.parents) if place.exists())
            if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
                return f"{self.shown} can't be written: `{there}` may not be written to"
        return ""

    def read_notes(self) -> Notes:
        """What was seen of held tools; nothing, if that can't be read."""
        try:
            return notes.parse(self._notes.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Notes()
        except (OSError, ValueError) as error:
            log.warning("%s can't be read, and counts as empty: %s", self._notes, error)
            return Notes()

    def write(self, pins: Pins) -> None:
        """Replaces the pins; only within `turn`. Raises OSError."""
        _replace(self.lock, document.dump(pins))

    def write_notes(self, seen: Notes) -> None:
        """Replaces the notes; only within `turn`. Raises OSError."""
        _replace(self._notes, [notes.dump(seen)], 0o600)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """No other process writes meanwhile. Raises OSError, TimeoutError included."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with turn(self.state / "pins.turn", "another process keeps the pins to itself"):
            yield

    @property
    def _notes(self) -> Path:
        return self.state / "held.json"


def _replace(path: Path, text: Iterable[str], mode: int | None = None) -> None:
    """All or nothing; what a killed writer has left goes, too."""
    sweep(path)
    replace_file(path, _encoded(path, text), mode)


def _encoded(path: Path, text: Iterable[str]) -> Iterator[bytes]:
    size = 0
    for piece in text:
        content = piece.encode()
        size += len(content)
        if size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it would be larger than {MAX_BYTES // 1_000_000} MB", str(path))
        yield content
