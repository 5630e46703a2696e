"""Tools and servers that can be taken for one another, and descriptions that speak of another server's tools. Pure.

The names of tools are ASCII, or the tool is left out; and each is shown with its server's name in front. So what is
left are letters that look alike (`l` and `1`, `rn` and `m`), and words that steer a model from one server to another.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from gateway.call import JsonObject, Tool
from gateway.screens.definitions import said, texts
from gateway.screens.finding import Finding

__all__ = ["screen_names", "skeleton"]

T = TypeVar("T")

_SEPARATORS = str.maketrans("", "", "_-.")
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "2": "z", "8": "b"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)?")
_DISTINCT = re.compile(r"[A-Za-z0-9]+[_.-][A-Za-z0-9]|[a-z][A-Z]")  # `send_mail`, `sendMail`; not `search`
_SHORTEST = 6  # of a name that is recognised in a text: shorter ones are words
_NAMED = 3  # others that a finding names
_MOST_SAID = 10  # mentions of one tool


class Said(Protocol):
    """Something that a server says to models, beside its tools: a prompt, its instructions."""

    @property
    def server(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def definition(self) -> JsonObject: ...


def screen_names(tools: Iterable[Tool], others: Iterable[Said] = ()) -> Mapping[str, tuple[Finding, ...]]:
    """Findings by path; by server name where it is the servers that look alike. Of `others`, what they speak of."""
    tools = tuple(tools)
    found: dict[str, list[Finding]] = defaultdict(list)
    for path, finding in (*_servers(tools), *_alike(tools), *_mentions(tools, (*tools, *others))):
        found[path].append(finding)
    return {path: tuple(findings) for path, findings in sorted(found.items())}


def skeleton(name: str) -> str:
    """What a name looks like: two names with the same skeleton can be mistaken for one another (after UTS 39)."""
    return _plain(name).replace("rn", "m").replace("vv", "w").translate(_LOOKS)


def _plain(name: str) -> str:
    """Without capitals and separators."""
    return name.lower().translate(_SEPARATORS)


def _servers(tools: Sequence[Tool]) -> Iterator[tuple[str, Finding]]:
    for names in _groups(sorted({tool.server for tool in tools}), skeleton):
        for name in names:
            others = _listed(other for other in names if other != name)
            yield name, Finding("look_alike", "server", f"`{name}` can be taken for {others}", "high")


def _alike(tools: Sequence[Tool]) -> Iterator[tuple[str, Finding]]:
    for group in _groups(tools, lambda tool: skeleton(tool.name)):
        servers = {tool.server for tool in group}
        for tool in group if len(servers) > 1 else ():
            others = [other for other in group if other.server != tool.server]
            yield tool.path, _taken_for(tool, others)


def _taken_for(tool: Tool, others: Sequence[Tool]) -> Finding:
    paths = _listed(other.path for other in others)
    if any(_plain(other.name) != _plain(tool.name) for other in others):
        return Finding("look_alike", "name", f"`{tool.name}` can be taken for {paths}", "medium")
    return Finding("shadowing", "name", f"`{tool.name}` is also the name of {paths}", "low")


def _mentions(tools: Sequence[Tool], speakers: Sequence[Said]) -> Iterator[tuple[str, Finding]]:
    """A word in a definition that is the name of another server's tool, and of none of its own."""
    owners: dict[str, set[str]] = defaultdict(set)
    for tool in tools:
        for name in _names(tool):
            owners[name].add(tool.server)
    for one in speakers:
        for where, word in _foreign(one, owners):
            others = _listed(sorted(owners[word]))
            excerpt = f"speaks of `{word}`, a tool of {others}"
            yield one.path, Finding("shadowing", where, excerpt, "medium")


def _names(tool: Tool) -> Iterator[str]:
    """How a text can name a tool so that it is no mere word."""
    yield tool.path
    yield f"{tool.server}__{tool.name}"
    if len(tool.name) >= _SHORTEST and _DISTINCT.search(tool.name):
        yield tool.name


def _foreign(one: Said, owners: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    words = set(map(_trimmed, _WORD.findall(said(one.definition))))
    foreign = {word for word in words & owners.keys() if one.server not in owners[word]}
    told: set[str] = set()
    for where, text in texts(one.definition) if foreign else ():  # most speak of nobody
        for word in map(_trimmed, _WORD.findall(text)):
            if word in foreign and word not in told:
                told.add(word)
                yield where, word
            if len(told) >= _MOST_SAID:
                return


def _trimmed(word: str) -> str:
    return word.rstrip("._-")  # the end of a sentence


def _groups(items: Iterable[T], key: Callable[[T], str]) -> list[list[T]]:
    """The items that share a key with others."""
    grouped: dict[str, list[T]] = defaultdict(list)
    for item in items:
        grouped[key(item)].append(item)
    return [group for group in grouped.values() if len(group) > 1]


def _listed(names: Iterable[str]) -> str:
    shown = [f"`{name}`" for name in names]
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more
