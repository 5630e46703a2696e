"""Files replaced whole, by one writer at a time; as they were, or as they shall be, also when the power fails.

A new content is written beside the file, synced, and takes its place under its name: whoever reads sees the one or the
other. A link stays a link, a file stays whose it was. Writers take turns by a lock (flock), which ends with the
process. What one that was killed has left beside a file is found by `LEFT_OVER`.
"""

import contextlib
import fcntl
import glob
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["LEFT_OVER", "LEFT_OVER_SECONDS", "PATIENCE", "put", "replace_file", "staged", "sweep", "turn"]

LEFT_OVER = re.compile(r"\.(?P<of>.+)\.[0-9a-f]+\.new")
LEFT_OVER_SECONDS = 600.0  # after which nobody is still writing it: it takes milliseconds
PATIENCE = 2.0  # seconds for another writer to finish; none takes more than milliseconds
_PAUSE = 0.01


def replace_file(path: Path, content: bytes | Iterable[bytes], mode: int | None = None, *, new: int = 0o644) -> None:
    """In one step; `mode` as for `staged`. Its folder is made, if need be. Raises OSError; then it is as it was."""
    Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
    beside = staged(path, content, mode, new=new)
    try:
        put(path, beside)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def staged(path: Path, content: bytes | Iterable[bytes], mode: int | None = None, *, new: int = 0o644) -> Path:
    """Writes the content, whole or in pieces, beside the file that it is for, on the disk when this returns. Raises
    OSError, and what making the pieces does.

    It has this `mode`; without one, that of the file, or, if there is none yet, `new` less the umask.
    """
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, new if mode is None else mode & 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
            file.flush()
            _become(file.fileno(), target, mode)
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    return beside


def sweep(path: Path) -> None:
    """Takes away what writers that were killed have left beside this file; nothing that is so new that its writer may
    live. Never raises OSError.
    """
    target = Path(os.path.realpath(path))
    oldest = time.time() - LEFT_OVER_SECONDS
    for beside in target.parent.glob(f".{glob.escape(target.name)}.*.new"):
        found = LEFT_OVER.fullmatch(beside.name)
        with contextlib.suppress(OSError):
            if found and found["of"] == target.name and beside.lstat().st_mtime < oldest:
                beside.unlink()


def put(path: Path, beside: Path) -> None:
    """What `staged` has written takes the file's place. Raises OSError."""
    target = Path(os.path.realpath(path))
    os.replace(beside, target)  # noqa: PTH105 - what the tests stop at
    _sync_folder(target.parent)


@contextlib.contextmanager
def turn(place: Path, busy: str, patience: float | None = None) -> Iterator[None]:
    """Nobody else writes here meanwhile. `place` is a folder, or a file for this alone, which is made.

    Raises OSError; TimeoutError, saying `busy`, when it takes longer than `patience` (PATIENCE) seconds.
    """
    flags = os.O_RDONLY if place.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(place, flags | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, time.monotonic() + (PATIENCE if patience is None else patience), busy)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, until: float, busy: str) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(busy) from None
            time.sleep(_PAUSE)


def _become(descriptor: int, target: Path, mode: int | None) -> None:
    """Its mode; and, for root, who edits somebody's file: it stays that person's."""
    found = target.stat() if target.exists() else None
    if found is not None and os.geteuid() == 0:
        os.fchown(descriptor, found.st_uid, found.st_gid)
    if mode is None and found is not None:
        mode = stat.S_IMODE(found.st_mode)
    if mode is not None:
        os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
