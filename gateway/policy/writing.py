"""Policy files written by a command: all of them as they shall be, or all as they were, also after a `kill -9`.

A single file is replaced by renaming. Of several, the new contents are first written down beside the policy, in a
journal; while it is there nobody takes what the files say (`files.is_being_written`), and whoever comes next finishes
what it says. It names files within the configured places only.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gateway.errors import PolicyError
from gateway.policy.files import journal_of, shown
from gateway.policy.version import Files

__all__ = ["PATIENCE", "finish", "replace_files"]

PATIENCE = 2.0  # seconds for another writer to finish
_PAUSE = 0.01
_LEFT_OVER = re.compile(r"\..+\.(?:csv|conf|writing)\.[0-9]+\.new")


def replace_files(files: Files, model: Path, policy: Path, begun: Callable[[], None] = lambda: None) -> list[Path]:
    """Makes the files say this, and returns those that had to be changed. `begun` is called when all is prepared.

    Raises PolicyError when they can't be written; then they are as they were.
    """
    try:
        with _turn(policy):
            _sweep(model, policy)
            targets = _changed(files, model, policy)
            staged = _staged(targets)
            try:
                if len(targets) > 1:
                    _write(journal_of(policy), files.to_text().encode())
                begun()
                _put(targets, staged)
            finally:
                for beside in staged.values():
                    beside.unlink(missing_ok=True)
            journal_of(policy).unlink(missing_ok=True)
            return list(targets)
    except OSError as error:
        name = shown(Path(error.filename)) if isinstance(error.filename, str) else shown(policy)
        hint = "nothing was changed; if the files come from elsewhere (a ConfigMap, a repository), change them there"
        raise PolicyError.at(name, f"can't be written: {error.strerror or error}", hint=hint) from None


def finish(model: Path, policy: Path) -> bool:
    """Finishes what a command began that was killed, and says whether there was anything. Raises OSError."""
    journal = journal_of(policy)
    if not journal.exists():
        return False
    with contextlib.suppress(TimeoutError), _turn(policy, patience=0.0):  # else its writer lives, and finishes it
        if journal.exists():
            targets = _changed(Files.from_text(journal.read_text(encoding="utf-8")), model, policy)
            _put(targets, _staged(targets))
            journal.unlink()
            return True
    return False


def _changed(files: Files, model: Path, policy: Path) -> Mapping[Path, bytes | None]:
    """What each file shall hold that holds something else; None: it shall not be there."""
    wanted: dict[Path, bytes | None] = {model: files.model}
    if policy.is_dir():
        there = {file for file in policy.iterdir() if file.suffix == ".csv" and not file.name.startswith(".")}
        wanted |= dict.fromkeys(sorted(there))
        wanted |= {policy / Path(name).name: content for name, content in files.policy}
    else:
        wanted[policy] = files.policy[0][1]
    return {path: content for path, content in wanted.items() if _content(path) != content}


def _sweep(model: Path, policy: Path) -> None:
    """Takes away what commands that were killed have left beside the files."""
    for folder in {Path(os.path.realpath(path)).parent for path in (model, policy)} | {policy}:
        for path in folder.glob(".*.new"):
            if _LEFT_OVER.fullmatch(path.name):
                path.unlink()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _staged(targets: Mapping[Path, bytes | None]) -> Mapping[Path, Path]:
    """Every new content, beside the file that it is for."""
    staged: dict[Path, Path] = {}
    try:
        for path, content in targets.items():
            if content is not None:
                staged[path] = _beside(Path(os.path.realpath(path)), content)
            elif not os.access(path.parent, os.W_OK):
                raise PermissionError(13, os.strerror(13), str(path))
    except OSError:
        for beside in staged.values():
            beside.unlink(missing_ok=True)
        raise
    return staged


def _put(targets: Mapping[Path, bytes | None], staged: Mapping[Path, Path]) -> None:
    for path in targets:
        if path in staged:
            target = Path(os.path.realpath(path))  # a link stays a link
            staged[path].replace(target)
            _sync_folder(target.parent)
        else:
            path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    _beside(path, content).replace(path)
    _sync_folder(path.parent)


def _beside(target: Path, content: bytes) -> Path:
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return beside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _turn(policy: Path, patience: float | None = None) -> Iterator[None]:
    """No other command writes meanwhile: a lock on the folder, which ends with the process. Raises OSError."""
    descriptor = os.open(policy.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _take(descriptor, time.monotonic() + (PATIENCE if patience is None else patience))
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError("another command is writing the policy") from None
            time.sleep(_PAUSE)
