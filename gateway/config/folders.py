"""Which files there are to read: the project's, found by walking up, and the user's.

A project is the nearest folder that holds a `toolgate.toml`, else the nearest that holds a `.mcp.json`. The search ends
at the user's home. What is found above the current folder must belong to the user (or to root): such files start
programs, and a folder like /tmp is open to everybody.
https://specifications.freedesktop.org/basedir-spec/latest/ for the user's own.
"""

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError

__all__ = [
    "LOCK_FILE",
    "MOVED_FILE",
    "PROJECT_FILE",
    "SERVERS_FILE",
    "Folders",
    "find_folders",
    "home_of",
    "shown_path",
]

PROJECT_FILE = "toolgate.toml"
SERVERS_FILE = ".mcp.json"
MOVED_FILE = ".toolgate/mcp.json"  # what `toolgate import` took over; never committed
LOCK_FILE = "toolgate.lock"


@dataclass(frozen=True, slots=True)
class Folders:
    """`project` is None where there is none. `user` and `state` are Toolgate's own folders; they need not exist."""

    cwd: Path
    home: Path
    project: Path | None
    user: Path
    state: Path

    @property
    def workspace(self) -> Path:
        """The project, or else where Toolgate was started."""
        return self.project or self.cwd

    @property
    def settings_files(self) -> tuple[Path, ...]:
        """The `toolgate.toml` that there are, the weakest first."""
        return self._existing(self.user / PROJECT_FILE, (PROJECT_FILE,))

    @property
    def server_files(self) -> tuple[Path, ...]:
        """The files of servers that there are, the weakest first."""
        return self._existing(self.user / "mcp.json", (SERVERS_FILE, MOVED_FILE))

    @property
    def private(self) -> Path:
        """Where Toolgate keeps what is its own: within the project, or else the user's state."""
        return self.project / ".toolgate" if self.project else self.state

    @property
    def lock_file(self) -> Path:
        """`toolgate.lock`: in the project, where version control finds it, or else in the user's state."""
        return (self.project or self.state) / LOCK_FILE

    def _existing(self, user: Path, names: Sequence[str]) -> tuple[Path, ...]:
        files = (user, *(self.project / name for name in names)) if self.project else (user,)
        return tuple(file for file in files if _is_file(file))


def find_folders(cwd: Path, environ: Mapping[str, str]) -> Folders:
    """Where to look. Raises ConfigError for a project file that somebody else has put above the current folder."""
    cwd = Path(os.path.abspath(cwd))  # noqa: PTH100 - resolve() would show people another name than they know
    home = home_of(environ)
    config = _base(environ, "XDG_CONFIG_HOME", home / ".config")
    state = _base(environ, "XDG_STATE_HOME", home / ".local" / "state")
    return Folders(cwd, home, _project(cwd, home), config / "toolgate", state / "toolgate")


def home_of(environ: Mapping[str, str]) -> Path:
    """$HOME, or what the system knows about the user, or the root."""
    if environ.get("HOME", "").startswith("/"):
        return Path(environ["HOME"])
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a container's nameless user
        return Path("/")


def shown_path(path: Path, cwd: Path) -> str:
    """A file's name for people: as seen from here, unless that is the longer way to say it."""
    return min(str(path), os.path.relpath(path, cwd), key=len)


def _base(environ: Mapping[str, str], name: str, otherwise: Path) -> Path:
    value = environ.get(name, "")
    return Path(value) if value.startswith("/") else otherwise  # the specification: a relative one is ignored


def _project(cwd: Path, home: Path) -> Path | None:
    for name in (PROJECT_FILE, SERVERS_FILE):
        for folder in _upwards(cwd, home):
            if _is_file(folder / name):
                if folder != cwd:
                    _refuse_foreign(folder / name, cwd)
                return folder
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # a folder above that is closed to us holds no project of ours
        return False


def _upwards(cwd: Path, home: Path) -> Iterator[Path]:
    for folder in (cwd, *cwd.parents):
        yield folder
        if folder == home:
            return


def _refuse_foreign(file: Path, cwd: Path) -> None:
    if file.stat().st_uid not in (os.getuid(), 0):
        message = "this file is above the current folder and belongs to another user, so it is not used"
        raise ConfigError.at(shown_path(file, cwd), message, hint="go to its folder to use it, or remove it")
