"""Policy files written by a command: all of them as they shall be, or all as they were, also after a `kill -9`.

A single file is replaced by renaming. Of several, the new contents are first written down beside the policy, in a
journal; while it is there nobody takes what the files say (`files.is_being_written`), and whoever comes next finishes
what it says. It names files within the configured places only.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.errors import PolicyError
from gateway.policy.files import journal_of, members, shown
from gateway.policy.version import Files
from gateway.replacing import LEFT_OVER, put, replace_file, staged, turn

__all__ = ["finish", "replace_files"]

_OURS = (".csv", ".conf", ".writing")
_BUSY = "another command is writing the policy"


def replace_files(files: Files, model: Path, policy: Path, begun: Callable[[], None] = lambda: None) -> list[Path]:
    """Makes the files say this, and returns those that had to be changed. `begun` is called when all is prepared.

    Raises PolicyError when they can't be written; then they are as they were.
    """
    try:
        with turn(policy.parent, _BUSY):
            _sweep(model, policy)
            targets = _changed(files, model, policy)
            prepared = _prepared(targets)
            try:
                if len(targets) > 1:
                    replace_file(journal_of(policy), files.to_text().encode())
                begun()
                _put(targets, prepared)
            finally:
                for beside in prepared.values():
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
    with contextlib.suppress(TimeoutError), turn(policy.parent, _BUSY, 0.0):  # else its writer lives, and finishes it
        if journal.exists():
            targets = _changed(Files.from_text(journal.read_text(encoding="utf-8")), model, policy)
            _put(targets, _prepared(targets))
            journal.unlink()
            return True
    return False


def _changed(files: Files, model: Path, policy: Path) -> Mapping[Path, bytes | None]:
    """What each file shall hold that holds something else; None: it shall not be there."""
    wanted: dict[Path, bytes | None] = {model: files.model}
    if policy.is_dir():
        wanted |= dict.fromkeys(members(policy))
        wanted |= {policy / Path(name).name: content for name, content in files.policy}
    else:
        wanted[policy] = files.policy[0][1]
    return {path: content for path, content in wanted.items() if _content(path) != content}


def _sweep(model: Path, policy: Path) -> None:
    """Takes away what commands that were killed have left beside the files."""
    for folder in {Path(os.path.realpath(path)).parent for path in (model, policy)} | {policy}:
        for path in folder.glob(".*.new"):
            left = LEFT_OVER.fullmatch(path.name)
            if left and left["of"].lower().endswith(_OURS):
                path.unlink()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _prepared(targets: Mapping[Path, bytes | None]) -> Mapping[Path, Path]:
    """Every new content, beside the file that it is for."""
    prepared: dict[Path, Path] = {}
    try:
        for path, content in targets.items():
            if content is not None:
                prepared[path] = staged(path, content)
            elif not os.access(path.parent, os.W_OK):
                raise PermissionError(13, os.strerror(13), str(path))
    except OSError:
        for beside in prepared.values():
            beside.unlink(missing_ok=True)
        raise
    return prepared


def _put(targets: Mapping[Path, bytes | None], prepared: Mapping[Path, Path]) -> None:
    for path in targets:
        if path in prepared:
            put(path, prepared[path])
        else:
            path.unlink(missing_ok=True)
