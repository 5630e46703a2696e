"""What `toolgate init` writes: a project that works at once, with a comment at whatever one may want to change.

Nothing is ever overwritten: a file that is there is kept, and reported. The texts are data, in `gateway/starter/`; the
policies are those that Toolgate ships.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.config.documents import read_json
from gateway.config.folders import PROJECT_FILE, SERVERS_FILE
from gateway.config.servers import read_servers
from gateway.errors import ConfigError

__all__ = ["Kept", "Written", "copy_policies", "has_own_servers", "write_new", "write_starter"]

_PACKAGE = Path(__file__).parent.parent
_TEXTS = _PACKAGE / "starter"
_POLICIES = (_TEXTS / "policies", _PACKAGE.parent / "policies")  # in the wheel; in a checkout
_OURS = {"workspace", "shop"}


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was not there before."""

    path: Path


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was there already, untouched."""

    path: Path


def write_starter(directory: Path) -> list[Written | Kept]:
    """Writes the starter into this folder, which is made if need be. Returns what happened to each file, in order.

    Raises ConfigError if the folder or a file can't be written.
    """
    return [_write(directory / name, text) for name, text in _files(directory).items()]


def write_new(path: Path, text: str) -> list[Path]:
    """Writes one file, unless it is there; returns it if so. Raises ConfigError if it can't be written."""
    return [path] if isinstance(_write(path, text), Written) else []


def copy_policies(directory: Path, names: Sequence[str]) -> list[Path]:
    """Copies those of the shipped policy files that are not there, and returns them. Raises ConfigError."""
    texts = dict(_policies())
    return [path for name in names for path in write_new(directory / name, texts[f"policies/{name}"])]


def _files(directory: Path) -> Mapping[str, str]:
    own = "own_" if has_own_servers(directory) else ""
    return {
        PROJECT_FILE: _text("toolgate.toml") + _text(f"{own}servers.toml"),
        SERVERS_FILE: _text("mcp.json"),
        "scripts/hello.yaml": _text(f"{own}hello.yaml"),
        **dict(_policies()),
        ".toolgate/.gitignore": "*\n",  # the store and the shop's database are nobody else's
    }


def has_own_servers(directory: Path) -> bool:
    """Whether `.mcp.json` is the user's: the servers of the starter are not, and will not be, in it."""
    file = directory / SERVERS_FILE
    if not file.exists():
        return False
    try:
        found = read_servers(read_json(file, SERVERS_FILE))
    except ConfigError:  # its own errors are shown when it is used
        return True
    return not {entry.name for entry in found.entries} >= _OURS


def _text(name: str) -> str:
    return (_TEXTS / name).read_text(encoding="utf-8")


def _policies() -> Iterator[tuple[str, str]]:
    folder = next(folder for folder in _POLICIES if folder.is_dir())
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"policies/{file.relative_to(folder).as_posix()}", file.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> Written | Kept:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:  # `x`: whoever made it in the meantime keeps it
            file.write(text)
    except FileExistsError:
        return Kept(path)
    except OSError as error:
        raise ConfigError.at(str(path), f"can't be written: {error.strerror}") from None
    return Written(path)
