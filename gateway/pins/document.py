"""`toolgate.lock` as text: TOML that people read, and that git merges. Pure.

Servers and tools stand in the order of their names, each tool is a block of its own (so is each prompt, and whatever
else is pinned), and what is written at first sight depends on nothing but the server: two branches that pin the same
tool write the same lines. A definition is indented
JSON, so that a changed description is a changed line; whatever would be invisible in it is written as a `\\u` escape.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from gateway.call import JsonObject
from gateway.config.documents import toml_document
from gateway.config.places import Document, KeyPath, dotted
from gateway.errors import ConfigError, Problem
from gateway.pins.entries import Accepted, Identity, PinnedEntry, PinnedServer, Pins
from gateway.pins.things import kind_of, named
from gateway.visible import hides
from gateway.wording import did_you_mean

__all__ = ["dump", "parse", "weight"]

VERSION = 2
TOOLS_ONLY = 1  # the version that pinned nothing but tools
MEND = "take the file from version control, or remove the block: it is pinned anew when it is seen the next time"

_HEAD = """\
# What each MCP server offered when it was first seen. What is not the same any more is held until somebody accepts
# what it is now: `toolgate pins`. Written by Toolgate; keep it in version control.
"""
_UNPRINTED = re.compile(r"[^\x20-\x7e]")  # what has to be looked at one by one
_UNPRINTED_IN_LINES = re.compile(r"[^\n\x20-\x7e]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECTIONS = {"tool": "tools", "about": "about", "prompt": "prompts", "resource": "resources", "template": "templates"}
_NAMED_BY = {"tool": "name", "prompt": "name", "resource": "uri", "template": "uriTemplate"}
_SERVER_KEYS = ("launch", "name", "version", "tools_only", "accepted_by", "accepted_at", *_SECTIONS.values())
_ENTRY_KEYS = ("pin", "added_at", "accepted_by", "accepted_at", "definition")


# ---- writing


def dump(pins: Pins) -> Iterator[str]:
    """The whole file, piece by piece: all of it at once takes five times as much memory as it has characters."""
    yield f"{_HEAD}version = {VERSION}\n"
    for name, server in sorted(pins.items()):
        yield "\n" + _block(f"servers.{_key(name)}", _server_lines(server))
        for kind, section in _SECTIONS.items():
            for thing, entry in sorted(server.entries.items(), key=itemgetter(0)):
                if kind_of(thing) == kind:
                    header = f"servers.{_key(name)}.{section}.{_key(named(thing))}"
                    yield "\n" + _block(header, _entry_lines(entry, kind))


def weight(thing: str, entry: PinnedEntry) -> int:
    """How many bytes an entry takes in the file, but for the name of its server."""
    return len(_block(_key(named(thing)), _entry_lines(entry, kind_of(thing))).encode())


def _block(header: str, lines: Mapping[str, str]) -> str:
    return f"[{header}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def _server_lines(server: PinnedServer) -> Mapping[str, str]:
    identity = server.identity
    said = {"launch": identity.launch, "name": identity.name, "version": identity.version}
    lines = {key: _text(value) for key, value in (said | _accepted_lines(server.accepted)).items()}
    return lines | ({"tools_only": "true"} if server.tools_only else {})


def _entry_lines(entry: PinnedEntry, kind: str) -> Mapping[str, str]:
    added = {"added_at": entry.added_at} if entry.added_at else {}
    schema = {"schema": entry.schema} if kind == "tool" else {}
    said = {"pin": entry.pin, **schema, **added, **_accepted_lines(entry.accepted)}
    return {key: _text(value) for key, value in said.items()} | {"definition": _definition(entry.definition)}


def _accepted_lines(accepted: Accepted | None) -> dict[str, str]:
    return {"accepted_by": accepted.by, "accepted_at": accepted.at} if accepted else {}


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """A basic string of TOML (https://toml.io/en/v1.0.0, String), with nothing invisible in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _UNPRINTED.sub(lambda found: _numbered(found[0]), escaped) + '"'


def _numbered(character: str) -> str:
    return f"\\U{ord(character):08x}" if hides(character) else character


def _definition(definition: JsonObject) -> str:
    """JSON within a literal string of TOML, which knows no escapes; JSON's own serve."""
    text = _indented(definition).replace("''", "'\\u0027")
    return "'''\n" + _UNPRINTED_IN_LINES.sub(lambda found: _escaped(found[0]), text) + "\n'''"


def _indented(value: Any, depth: int = 1) -> str:
    """As `json.dumps` with an indent of 1 and sorted keys. That leaves functions that refer to each other behind, each
    time: garbage that stays for ever in a gateway that starts, which collects none.
    """
    if isinstance(value, Mapping) and value:
        opening, closing = "{", "}"
        items = [f"{_JSON(key)}: {_indented(value[key], depth + 1)}" for key in sorted(value)]
    elif isinstance(value, list) and value:
        opening, closing = "[", "]"
        items = [_indented(item, depth + 1) for item in value]
    else:
        return _JSON(value)
    line = "\n" + " " * depth
    return f"{opening}{line}{f',{line}'.join(items)}{line[:-1]}{closing}"


_JSON = json.JSONEncoder(ensure_ascii=False).encode


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if hides(character) else character


# ---- reading


def parse(text: str, file: str) -> Pins:
    """The pins of a file; `file` is its name for people. Raises ConfigError with every problem and its place."""
    try:
        value = tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        value = {}  # whose lack of a version is a problem
    reader = _Reader(Document(file, Path(), value, {}))
    pins = reader.pins()
    return _with_places(text, file) if reader.problems else pins


def _with_places(text: str, file: str) -> Pins:
    """Reads again what is wrong, to say where: finding out takes longer than reading."""
    try:
        reader = _Reader(toml_document(text, file, Path()))
    except ConfigError as error:
        raise ConfigError([replace(problem, hint=MEND) for problem in error.problems]) from None
    reader.pins()
    raise ConfigError(reader.problems)


class _Reader:
    """Reads all of it, and collects what is wrong; what it returns counts only if nothing is."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def wrong(self, path: KeyPath, message: str, hint: str = MEND) -> None:
        self.problems.append(self.document.at(*path).problem(message, hint))

    def pins(self) -> Pins:
        self.known((), self.document.value, ("version", "servers"))
        version = self.document.value.get("version")
        if version not in (TOOLS_ONLY, VERSION) or isinstance(version, bool):
            self.wrong(
                ("version",),
                f"`version` must be {TOOLS_ONLY} or {VERSION}",
                "a newer Toolgate wrote it, or something is missing",
            )
        servers = self.table(("servers",), self.document.value.get("servers", {}))
        found = {name: self.server(("servers", name), value) for name, value in servers.items()}
        if version == TOOLS_ONLY:
            return {name: replace(server, tools_only=True) for name, server in found.items()}
        return found

    def server(self, path: KeyPath, value: Any) -> PinnedServer:
        table = self.table(path, value)
        self.known(path, table, _SERVER_KEYS)
        said = [self.text(path, table, key) for key in ("launch", "name", "version")]
        if not isinstance(table.get("tools_only", True), bool):
            self.wrong((*path, "tools_only"), f"`{dotted((*path, 'tools_only'))}` must be true or false")
        entries = {thing: entry for kind in _SECTIONS for thing, entry in self.entries(path, table, kind)}
        tools_only = table.get("tools_only") is True
        return PinnedServer(Identity(*said), entries, self.accepted(path, table), tools_only)

    def entries(self, path: KeyPath, table: Mapping[str, Any], kind: str) -> Iterator[tuple[str, PinnedEntry]]:
        section = _SECTIONS[kind]
        for name, item in self.table((*path, section), table.get(section, {})).items():
            yield (name if kind == "tool" else f"{kind}:{name}"), self.entry((*path, section, name), item, kind)

    def entry(self, path: KeyPath, value: Any, kind: str) -> PinnedEntry:
        table = self.table(path, value)
        self.known(path, table, (*_ENTRY_KEYS, "schema") if kind == "tool" else _ENTRY_KEYS)
        definition = self.definition(path, self.text(path, table, "definition"))
        entry = PinnedEntry.of(definition, self.accepted(path, table), self.optional(path, table, "added_at"))
        hashes = {"pin": entry.pin} | ({"schema": entry.schema} if kind == "tool" else {})
        for key, true in hashes.items():
            if self.text(path, table, key) != true and not self.problems:
                self.wrong((*path, key), f"`{dotted((*path, key))}` is not the hash of the definition below it")
        if definition.get(_NAMED_BY[kind], "") != path[-1] if kind in _NAMED_BY else path[-1] not in definition:
            self.wrong(path, f"the definition in `{dotted(path)}` is that of another {kind}")
        return entry

    def definition(self, path: KeyPath, text: str) -> JsonObject:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        self.wrong((*path, "definition"), f"`{dotted((*path, 'definition'))}` is not a JSON object")
        return {}

    def accepted(self, path: KeyPath, table: Mapping[str, Any]) -> Accepted | None:
        by, at = self.optional(path, table, "accepted_by"), self.optional(path, table, "accepted_at")
        if bool(by) != bool(at):
            self.wrong(path, f"`accepted_by` and `accepted_at` in `{dotted(path)}` need each other")
        return Accepted(by, at) if by and at else None

    def table(self, path: KeyPath, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self.wrong(path, f"`{dotted(path)}` must be a table")
        return {}

    def text(self, path: KeyPath, table: Mapping[str, Any], key: str) -> str:
        if isinstance(table.get(key), str):
            return str(table[key])
        said = "must be text in quotes" if key in table else "is missing"
        self.wrong((*path, key), f"`{dotted((*path, key))}` {said}")
        return ""

    def optional(self, path: KeyPath, table: Mapping[str, Any], key: str) -> str:
        return self.text(path, table, key) if key in table else ""

    def known(self, path: KeyPath, table: Mapping[str, Any], keys: Sequence[str]) -> None:
        for key in table:
            if key not in keys:
                where = f"`[{dotted(path)}]`" if path else "the file"
                self.wrong((*path, key), f"there is no key `{key}` in {where}", did_you_mean(key, keys) or MEND)
