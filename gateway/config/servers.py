"""Which servers a `.mcp.json` names: the standard `mcpServers` of most clients, and `servers` of VS Code. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from gateway.config.places import Document
from gateway.config.server_entry import ServerEntry, StdioTemplate, entry_problems, read_entry
from gateway.config.settings import NAME
from gateway.errors import Problem
from gateway.wording import did_you_mean

__all__ = ["ServerFile", "alike", "read_servers", "starts_toolgate"]

_TOP = ("mcpServers", "servers")
_BESIDE = ("inputs", "$schema")  # VS Code's: an input is refused where it is used


@dataclass(frozen=True, slots=True)
class ServerFile:
    """What one file says: the servers that can be used, and what is wrong, warnings included."""

    entries: tuple[ServerEntry, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_servers(document: Document) -> ServerFile:
    """Every server of the file, and every problem, each with its place."""
    found = [(top, name) for top in _TOP for name in _table(document.value.get(top))]
    problems = [*_top_problems(document), *_name_problems(document, found)]
    entries = []
    for path in found:
        wrong = tuple(entry_problems(document, path))
        problems += wrong
        if not any(problem.level == "error" for problem in wrong):
            entries.append(read_entry(document, path))
    problems += [_ourselves(entry) for entry in entries if _is_ourselves(entry)]
    return ServerFile(tuple(entry for entry in entries if not _is_ourselves(entry)), tuple(problems))


def starts_toolgate(command: str, args: Sequence[object]) -> bool:
    """Whether this program is Toolgate, serving: an editor's entry for it may stand in a file that Toolgate reads."""
    return "serve" in args and (PurePath(command).name == "toolgate" or "gateway.cli" in args)


def alike(entries: Sequence[ServerEntry]) -> Iterator[Problem]:
    """Servers whose names differ by capitals only: policies and people could not tell them apart."""
    seen: dict[str, ServerEntry] = {}
    for entry in entries:
        first = seen.setdefault(entry.name.lower(), entry)
        if first is not entry:
            message = f"the server `{entry.name}` has the same name as `{first.name}` in {first.place}"
            yield entry.place.problem(message, "rename one; capitals don't count")


def _is_ourselves(entry: ServerEntry) -> bool:
    told = entry.transport
    return isinstance(told, StdioTemplate) and starts_toolgate(told.command.text, [part.text for part in told.args])


def _ourselves(entry: ServerEntry) -> Problem:
    message = f"the server `{entry.name}` is Toolgate itself: it is for clients, and left out here"
    return entry.place.problem(message, "connect to another gateway by its `url`", "warning")


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _top_problems(document: Document) -> Iterator[Problem]:
    named = any(top in document.value for top in _TOP)
    for key, value in document.value.items():
        place = document.at(key)
        if key in _TOP and not isinstance(value, Mapping):
            yield place.problem(f"`{key}` must be an object: a name and a description for each server")
        elif key not in _TOP and key not in _BESIDE:
            message = f"there is no key `{key}` at the top of such a file"
            yield place.problem(message, did_you_mean(key, _TOP), "warning" if named else "error")


def _name_problems(document: Document, found: Sequence[tuple[str, str]]) -> Iterator[Problem]:
    for path in found:
        if not NAME.fullmatch(path[1]):
            hint = "letters, digits, `.`, `-` and single `_`, at most 64, beginning with a letter or digit"
            yield document.at(*path).problem(f"`{path[1]}` can't be the name of a server", hint)
