"""Files below one folder, reached in a way that can't leave it. Knows nothing of MCP. POSIX only.

A path is never handed to the kernel as a whole. It is walked one name at a time from the root's descriptor (`openat`)
with O_NOFOLLOW, so that a symbolic link is refused wherever it stands, and swapping a folder for a link between check
and use gains nothing. Only ordinary files are opened. Writing goes to a new file beside the old one, is synced, and
takes its place in one step: a reader sees the old text or the new one, also after a crash.

Not defended against: whoever may write to the folder by other means can put a hard link or a mount into it.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unicodedata import category

__all__ = ["LIMIT", "MAX_ENTRIES", "Entry", "Kind", "Missing", "Refused", "Rooted", "split"]

LIMIT = 1_000_000  # bytes of one file, read or written
MAX_ENTRIES = 1_000  # of one listing
_MAX_PATH = 1_024  # characters
_MAX_NAME = 255  # bytes, what common filesystems take

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a pipe put there must not block us
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Kind = Literal["file", "folder", "link", "other"]
Names = tuple[str, ...]


class Refused(Exception):
    """What was asked can't be done, or may not be. The text names the path and says what to do."""


class Missing(Refused):
    """There is nothing by that name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder. `size` is in bytes, 0 for what is no file."""

    name: str
    kind: Kind
    size: int


def split(path: str) -> Names:
    """`a/./b//c` -> (`a`, `b`, `c`), and `.` -> (). Pure. Raises Refused for what could mean a place outside."""
    if len(path) > _MAX_PATH:
        raise Refused(f"the path has {len(path)} characters; at most {_MAX_PATH} are taken")
    if not _is_text(path):
        raise Refused(f"the path {path!a} holds control characters or halves of characters; use plain names")
    if path.startswith(("/", "~/")) or "\\" in path:
        raise Refused(f"`{path}` is not a path below the workspace; give one such as `notes/today.md`")
    names = tuple(name for name in path.split("/") if name not in ("", "."))
    for name in names:
        if name == "..":
            raise Refused(f"`{path}` holds `..`, which could lead out of the workspace; give the path without it")
        if len(name.encode()) > _MAX_NAME:
            raise Refused(f"a name in the path is longer than {_MAX_NAME} bytes")
    return names


def _is_text(path: str) -> bool:
    return all(category(character) not in ("Cc", "Cf", "Cs") for character in path)


class Rooted:
    """The files below one folder. Safe for use from several threads."""

    def __init__(self, root: Path) -> None:
        """Opens the folder, and makes it if it is missing. Raises OSError. A link as root is the operator's choice."""
        root.mkdir(parents=True, exist_ok=True)
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Gives the root's descriptor back; nothing works afterwards."""
        os.close(self._root)

    def entries(self, path: str) -> tuple[tuple[Entry, ...], bool]:
        """What a folder holds, sorted by name, at most MAX_ENTRIES; and whether that is all. Raises Refused."""
        with self._folder(path, split(path)) as folder:
            with os.scandir(folder) as found:
                names = sorted(entry.name for entry in found)
            entries = (_entry(folder, name) for name in names[:MAX_ENTRIES])
            return tuple(entry for entry in entries if entry is not None), len(names) <= MAX_ENTRIES

    def read(self, path: str) -> str:
        """A file's whole text. Raises Refused, also for more than LIMIT bytes and for what is not UTF-8."""
        with self._parent(path) as (folder, name):
            data = _read(folder, name, path)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Refused(f"`{path}` is not UTF-8 text") from None

    def write(self, path: str, content: str) -> tuple[int, bool]:
        """Makes or replaces a file, and the folders on the way. Returns its bytes, and whether it is new.

        Durable and all or nothing. Raises Refused, also for more than LIMIT bytes.
        """
        data = _encoded(path, content)
        with self._parent(path, create=True) as (folder, name):
            old = _file_status(folder, name, path)
            _replace(folder, name, data, None if old is None else old.st_mode & 0o777)
            return len(data), old is None

    def move(self, source: str, destination: str) -> None:
        """Gives a file another name, and makes the folders on the way; never replaces a file. Raises Refused."""
        with self._parent(source) as (old_folder, old_name):
            _existing(old_folder, old_name, source)
            with self._parent(destination, create=True) as (new_folder, new_name), _told(destination):
                # a link that fails if the name is taken: rename would replace a file that came in between
                os.link(old_name, new_name, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
                os.unlink(old_name, dir_fd=old_folder)
                os.fsync(new_folder)
                os.fsync(old_folder)

    def delete(self, path: str) -> bool:
        """Deletes a file; False if there was none, so that doing it again does no harm. Raises Refused."""
        try:
            with self._parent(path) as (folder, name):
                if _file_status(folder, name, path) is None:
                    return False
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
                return True
        except Missing:
            return False

    @contextmanager
    def _parent(self, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The folder that holds the path's last name, open, and that name."""
        names = split(path)
        if not names:
            raise Refused(f"`{path}` is the workspace itself; give the path of a file in it")
        with self._folder(path, names[:-1], create=create) as folder:
            yield folder, names[-1]

    @contextmanager
    def _folder(self, path: str, names: Names, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder, reached name by name without following a link."""
        with _told(path):
            folder = os.open(".", _FOLDER, dir_fd=self._root)
            try:
                for name in names:
                    inner = _enter(folder, name, create=create)
                    os.close(folder)
                    folder = inner
                yield folder
            finally:
                os.close(folder)


def _enter(folder: int, name: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
            os.fsync(folder)
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError:
        if _kind(os.lstat(name, dir_fd=folder).st_mode) == "link":  # only for the text: the kernel has refused already
            raise Refused(f"`{name}` is a symbolic link, which is never followed") from None
        raise


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Says in plain words what the kernel reports by number."""
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"there is no `{path}`; list_files shows what there is") from None
    except NotADirectoryError:
        raise Refused(f"`{path}`, or a name on the way to it, is not a folder") from None
    except FileExistsError:
        raise Refused(f"`{path}` exists already; delete it first, or take another name") from None
    except OSError as error:
        raise Refused(f"`{path}` can't be used: {os.strerror(error.errno or 0)}") from None


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _entry(folder: int, name: str) -> Entry | None:
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:  # gone since it was listed
        return None
    kind = _kind(status.st_mode)
    shown = name.encode(errors="surrogateescape").decode(errors="replace")
    return Entry(shown, kind, status.st_size if kind == "file" else 0)


def _file_status(folder: int, name: str, path: str) -> os.stat_result | None:
    """The status of an ordinary file, None if the name is free. Raises Refused for anything else by that name."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    return _ordinary(status, path)


def _existing(folder: int, name: str, path: str) -> os.stat_result:
    return _ordinary(os.lstat(name, dir_fd=folder), path)


_WHAT_IT_IS = {
    "folder": "is a folder, not a file",
    "link": "is a symbolic link, which is never followed",
    "other": "is no ordinary file (a device, a pipe or a socket)",
}


def _ordinary(status: os.stat_result, path: str) -> os.stat_result:
    kind = _kind(status.st_mode)
    if kind != "file":
        raise Refused(f"`{path}` {_WHAT_IT_IS[kind]}")
    return status


def _read(folder: int, name: str, path: str) -> bytes:
    _existing(folder, name, path)  # before opening: opening a device can already do something
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        _ordinary(os.fstat(file.fileno()), path)  # and again: it may have been swapped
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise Refused(f"`{path}` has more than {LIMIT} bytes, the most that can be read")
    return data


def _encoded(path: str, content: str) -> bytes:
    try:
        data = content.encode()
    except UnicodeEncodeError:
        raise Refused(f"the content for `{path}` holds a lone surrogate, which is not a character") from None
    if len(data) > LIMIT:
        raise Refused(f"the content for `{path}` has {len(data)} bytes; at most {LIMIT} can be written")
    return data


def _replace(folder: int, name: str, data: bytes, mode: int | None) -> None:
    temporary = f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(temporary, _CREATE, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
