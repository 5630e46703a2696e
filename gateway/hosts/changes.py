"""Files written whole or not at all, after a backup; and given back as they were.

Before the first byte is changed, a folder below our state holds every file as it was and a manifest with the hash of
each before and after. So there is nothing to clean up after a crash at any moment: a file is as it was, or as it was
meant to be, and `undo` tells by its hash. A file that somebody has changed since is left alone unless that is forced,
and then it is kept beside the backup. Nothing is in the client's own folder but its file.
"""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.errors import ConfigError
from gateway.hosts.text import read_bytes
from gateway.replacing import replace_file

__all__ = ["Change", "Failure", "Undone", "apply", "undo"]

OURS = "toolgate"  # the owner of our own files in a manifest

_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Change:
    """A file of one owner (a host's name, or OURS): its bytes before, None if it was not there, and after."""

    owner: str
    path: Path
    before: bytes | None = field(repr=False)
    after: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be written; it is as it was."""

    change: Change
    why: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of one file: it is as it was (`restored`, or `removed` if there was none), or why it is not."""

    owner: str
    path: Path
    state: Literal["restored", "removed", "refused"]
    why: str = ""


def apply(changes: Sequence[Change], state: Path) -> list[Failure]:
    """Backs everything up, then writes one file after the other. Returns those that could not be written.

    The first is ours: a client is only pointed to a gateway that has its servers. If it fails, nothing else is done.
    Raises ConfigError when the backup can't be made; then nothing was changed.
    """
    folder = _back_up(changes, state)
    failures = _written(changes)
    if failures:
        _strike(folder, {str(failure.change.path) for failure in failures})
    return failures


def _written(changes: Sequence[Change]) -> list[Failure]:
    failures: list[Failure] = []
    for change in changes:
        try:
            _write_unchanged(change)
        except OSError as error:
            failures.append(Failure(change, error.strerror or str(error)))
            if change.owner == OURS:
                return [*failures, *(Failure(rest, "it was not tried") for rest in changes if rest.owner != OURS)]
    return failures


def undo(state: Path, owners: Sequence[str], *, force: bool = False) -> list[Undone]:
    """Gives back the files of these owners (all, if none is named) as they were before Toolgate first changed them.

    Our own file goes with the last client of its import. The newest change is undone first.
    """
    done: list[Undone] = []
    stuck: set[str] = set()
    for folder in sorted(_folder(state).glob(f"*/{_MANIFEST}"), reverse=True):
        done += _undo_one(folder.parent, owners, stuck, force=force)
    return done


# ---- the backup


def _folder(state: Path) -> Path:
    return state / "changes"


def _back_up(changes: Sequence[Change], state: Path) -> Path:
    folder = _folder(state) / f"{time.time_ns():020d}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
        for number, change in enumerate(changes):
            if change.before is not None:
                replace_file(folder / f"{number}.before", change.before, 0o600)
        files = [_row(number, change) for number, change in enumerate(changes)]
        _write_manifest(folder, {"version": 1, "files": files})
    except OSError as error:
        hint = "nothing was changed"
        raise ConfigError.at(str(folder), f"the backup can't be written: {error.strerror}", hint=hint) from None
    return folder


def _strike(folder: Path, unwritten: Collection[str]) -> None:
    """There is nothing to give back of what was not written, and it must not stand in the way of an older change."""
    manifest = _manifest(folder)
    for row in manifest["files"]:
        row["undone"] = row["undone"] or row["path"] in unwritten
    with contextlib.suppress(OSError):  # then `undo` asks for --force
        _write_manifest(folder, manifest)


def _row(number: int, change: Change) -> dict[str, Any]:
    before = None if change.before is None else _hash(change.before)
    return {
        "owner": change.owner,
        "path": str(change.path),
        "backup": f"{number}.before",
        "before": before,
        "after": _hash(change.after),
        "undone": False,
    }


def _manifest(folder: Path) -> Any:
    return json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    replace_file(folder / _MANIFEST, json.dumps(manifest, indent=2).encode() + b"\n", 0o600)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- undone


def _undo_one(folder: Path, owners: Sequence[str], stuck: set[str], *, force: bool) -> Iterator[Undone]:
    manifest = _manifest(folder)
    files = manifest["files"]
    for row in [row for row in files if row["owner"] != OURS and (not owners or row["owner"] in owners)]:
        yield from _give_back(folder, row, stuck, force=force)
    if all(row["undone"] for row in files if row["owner"] != OURS):
        for row in [row for row in files if row["owner"] == OURS]:
            yield from _give_back(folder, row, stuck, force=force)
    _write_manifest(folder, manifest)


def _give_back(folder: Path, row: dict[str, Any], stuck: set[str], *, force: bool) -> Iterator[Undone]:
    """Marks the row as undone if it is. A path on which a newer change could not be undone is `stuck`."""
    path = Path(row["path"])
    if row["undone"] or row["path"] in stuck:
        return
    try:
        now = read_bytes(path)
    except OSError as error:
        stuck.add(row["path"])
        yield Undone(row["owner"], path, "refused", error.strerror or str(error))
        return
    found = None if now is None else _hash(now)
    if found != row["before"]:
        if found != row["after"] and not force:
            stuck.add(row["path"])
            why = "it was changed since; --force gives the old file back, and keeps the present one in the backup"
            yield Undone(row["owner"], path, "refused", why)
            return
        if found != row["after"] and now is not None:
            replace_file(folder / f"{row['backup']}.replaced", now, 0o600)
        yield _restored(folder, row, path)
    row["undone"] = True


def _restored(folder: Path, row: Mapping[str, Any], path: Path) -> Undone:
    if row["before"] is None:
        Path(os.path.realpath(path)).unlink(missing_ok=True)  # a link to where there was nothing stays one, too
        return Undone(row["owner"], path, "removed")
    replace_file(path, (folder / row["backup"]).read_bytes(), new=0o600)
    return Undone(row["owner"], path, "restored")


# ---- writing


def _write_unchanged(change: Change) -> None:
    """Raises OSError, also when the file is not as it was when it was read, or is for reading only: to put another one
    in its place would take no permission to write it.
    """
    now = read_bytes(change.path)
    if now != change.before:
        raise OSError("it was changed while this was going on; do it again")
    if now is not None and _is_read_only(change.path):
        raise OSError("it is read-only")
    replace_file(change.path, change.after, 0o600 if change.owner == OURS else None, new=0o600)


def _is_read_only(path: Path) -> bool:
    """Also to root, who may do everything, when nobody is meant to."""
    return not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222
