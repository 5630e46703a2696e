"""Policy files -> text. The one place of this package that reads the disk; `writing` is the one that writes it.

The policy is one file, or a folder whose `*.csv` files count as one: their order means nothing, nor does the case of
`.csv`. Files of a folder within it don't count, and stand in the way: somebody took them for a part of it. A `Stamp` is
what a file system says about the files without reading them; another stamp means that they should be read again.
"""

import errno
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import PolicyError, Problem

__all__ = ["MAX_BYTES", "Source", "Stamp", "is_being_written", "is_table", "journal_of", "members", "newest_of"]
__all__ += ["owner_of", "read_sources", "shown", "stamp_of", "writable_by_all"]

MAX_BYTES = 16_000_000

Stamp = tuple[tuple[str, int, int, int, int], ...]
"""Name, times of modification and of change (ns), inode, size of each; empty: it can't be read. The time of change is
the one that nobody sets back."""


@dataclass(frozen=True, slots=True)
class Source:
    """`file` is the name as people should see it: relative to where we stand, if it lies below."""

    file: str
    content: bytes


def stamp_of(path: Path) -> Stamp:
    """Never raises: what can't be looked at has an empty stamp."""
    name = str(path)
    try:
        found = os.stat(name)  # noqa: PTH116 - on the path of every call: a third of the cost of Path.stat
        here = _stamp(name, found)
        if not stat.S_ISDIR(found.st_mode):
            return (here,)
        return (here, *(_stamp(str(file), file.stat()) for file in members(path)))
    except OSError:
        return ()


def _stamp(file: str, found: os.stat_result) -> tuple[str, int, int, int, int]:
    return file, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def members(folder: Path) -> list[Path]:
    """The files that count in a policy's folder, by name. Raises OSError."""
    return sorted(file for file in folder.iterdir() if is_table(file.name))


def is_table(name: str) -> bool:
    """Whether a file of this name counts in a policy's folder."""
    return name.lower().endswith(".csv") and not name.startswith(".")


def _within(folder: Path) -> list[Problem]:
    """Folders in a policy's folder that hold what looks like a part of it. Not hidden ones: a ConfigMap has them."""
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [Problem(shown(path), 0, 0, _NOT_READ, _MOVE) for path in inner if not is_table(path.name) and _tables(path)]


def _tables(folder: Path) -> bool:
    return any(is_table(name) for _, _, names in os.walk(folder) for name in names)


def newest_of(now: Stamp, then: Stamp) -> float:
    """When the newest of the files was written that are not as they were, in seconds since 1970; 0 for none."""
    return max((file[1] for file in now if file not in then), default=0) / 1e9


def journal_of(policy: Path) -> Path:
    """What is written beside the policy while several of its files are replaced: see `writing`."""
    return policy.with_name(f".{policy.name}.writing")


def is_being_written(policy: Path) -> bool:
    """Whether somebody is replacing several of its files just now, or was killed while he did."""
    return journal_of(policy).exists()


_NOT_READ = "a folder within the policy's folder is not read, and it holds .csv files"
_MOVE = "move them up into the policy's folder, or this folder out of it"
_HINTS = {
    errno.ENOENT: (
        "`toolgate policy rollback` brings back what was in force, `toolgate init` writes a starter, and"
        " `--project FOLDER` names another project (that of `toolgate import` is ~/.config/toolgate/gateway)"
    ),
    errno.ELOOP: "the symbolic link leads back to itself; make it lead to the file",
    errno.EACCES: "let the user that Toolgate runs as read it",
}


def read_sources(path: Path) -> list[Source]:
    """The file, or the folder's files by name. Raises PolicyError for what can't be read."""
    try:
        files = members(path) if path.is_dir() else [path]
        if wrong := _within(path) if path.is_dir() else []:
            raise PolicyError(wrong)
        if not files:
            raise PolicyError.at(shown(path), "the folder holds no .csv file")
        return [_read(file) for file in files]
    except OSError as error:
        name = shown(Path(error.filename)) if isinstance(error.filename, str) else shown(path)
        hint = _HINTS.get(error.errno or 0, "")
        raise PolicyError.at(name, f"can't be read: {error.strerror or error}", hint=hint) from None


def _read(file: Path) -> Source:
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would wait for ever
        raise PolicyError.at(shown(file), "not a regular file")
    if found.st_size > MAX_BYTES:
        raise PolicyError.at(shown(file), f"larger than {MAX_BYTES:,} bytes")
    return Source(shown(file), file.read_bytes())


def owner_of(path: Path) -> str:
    """Whose the file is that was written last, by the name that this machine knows; empty where there is none."""
    try:
        files = [path, *members(path)] if path.is_dir() else [path]
        newest = max((file.stat() for file in files), key=lambda found: found.st_mtime_ns)
    except OSError:
        return ""
    try:
        return pwd.getpwuid(newest.st_uid).pw_name
    except KeyError:
        return f"uid {newest.st_uid}"


def writable_by_all(path: Path) -> list[Problem]:
    """A warning for each file that anybody on this machine may change (POSIX; elsewhere modes say nothing)."""
    if os.name != "posix":
        return []
    files = [path, *members(path)] if path.is_dir() else [path]
    return [
        Problem(shown(file), 0, 0, "anybody on this machine may change this file", "chmod o-w", "warning", "open-file")
        for file in files
        if file.stat().st_mode & stat.S_IWOTH
    ]


def shown(path: Path) -> str:
    """The name by which people know a file: relative to where we stand, if it lies below."""
    try:
        return _resolved(path).relative_to(Path.cwd()).as_posix() if path.is_absolute() else path.as_posix()
    except (OSError, ValueError, RuntimeError):
        return path.as_posix()


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:  # symbolic links that go round in a circle
        return path.parent.resolve() / path.name
