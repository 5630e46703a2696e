"""What `toolgate import` does, step by step: look, start each server once, plan the edits, write them.

Starting a server goes through the same upstreams as serving, so whatever they do at the first sight of a server (its
era, its pins) is done here, too.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.call import Subject, Tool
from gateway.config import Config, ServerConfig
from gateway.config.masking import shown_argument, shown_named, shown_url
from gateway.config.places import Document, KeyPath, Place
from gateway.config.servers import read_servers
from gateway.config.settings import ServerWord
from gateway.errors import ConfigError, Problem
from gateway.gates import listed
from gateway.hosts.changes import Change, Failure, apply
from gateway.hosts.dialects import stdio_entry
from gateway.hosts.home import Home, with_servers
from gateway.hosts.naming import Found, Gateway
from gateway.hosts.sections import Section, edited
from gateway.policy import Policy
from gateway.runtime import open_servers

if TYPE_CHECKING:  # the MCP SDK costs half a second to import
    from gateway.upstream import ServerStatus

__all__ = [
    "GATEWAY",
    "Answer",
    "Plan",
    "ask_servers",
    "planned",
    "readable",
    "secrets_in",
    "server_of",
    "shown_command",
]
__all__ += ["variables_of"]

GATEWAY = "toolgate"  # the name of the entry in a client's file
_ALWAYS_THERE = frozenset({"TOOLGATE_PYTHON", "workspaceFolder", "userHome", "HOME", "PATH", "USER", "SHELL", "TERM"})


# ---- what was found


def readable(found: Sequence[Found], config: Config) -> list[Found]:
    """The same, without an entry where our own reader would refuse it: then it stays, and `why` says why."""
    return [_checked(one, config) if one.entry is not None else one for one in found]


def _checked(found: Found, config: Config) -> Found:
    _, problems = _read(found, config.folders.workspace)
    wrong = next((problem for problem in problems if problem.level == "error"), None)
    if wrong is None:
        return found
    message = wrong.message.partition(": ")[2] or wrong.message
    return replace(found, entry=None, here="", why=message + (f" ({wrong.hint})" if wrong.hint else ""))


def server_of(found: Found, config: Config) -> ServerConfig:
    """The server as the gateway would have it. Raises ConfigError."""
    server, problems = _read(found, config.folders.workspace)
    if server is None:
        raise ConfigError(problems)
    word = config.settings.servers.get(found.here, ServerWord())
    return replace(server, word=word)


def _read(found: Found, workspace: Path) -> tuple[ServerConfig | None, Sequence[Problem]]:
    places: dict[KeyPath, Place] = {("mcpServers", found.here): found.place}
    document = Document(found.section.source.file, workspace, {"mcpServers": {found.here: found.entry}}, places)
    read = read_servers(document)
    entry = next(iter(read.entries), None)
    return (ServerConfig(entry.name, entry, ServerWord(), workspace) if entry else None), read.problems


def shown_command(found: Found) -> str:
    """What is started or called, without secrets."""
    entry = found.entry or {}
    if "url" in entry:
        return shown_url(entry["url"])
    args = entry.get("args", [])
    return " ".join([entry.get("command", ""), *(shown_argument(args, index) for index in range(len(args)))])


def secrets_in(found: Found) -> list[str]:
    """Where literal secrets stand in it, by name: `env GITHUB_TOKEN`. Never the secrets."""
    entry = found.entry or {}
    tables = [(key, entry.get(key, {})) for key in ("env", "headers")]
    named = [(f"{key} {name}", shown_named(name, text), text) for key, table in tables for name, text in table.items()]
    args = entry.get("args", [])
    named += [("an argument", shown_argument(args, index), text) for index, text in enumerate(args)]
    named += [("its address", shown_url(entry["url"]), entry["url"])] if "url" in entry else []
    return [what for what, shown, text in named if shown != text]


def variables_of(servers: Iterable[ServerConfig], environ: Mapping[str, str]) -> list[str]:
    """The variables that these servers name and that are set: a client must pass them on to the gateway."""
    told = [server.transport for server in servers]
    texts = [text for one in told for name in one.__slots__ for text in _templates(getattr(one, name))]
    named = {variable.name for text in texts for variable in text.variables}
    return sorted(name for name in named - _ALWAYS_THERE if name in environ)


def _templates(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, tuple):
        yield from value
    elif hasattr(value, "variables"):
        yield value


# ---- started once


@dataclass(frozen=True, slots=True)
class Answer:
    """How one server answered: its status, its tools, and those that the policy could allow to whoever imports."""

    status: "ServerStatus"
    tools: tuple[Tool, ...] = field(repr=False)
    usable: int = 0

    @property
    def ready(self) -> bool:
        return self.status.state == "ready"


async def ask_servers(
    found: Sequence[Found], config: Config, policy: Policy | None, *, learns: bool
) -> Mapping[str, Answer]:
    """Starts each server once, all at the same time, each within its `connect_timeout`; by the name it has here.

    `learns`: its tools are pinned.
    """
    servers = {one.here: server_of(one, config) for one in found if one.entry is not None}
    async with open_servers(dataclasses.replace(config, servers=servers), learns=learns) as upstream:
        statuses, catalogue = upstream.status(), upstream.catalogue
    now, subject = datetime.now(UTC), Subject(config.identity.user, config.identity.tenant)
    answers = {}
    for status in statuses:
        tools = tuple(tool for tool in catalogue.tools.values() if tool.server == status.name)
        usable = sum(listed(tool, catalogue, policy, subject, now) for tool in tools) if policy else 0
        answers[status.name] = Answer(status, tools, usable)
    return answers


# ---- the plan


@dataclass(frozen=True, slots=True)
class Plan:
    """What is moved, which files change, and which can't.

    `connected` are the sections that get an entry for the gateway, with it; `variables` those that it must be given.
    """

    moved: tuple[Found, ...]
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...] = ()
    connected: tuple[tuple[Section, Mapping[str, Any]], ...] = ()
    variables: tuple[str, ...] = ()

    def write(self, state: Path) -> list[Failure]:
        """Does it. Raises ConfigError when there can be no backup."""
        return apply(self.changes, state) if self.changes else []


def planned(
    answered: Sequence[Found], home: Home, config: Config, launch: Sequence[str], *, gateway: Gateway, keep: bool
) -> Plan:
    """Edits for the servers that answered. A file that can't be edited keeps its servers."""
    servers = [*config.servers.values(), *(server_of(one, config) for one in answered)]
    variables = variables_of(servers, os.environ)
    draft = _Draft(gateway, launch, variables, keep=keep)
    for section in dict.fromkeys(one.section for one in answered):
        draft.edit(section, [one for one in answered if one.section is section])
    added = {one.here: one.entry for one in draft.moved if not one.known and one.entry is not None}
    ours = with_servers(home, config.folders, added)
    changes = [*([ours] if ours else []), *draft.changes()]
    connected = tuple(draft.connected)
    return Plan(tuple(draft.moved), tuple(changes), tuple(draft.problems), connected, tuple(variables))


class _Draft:
    """Edits, collected file by file: one file may hold several sections."""

    def __init__(self, gateway: Gateway, launch: Sequence[str], variables: Sequence[str], *, keep: bool) -> None:
        self.gateway, self.launch, self.variables, self.keep = gateway, launch, variables, keep
        self.moved: list[Found] = []
        self.problems: list[Problem] = []
        self.connected: list[tuple[Section, Mapping[str, Any]]] = []
        self._texts: dict[Path, str] = {}
        self._sections: dict[Path, Section] = {}

    def edit(self, section: Section, found: Sequence[Found]) -> None:
        path = section.source.path
        before = self._texts.get(path, section.source.text)
        remove = [] if self.keep else [one.name for one in found]
        add = self._entry(section)
        try:
            self._texts[path] = edited(section, before, remove, add)
        except ConfigError as error:
            self.problems += error.problems
            return
        self._sections[path] = section
        self.moved += found
        self.connected += [(section, entry) for entry in add.values()]

    def _entry(self, section: Section) -> Mapping[str, Any]:
        """This gateway's entry, unless the section has it."""
        if any(self.gateway.is_this(value) for value in section.servers.values()):
            return {}
        name = GATEWAY if GATEWAY not in section.servers else f"{GATEWAY}-gateway"
        return {name: stdio_entry(section.host, self.launch, self.variables)}

    def changes(self) -> Iterator[Change]:
        for path, section in self._sections.items():
            after = section.source.encoded(self._texts[path])
            if after != section.source.raw:
                yield Change(section.host.name, path, section.source.raw, after)
