"""A person's yes: what was seen of held tools becomes what is pinned. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway.names import split_path
from gateway.pins.entries import Accepted, Identity, Note, Notes, PinnedEntry, PinnedServer, Pins, within

__all__ = ["Accepting", "accept", "waiting"]


@dataclass(frozen=True, slots=True)
class Accepting:
    """The pins and notes as they are afterwards; `tools` and `servers` are what was accepted."""

    pins: Pins
    notes: Notes
    tools: tuple[str, ...] = ()
    servers: tuple[str, ...] = field(default=())


def waiting(pins: Pins, notes: Notes, target: str | None = None, pin: str | None = None) -> tuple[str, ...]:
    """The paths of the tools that a person has not said yes to and could, within `target` (a server, a tool, all).

    What was held once and is not there any more is among them only where the tool is named with its `pin`.
    """
    added = [
        f"{name}/{tool}" for name, server in pins.items() for tool, entry in server.entries.items() if entry.added_at
    ]
    seen = _meant(notes, target, pin)
    return tuple(path for path in sorted({*seen, *added}) if target is None or within(path, target))


def accept(pins: Pins, notes: Notes, target: str | None, word: Accepted, pin: str | None = None) -> Accepting:
    """Accepts all that waits within `target`: `shop`, `shop/refund`, or everything (None).

    A whole server is accepted with the program that it is now; a single tool says nothing about its server.
    """
    paths, seen = waiting(pins, notes, target, pin), _meant(notes, target, pin)
    strangers = {name: now for name, now in notes.strangers.items() if target in (None, name)}
    made = _with_servers(pins, strangers, word)
    made = _with_tools(made, {path: seen[path] for path in paths if path in seen}, word)
    made = _vouched(made, [path for path in paths if path not in seen], word)
    left = notes.without(seen.keys() & set(paths), strangers)
    return Accepting(made, left, paths, tuple(strangers))


def _meant(notes: Notes, target: str | None, pin: str | None) -> Mapping[str, Note]:
    """The notes that a yes can be about."""
    return {
        path: note
        for path, note in notes.tools.items()
        if not note.gone_at or (path == target and pin and note.pin.startswith(pin))
    }


def _with_servers(pins: Pins, strangers: Mapping[str, Identity], word: Accepted) -> Pins:
    changed = {
        name: replace(pins[name], identity=identity, accepted=word)
        for name, identity in strangers.items()
        if name in pins
    }
    return {**pins, **changed}


def _with_tools(pins: Pins, seen: Mapping[str, Note], word: Accepted) -> Pins:
    made = dict(pins)
    for path, note in seen.items():
        name, tool = split_path(path)
        server = made.get(name) or PinnedServer(note.identity)
        made[name] = replace(server, entries={**server.entries, tool: PinnedEntry.of(note.definition, word)})
    return made


def _vouched(pins: Pins, paths: Iterable[str], word: Accepted) -> Pins:
    """Tools that are as they were pinned, and which a person has now looked at."""
    made = dict(pins)
    for path in paths:
        name, tool = split_path(path)
        server = made[name]
        entry = replace(server.entries[tool], accepted=word, added_at="")
        made[name] = replace(server, entries={**server.entries, tool: entry})
    return made
