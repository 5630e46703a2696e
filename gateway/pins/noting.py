"""What is noted down of what is held: what a person is shown, and could accept. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from gateway.call import canonical
from gateway.names import split_path
from gateway.pins.entries import Note, Notes, Pins
from gateway.pins.review import Review, Seen
from gateway.pins.room import over

__all__ = ["noted"]


def noted(before: Notes, found: Review, seen: Sequence[Seen], pins: Pins, now: str) -> Notes:
    """The notes with what was found now. A note stays until its definition is the pinned one: another process may have
    seen it, of a server that only sometimes says so. But it says since when this definition is not there any more.
    """
    there = {server.name for server in seen}
    tools = {path: _later(path, note, found, there, now) for path, note in before.tools.items()}
    tools = {path: note for path, note in tools.items() if path in found.held or not _settled(path, note, pins)}
    for path, note in found.held.items():
        old = tools.get(path)
        if old is None or (old.pin, old.reason) != (note.pin, note.reason):
            tools[path] = note
    strangers = {name: identity for name, identity in before.strangers.items() if name not in there}
    return Notes(_within_bounds(tools), {**strangers, **found.strangers})


def _later(path: str, note: Note, found: Review, there: Collection[str], now: str) -> Note:
    if path in found.held:
        return replace(note, gone_at="")
    return replace(note, gone_at=note.gone_at or now) if split_path(path)[0] in there else note


def _settled(path: str, note: Note, pins: Pins) -> bool:
    server, tool = split_path(path)
    entry = pins[server].entries.get(tool) if server in pins else None
    return entry is not None and entry.pin == note.pin


def _within_bounds(tools: Mapping[str, Note]) -> Mapping[str, Note]:
    """Of a server that has too many, what is gone is forgotten first, and then what came last is not noted."""
    kept: dict[str, Note] = {}
    for _, paths in groupby(sorted(tools, key=_server_of), key=_server_of):
        own = {path: tools[path] for path in paths}
        weights = {path: len(canonical(note.definition)) for path, note in own.items()}
        gone = over(weights, sorted(own, key=lambda path: _use(own[path]), reverse=True))
        kept |= {path: note for path, note in own.items() if path not in gone}
    return kept


def _server_of(path: str) -> str:
    return split_path(path)[0]


def _use(note: Note) -> tuple[bool, str]:
    """Greater for what is of less."""
    return bool(note.gone_at), note.seen_at
