"""Which servers a `.mcp.json` names: the standard `mcpServers` of most clients, and `servers` of VS Code. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.config.places import Document
from gateway.config.server_entry import ServerEntry, entry_problems, read_entry
from gateway.config.settings import NAME
from gateway.errors import Problem
from gateway.wording import did_you_mean

__all__ = ["ServerFile", "alike", "read_servers"]

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
    return ServerFile(tuple(entries), tuple(problems))


def alike(entries: Sequence[ServerEntry]) -> Iterator[Problem]:
    """Servers whose names differ by capitals only: policies and people could not tell them apart."""
    seen: dict[str, ServerEntry] = {}
    for entry in entries:
        first = seen.setdefault(entry.name.lower(), entry)
        if first is not entry:
            message = f"the server `{entry.name}` has the same name as `{first.name}` in {first.place}"
            yield entry.place.problem(message, "rename one; capitals don't count")


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
