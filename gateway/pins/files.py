"""`toolgate.lock` and the notes on disk: read whole, replaced whole, by one writer at a time.

A new text is written beside the old one, synced, and takes its place under its name: whoever reads sees the one or the
other. Writers take turns by a lock on a file of their own (flock, which ends with the process), and read again what
they are about to change.
"""

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config.folders import Folders, shown_path
from gateway.errors import ConfigError
from gateway.pins import document, notes
from gateway.pins.entries import Notes, Pins

__all__ = ["MAX_BYTES", "PinFiles", "Stamp"]

log = logging.getLogger("toolgate.pins")

MAX_BYTES = 16_000_000
PATIENCE = 2.0  # seconds for another writer to finish; none takes more than milliseconds
_PAUSE = 0.01

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
        _replace(self.lock, document.dump(pins), 0o644)

    def write_notes(self, seen: Notes) -> None:
        """Replaces the notes; only within `turn`. Raises OSError."""
        _replace(self._notes, notes.dump(seen), 0o600)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """No other process writes meanwhile. Raises OSError, TimeoutError included."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.state / "pins.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor)
            yield
        finally:
            os.close(descriptor)

    @property
    def _notes(self) -> Path:
        return self.state / "held.json"


def _take(descriptor: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError("another process keeps the pins to itself") from None
            time.sleep(_PAUSE)


def _replace(path: Path, text: str, mode: int) -> None:
    """All or nothing, also when the power fails. A link stays a link."""
    content = text.encode()
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it would be larger than {MAX_BYTES // 1_000_000} MB", str(path))
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
