"""What the files of the hosts hold: each place with servers is a section. Reads files; changes nothing."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from gateway.config.documents import toml_document
from gateway.config.folders import PROJECT_FILE, SERVERS_FILE, Folders, shown_path
from gateway.config.jsonc import parse_jsonc
from gateway.config.places import KeyPath, Place
from gateway.errors import ConfigError, Problem
from gateway.hosts.json_edit import with_member, without_members
from gateway.hosts.table import HOSTS, WORKSPACE, Format, Host, Location
from gateway.hosts.text import Source, read_source
from gateway.hosts.toml_edit import with_table, without_tables

__all__ = ["Section", "Sections", "edited", "find_sections", "sections_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One place where a host keeps servers, as it was read: no other is equal to it.

    `workspace` is the folder that it is for; None for all folders. `off` names those that are switched off.
    """

    host: Host
    source: Source
    key: KeyPath
    workspace: Path | None
    servers: Mapping[str, Any] = field(repr=False)
    off: frozenset[str] = frozenset()
    places: Mapping[KeyPath, Place] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sections:
    """What was found, and which files can't be used."""

    found: tuple[Section, ...]
    problems: tuple[Problem, ...]


def find_sections(folders: Folders, environ: Mapping[str, str], hosts: Sequence[Host] = HOSTS) -> Sections:
    """Every section that there is, in the order of the table. A file that can't be used is a problem, not an error."""
    found: list[Section] = []
    problems: list[Problem] = []
    for host in hosts:
        for section in sections_of(host, folders, environ, problems):
            if section.source.raw is not None and section.servers and not _is_known(section, found):
                found.append(section)
    return Sections(tuple(found), tuple(dict.fromkeys(problems)))


def sections_of(host: Host, folders: Folders, environ: Mapping[str, str], problems: list[Problem]) -> Iterator[Section]:
    """The host's sections, those of files that are not there included; what is wrong is added to `problems`."""
    for location in host.locations:
        path = _path_of(location, folders, environ)
        if path is None or _is_ours(path):
            continue
        try:
            yield _section(host, location, path, folders, environ)
        except ConfigError as error:
            problems += error.problems


def _section(host: Host, location: Location, path: Path, folders: Folders, environ: Mapping[str, str]) -> Section:
    """One section as it is now. Raises ConfigError for a file that can't be used."""
    source = read_source(path, shown_path(path, folders.cwd))
    value, places = _parsed(source.text, source.file, host.format)
    key = tuple(_filled(part, folders) for part in location.key)
    servers = _at(value, key)
    if servers is not None and not isinstance(servers, Mapping):
        raise ConfigError([places.get(key, Place(source.file)).problem(f"`{key[-1]}` must be an object of servers")])
    workspace = folders.workspace if location.scope == "workspace" else None
    off = frozenset(_switched_off(location, value, folders, environ))
    return Section(host, source, key, workspace, servers or {}, off, places)


def _switched_off(location: Location, value: Any, folders: Folders, environ: Mapping[str, str]) -> Iterator[str]:
    for pattern, key in location.off:
        there = _other(_filled_path(pattern, folders, environ)) if pattern else value
        listed = _at(there, tuple(_filled(part, folders) for part in key))
        yield from (name for name in listed if isinstance(name, str)) if isinstance(listed, list) else ()


def _other(path: Path) -> Any:
    """What another file of the host says; nothing, if it can't be read."""
    try:
        return _parsed(read_source(path, str(path)).text, str(path), "json")[0]
    except ConfigError:
        return {}


@lru_cache(maxsize=4)  # a file with two sections is read once, and what an edit made is what the next one begins with
def _parsed(text: str, file: str, form: Format) -> tuple[Any, Mapping[KeyPath, Place]]:
    if form == "toml":
        document = toml_document(text, file, Path())
        return document.value, document.places
    if not text.strip():
        return {}, {}
    value, places = parse_jsonc(text, file)
    if not isinstance(value, Mapping):
        raise ConfigError.at(file, "the file must hold a JSON object", 1, 1)
    return value, places


# ---- changed


def edited(section: Section, text: str, remove: Sequence[str], add: Mapping[str, Any]) -> str:
    """The text of the section's file without these servers and with those. All else stays, to the byte.

    Raises ConfigError when the file is written in a form in which that can't be done with certainty.
    """
    out, put = _TOOLS[section.host.format]
    try:
        wanted = _wanted(_parsed(text, "", section.host.format)[0], section.key, remove, add)
        text = out(text, section.key, remove) if remove else text
        for name, value in add.items():
            text = put(text, section.key, name, value)
        if _parsed(text, "", section.host.format)[0] in (wanted, _pruned(wanted, section)):
            return text
    except (ConfigError, ValueError, TypeError, KeyError):
        pass
    hint = "edit it by hand, or write each server under a header of its own"
    raise ConfigError.at(section.source.file, "it is written in a form that can't be changed safely", hint=hint)


_Out = Callable[[str, KeyPath, Sequence[str]], str]
_Put = Callable[[str, KeyPath, str, Any], str]
_TOOLS: Mapping[Format, tuple[_Out, _Put]] = {
    "json": (without_members, with_member),
    "toml": (without_tables, with_table),
}


def _wanted(value: Any, key: KeyPath, remove: Sequence[str], add: Mapping[str, Any]) -> Any:
    """Raises TypeError where something else stands in an object's place: to many clients, `null` means no servers."""
    wanted = deepcopy(value)
    servers = wanted
    for part in key:
        servers = servers.setdefault(part, {})
        if not isinstance(servers, dict):
            raise TypeError(f"`{part}` is no object")
    for name in remove:
        del servers[name]
    servers.update(add)
    return wanted


def _pruned(value: Mapping[str, Any], section: Section) -> Any:
    """TOML has no table left when the last `[mcp_servers.x]` is gone; JSON keeps its `{}`."""
    if section.host.format == "json" or _at(value, section.key):
        return value
    return {key: item for key, item in value.items() if key != section.key[0]}


# ---- where


def _path_of(location: Location, folders: Folders, environ: Mapping[str, str]) -> Path | None:
    pattern = location.paths.get("*") or location.paths.get(sys.platform)
    return _filled_path(pattern, folders, environ) if pattern else None


def _filled_path(pattern: str, folders: Folders, environ: Mapping[str, str]) -> Path:
    root, _, rest = pattern.partition("/")
    return _root(root, folders, environ) / rest


def _root(name: str, folders: Folders, environ: Mapping[str, str]) -> Path:
    home = folders.home
    if name == WORKSPACE:
        return folders.workspace
    known = {
        "{home}": ("", home),
        "{config}": ("XDG_CONFIG_HOME", home / ".config"),
        "{support}": ("", home / "Library" / "Application Support"),
        "{codex}": ("CODEX_HOME", home / ".codex"),
        "{claude}": ("CLAUDE_CONFIG_DIR", home),
    }
    variable, otherwise = known[name]
    said = environ.get(variable, "") if variable else ""
    return Path(said) if said.startswith("/") else otherwise


def _filled(part: str | int, folders: Folders) -> str | int:
    return str(folders.workspace) if part == WORKSPACE else part


def _is_ours(path: Path) -> bool:
    """The `.mcp.json` beside a toolgate.toml: Toolgate reads it as it is, so there is nothing to take over."""
    return path.name == SERVERS_FILE and (path.parent / PROJECT_FILE).is_file()


def _is_known(section: Section, found: Sequence[Section]) -> bool:
    """The same place again: the home folder is a workspace, too."""
    path = section.source.path.resolve()
    return any(other.key == section.key and other.source.path.resolve() == path for other in found)


def _at(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
