"""The gateway that servers are moved to: the project at hand, or the user's own.

In a project that has a `toolgate.toml`, it is that one. Else it is `gateway/` in the user's folder of Toolgate, a
project like any other, which is made when it is first needed. Its policy lets the user go on as before, since the
servers were the user's to begin with, and says in which line to change that.

Servers go to `.toolgate/mcp.json` there, not to the project's `.mcp.json`, for two reasons. That folder is never
committed, and the file is for its owner's eyes only (0600): a client's file holds tokens as they are, and they stay as
they are, since a variable of the environment would be missing in every client that starts without a shell. And Claude
Code reads `.mcp.json` itself: what stands there would go round the gateway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.documents import read_json
from gateway.config.folders import MOVED_FILE, PROJECT_FILE, SERVERS_FILE, Folders, shown_path
from gateway.config.servers import read_servers
from gateway.config.starter import copy_policies, write_new
from gateway.errors import ConfigError, PolicyError
from gateway.hosts.changes import OURS, Change
from gateway.hosts.json_edit import with_member
from gateway.hosts.text import read_source
from gateway.policy.files import Source
from gateway.policy.formatting import formatted

__all__ = ["Home", "find_home", "is_read_elsewhere", "known_servers", "make_home", "with_servers"]

_TEXTS = Path(__file__).parent.parent / "starter" / "user"
_TOP = ("mcpServers", "servers")


@dataclass(frozen=True, slots=True)
class Home:
    """`folder` is what `--project` names. `own` says that it is the user's, made by Toolgate."""

    folder: Path
    own: bool

    @property
    def servers_file(self) -> Path:
        return self.folder / MOVED_FILE

    @property
    def exists(self) -> bool:
        return (self.folder / PROJECT_FILE).is_file()


def find_home(folders: Folders) -> Home:
    """The project with a `toolgate.toml`, else the user's own."""
    if folders.project is not None and (folders.project / PROJECT_FILE).is_file():
        return Home(folders.project, own=False)
    return Home(folders.user / "gateway", own=True)


def make_home(home: Home, user: str) -> list[Path]:
    """Makes what is missing of the user's own gateway, for `user:ann`; returns what was made. Raises ConfigError."""
    made: list[Path] = []
    if home.own:
        for name in ("toolgate.toml", "policies/policy.csv"):
            text = (_TEXTS / name).read_text(encoding="utf-8").replace("USER", user)
            made += write_new(home.folder / name, _aligned(name, text) if name.endswith(".csv") else text)
        made += copy_policies(home.folder / "policies", ("model.conf", "budgets.toml"))
    return made + write_new(home.folder / ".toolgate" / ".gitignore", "*\n")


def _aligned(name: str, text: str) -> str:
    """As `toolgate policy fmt` leaves it: how wide a column is depends on the user's name."""
    try:
        return formatted(Source(name, text.encode())).decode()
    except PolicyError:  # a name that no policy can hold; whoever reads the file says so, with the place
        return text


def known_servers(home: Home, folders: Folders) -> Mapping[str, Mapping[str, Any]]:
    """The servers that this gateway has, by name, as its files describe them; the last file counts."""
    known: dict[str, Mapping[str, Any]] = {}
    for path in (folders.user / "mcp.json", home.folder / SERVERS_FILE, home.servers_file):
        if path.is_file():
            value = read_json(path, shown_path(path, folders.cwd)).value
            for top in _TOP:
                known |= {name: it for name, it in (value.get(top) or {}).items() if isinstance(it, Mapping)}
    return known


def is_read_elsewhere(home: Home, folders: Folders) -> bool:
    """Whether Claude Code, opened in this project, reads servers of its `.mcp.json` itself, round the gateway."""
    path = home.folder / SERVERS_FILE
    if home.own or not path.is_file() or not (folders.home / ".claude.json").exists():
        return False
    return bool(read_servers(read_json(path, SERVERS_FILE)).entries)


def with_servers(home: Home, folders: Folders, servers: Mapping[str, Mapping[str, Any]]) -> Change | None:
    """The change of the gateway's own file that adds these servers; None if there are none. Raises ConfigError."""
    if not servers:
        return None
    source = read_source(home.servers_file, shown_path(home.servers_file, folders.cwd))
    text = source.text
    try:
        for name, entry in servers.items():
            text = with_member(text, ("mcpServers",), name, entry)
    except (ConfigError, ValueError):
        raise ConfigError.at(source.file, "it is not an object of servers", hint="mend it, then import again") from None
    return Change(OURS, source.path, source.raw, source.encoded(text))
