"""One server of a `.mcp.json`: what may be wrong with it, and what it is, nothing expanded yet. Pure.

A server is a program (`command`, `args`, `env`, `cwd`) or an address (`url`, `headers`). `type` only says so again, but
for `sse`, the deprecated HTTP+SSE transport. Keys that only other clients understand are warned about, since files are
passed around; keys that nobody knows are refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.places import Document, KeyPath, Place, dotted
from gateway.config.templates import Template, pieces
from gateway.errors import Problem
from gateway.wording import did_you_mean

__all__ = ["HttpTemplate", "ServerEntry", "StdioTemplate", "entry_problems", "read_entry"]

_STDIO = ("command", "args", "env", "cwd")
_HTTP = ("url", "headers")

_TYPES: Mapping[str, tuple[str, ...]] = {
    "stdio": _STDIO,
    "local": _STDIO,
    "http": _HTTP,
    "streamable-http": _HTTP,
    "streamableHttp": _HTTP,
    "sse": _HTTP,
}

# What other clients read, and what does the same here.
_OTHERS: Mapping[str, str] = {
    "description": "",
    "name": "",
    "title": "",
    "version": "",
    "icon": "",
    "gallery": "",
    "dev": "",
    "oauth": "",
    "envFile": "name its variables in `env`, as `${NAME}`",
    "timeout": "set `call_timeout` in `[servers.NAME]` of toolgate.toml",
    "trust": "set `trusted` in `[servers.NAME]` of toolgate.toml",
    "alwaysAllow": "allow tools in the policy",
    "autoApprove": "allow tools in the policy",
    "tools": "allow and deny tools in the policy",
}
_ONLY = ("enabledTools", "includeTools")
_OFF = ("disabledTools", "excludeTools")
_SPELLINGS = {"httpUrl": "url", "serverUrl": "url", "environment": "env", "arguments": "args"}

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_VARIABLE = re.compile(r"[^=\x00]+")


@dataclass(frozen=True, slots=True)
class StdioTemplate:
    """A program to start."""

    command: Template
    args: tuple[Template, ...] = ()
    env: Mapping[str, Template] = field(default_factory=dict)
    cwd: Template | None = None


@dataclass(frozen=True, slots=True)
class HttpTemplate:
    """An address to connect to; `sse` is the deprecated HTTP+SSE transport."""

    url: Template
    headers: Mapping[str, Template] = field(default_factory=dict)
    sse: bool = False


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One server as a file describes it; what it says in relative paths starts at `folder`. Of its tools there are
    `only` these (None: all), and none of those that are switched `off`.
    """

    name: str
    transport: StdioTemplate | HttpTemplate
    place: Place
    folder: Path
    disabled: bool = False
    only: frozenset[str] | None = None
    off: frozenset[str] = frozenset()


def read_entry(document: Document, path: KeyPath) -> ServerEntry:
    """The server at this path, in which `entry_problems` found no error."""
    value = _value(document, path)
    off = value.get("disabled", False) or not value.get("enabled", True)
    transport = _stdio(document, path) if "command" in value else _http(document, path)
    only = [frozenset(value[key]) for key in _ONLY if key in value]
    switched = frozenset(name for key in _OFF for name in value.get(key, ()))
    within = frozenset.intersection(*only) if only else None
    return ServerEntry(str(path[-1]), transport, document.at(*path), document.folder, off, within, switched)


def entry_problems(document: Document, path: KeyPath) -> Iterator[Problem]:
    """Everything that is wrong with the server at this path, warnings included."""
    value = _value(document, path)
    if not isinstance(value, Mapping):
        yield document.at(*path).problem(f"`{dotted(path)}` must be an object")
        return
    found = [problem for key in value for problem in _SHAPES.get(key, _unknown)(document, (*path, key))]
    yield from found
    if not any(problem.level == "error" for problem in found):
        yield from _transport_problems(document, path, value)


def _value(document: Document, path: KeyPath) -> Any:
    value: Any = document.value
    for part in path:
        value = value[part]
    return value


def _unknown(document: Document, path: KeyPath) -> Iterator[Problem]:
    key = str(path[-1])
    place = document.at(*path)
    if key in _OTHERS:
        yield place.problem(f"`{dotted(path)}` is for other clients: it has no effect here", _OTHERS[key], "warning")
        return
    hint = f"write `{_SPELLINGS[key]}`" if key in _SPELLINGS else did_you_mean(key, _SHAPES)
    yield place.problem(f"there is no key `{key}` in `{dotted(path[:-1])}`", hint)


def _transport_problems(document: Document, path: KeyPath, value: Mapping[str, Any]) -> Iterator[Problem]:
    """Whether it is one thing, a program or an address, and nothing of the other."""
    place, where = document.at(*path), dotted(path)
    kinds = [keys for keys in (_STDIO, _HTTP) if keys[0] in value]
    if len(kinds) != 1:
        both = "both `command` and `url`: it is a program or an address" if kinds else "neither `command` nor `url`"
        yield place.problem(f"`{where}` has {both}", "keep one of the two" if kinds else "say what to start or call")
        return
    (keys,) = kinds
    for other in (_HTTP if keys is _STDIO else _STDIO)[1:]:
        if other in value:
            yield document.at(*path, other).problem(f"`{dotted((*path, other))}` goes with no `{keys[0]}`", "remove it")
    if "type" in value and _TYPES[value["type"]] is not keys:
        message = f"`{where}` is of type `{value['type']}` but has a `{keys[0]}`"
        yield document.at(*path, "type").problem(message, "remove `type`: what is there decides")


# ---- what each key must hold


def _text(document: Document, path: KeyPath) -> Iterator[Problem]:
    """Text with placeholders that are known. A text that may be a secret is not repeated."""
    value, place, where = _value(document, path), document.at(*path), dotted(path)
    if not isinstance(value, str):
        yield place.problem(f"`{where}` must be text", 'put it in quotes: `"..."`')
        return
    if _CONTROL.search(value):
        yield place.problem(f"`{where}` holds a control character", "remove it")
    try:
        list(pieces(value))
    except ValueError as error:
        yield place.problem(f"`{where}`: {error}")


def _needed_text(document: Document, path: KeyPath) -> Iterator[Problem]:
    if _value(document, path) == "":
        yield document.at(*path).problem(f"`{dotted(path)}` is empty")
    yield from _text(document, path)


def _texts(document: Document, path: KeyPath) -> Iterator[Problem]:
    value = _value(document, path)
    if not isinstance(value, list):
        yield document.at(*path).problem(f"`{dotted(path)}` must be a list of texts", 'write `["...", "..."]`')
        return
    for index in range(len(value)):
        yield from _text(document, (*path, index))


def _tools(document: Document, path: KeyPath) -> Iterator[Problem]:
    value = _value(document, path)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield document.at(*path).problem(f"`{dotted(path)}` must be a list of tools", 'write `["...", "..."]`')


def _named_texts(names: re.Pattern[str]) -> "_Check":
    def check(document: Document, path: KeyPath) -> Iterator[Problem]:
        value = _value(document, path)
        if not isinstance(value, Mapping):
            yield document.at(*path).problem(f"`{dotted(path)}` must be an object of names and texts")
            return
        for name in value:
            if not names.fullmatch(name):
                yield document.at(*path, name).problem(f"`{name}` can't be a name in `{dotted(path)}`")
            yield from _text(document, (*path, name))

    return check


def _type(document: Document, path: KeyPath) -> Iterator[Problem]:
    value = _value(document, path)
    if not isinstance(value, str) or value not in _TYPES:
        hint = did_you_mean(str(value), _TYPES)
        yield document.at(*path).problem(f"`{dotted(path)}` can't be `{value}`", hint)


def _truth(document: Document, path: KeyPath) -> Iterator[Problem]:
    if not isinstance(_value(document, path), bool):
        yield document.at(*path).problem(f"`{dotted(path)}` must be true or false")


_Check = Callable[[Document, KeyPath], Iterator[Problem]]

_SHAPES: Mapping[str, _Check] = {
    "command": _needed_text,
    "args": _texts,
    "env": _named_texts(_VARIABLE),
    "cwd": _needed_text,
    "url": _needed_text,
    "headers": _named_texts(_HEADER),
    "type": _type,
    "disabled": _truth,
    "enabled": _truth,
    **dict.fromkeys((*_ONLY, *_OFF), _tools),
}


# ---- what it is, when nothing is wrong


def _stdio(document: Document, path: KeyPath) -> StdioTemplate:
    value = _value(document, path)
    args = tuple(_template(document, (*path, "args", index)) for index in range(len(value.get("args", ()))))
    cwd = _template(document, (*path, "cwd")) if "cwd" in value else None
    return StdioTemplate(_template(document, (*path, "command")), args, _templates(document, (*path, "env")), cwd)


def _http(document: Document, path: KeyPath) -> HttpTemplate:
    sse = _value(document, path).get("type") == "sse"
    return HttpTemplate(_template(document, (*path, "url")), _templates(document, (*path, "headers")), sse)


def _templates(document: Document, path: KeyPath) -> Mapping[str, Template]:
    names = _value(document, path[:-1]).get(path[-1], {})
    return {name: _template(document, (*path, name)) for name in names}


def _template(document: Document, path: KeyPath) -> Template:
    return Template(_value(document, path), document.at(*path))
