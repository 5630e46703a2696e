"""What `toolgate pins` shows: a table of what is pinned and held, and the difference between two definitions."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from gateway.cli.columns import aligned
from gateway.cli.console import console
from gateway.pins.changes import Change, change_lines, changes, values
from gateway.pins.entries import Note, Notes, PinnedEntry, PinnedServer, Pins
from gateway.screens.definitions import screen_definition
from gateway.visible import visible

__all__ = ["details", "print_details", "print_pins", "rows"]

_SHORT = 12  # characters of a hash that people compare
_STYLES: Mapping[str, str] = {
    "changed": "red", "suspicious": "red", "another": "red", "new": "yellow", "added": "yellow", "seen": "yellow",
    "-": "red", "+": "green",
}  # fmt: skip


def rows(pins: Pins, notes: Notes) -> dict[str, Any]:
    """Servers and tools, as `--json` has them: sorted, held ones with what was seen of them."""
    paths = sorted({*notes.tools, *(f"{name}/{tool}" for name, server in pins.items() for tool in server.entries)})
    return {
        "servers": [_server(name, server, notes) for name, server in sorted(pins.items())],
        "tools": [_tool(path, _entry(path, pins), notes.tools.get(path)) for path in paths],
    }


def _entry(path: str, pins: Pins) -> PinnedEntry | None:
    server, _, tool = path.partition("/")
    return pins[server].entries.get(tool) if server in pins else None


def _server(name: str, server: PinnedServer, notes: Notes) -> dict[str, Any]:
    now, accepted = notes.strangers.get(name), server.accepted
    return {
        "server": name,
        "pinned": str(server.identity),
        "now": str(now) if now else None,
        "accepted_by": accepted.by if accepted else None,
        "accepted_at": accepted.at if accepted else None,
    }


def _tool(path: str, entry: PinnedEntry | None, note: Note | None) -> dict[str, Any]:
    accepted = entry.accepted if entry else None
    return {
        "tool": path,
        "state": _state(entry, note),
        "pin": entry.pin if entry else None,
        "schema": entry.schema if entry else None,
        "added_at": (entry.added_at or None) if entry else None,
        "accepted_by": accepted.by if accepted else None,
        "accepted_at": accepted.at if accepted else None,
        "held": _noted(note) if note and not note.gone_at else None,
        "seen": {**_noted(note), "gone_at": note.gone_at} if note and note.gone_at else None,
    }


def _noted(note: Note) -> dict[str, str]:
    return {"why": note.why, "pin": note.pin, "seen_at": note.seen_at}


def _state(entry: PinnedEntry | None, note: Note | None) -> str:
    """`changed`, `new` and `suspicious` are held; `seen` was, and is not there any more; `added` came later and nobody
    has looked at it.
    """
    if note is not None:
        return "seen" if note.gone_at else note.reason
    if entry is not None and entry.added_at:
        return "added"
    return "accepted" if entry is not None and entry.accepted else "pinned"


def print_pins(pins: Pins, notes: Notes) -> None:
    """One line for each tool, and one for each server that is another program now."""
    found = rows(pins, notes)
    table = [("another", visible(row["server"]), "", visible(_another(row))) for row in found["servers"] if row["now"]]
    table += [(row["state"], visible(row["tool"]), (row["pin"] or "")[:_SHORT], _since(row)) for row in found["tools"]]
    paper = console()
    for row, text in zip(table, aligned(table) if table else (), strict=True):
        line = Text(text)
        line.stylize(_STYLES.get(row[0], ""), 0, len(row[0]))
        paper.print(line)


def _another(row: Mapping[str, Any]) -> str:
    return f"it was {row['pinned']}, and is {row['now']}"


def _since(row: Mapping[str, Any]) -> str:
    if row["held"]:
        return f"held, seen {visible(row['held']['seen_at'])}"
    if row["seen"]:
        seen = row["seen"]
        return f"another definition was there {visible(seen['seen_at'])}, and was gone {visible(seen['gone_at'])}"
    if row["added_at"]:
        return f"came {visible(row['added_at'])}, after its server was pinned"
    return f"{visible(row['accepted_by'])}, {visible(row['accepted_at'])}" if row["accepted_by"] else ""


# ---- one of them


def details(pins: Pins, notes: Notes, target: str) -> dict[str, Any]:
    """A tool, or a server and every tool of it that is held. A tool that is not held is shown as it was pinned."""
    found = rows(pins, notes)
    server = target.partition("/")[0]
    wanted = [row for row in found["tools"] if target == row["tool"] or (target == server and _held(row, server))]
    return {
        "servers": [
            row for row in found["servers"] if row["server"] == target or (row["server"] == server and row["now"])
        ],
        "tools": [{**row, **_compared(row["tool"], pins, notes)} for row in wanted],
    }


def _held(row: Mapping[str, Any], server: str) -> bool:
    return row["tool"].startswith(f"{server}/") and row["state"] in ("changed", "new", "suspicious", "seen", "added")


def _compared(path: str, pins: Pins, notes: Notes) -> dict[str, Any]:
    entry, note = _entry(path, pins), notes.tools.get(path)
    definition = note.definition if note else entry.definition if entry else {}
    old = entry.definition if note and entry and note.pin != entry.pin else None
    return {
        "definition": definition,
        "changes": [change.to_json() for change in changes(old, definition)] if note else [],
        "findings": [finding.to_json() for finding in screen_definition(definition)],
    }


def print_details(shown: Mapping[str, Any]) -> None:
    """The difference in lines that begin with `-` and `+`, what the screens found, and what to type."""
    paper = console()
    for line in (*_server_lines(shown), *_tool_lines(shown)):
        text = Text(line)
        text.stylize(_STYLES.get(line[2:3], "") if line.startswith("  ") else "bold")
        paper.print(text)


def _server_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    for row in shown["servers"]:
        yield f"server {visible(row['server'])}: {visible(row['pinned'])}"
        if row["now"]:
            yield f"  + another program now: {visible(row['now'])}"


def _tool_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    for row in shown["tools"]:
        waits = row["held"] or row["seen"] or (row if row["added_at"] else None)
        yield f"{visible(row['tool'])}: {row['state']}"
        for change in row["changes"]:
            yield f"    {visible(change['where'])}"
            yield from (f"  {line}" for line in change_lines(Change(**change)))
        for where, value in () if row["changes"] else values(row["definition"]):
            yield f"    {visible(where)}: {visible(value)}"
        for finding in row["findings"]:
            yield f"  ! {finding['kind']} ({finding['severity']}) in {visible(finding['where'])}: {finding['excerpt']}"
        if waits:
            yield f"to accept it: toolgate pins accept {visible(row['tool'])} --pin {waits['pin'][:_SHORT]}"
        if row["seen"]:
            yield f"to forget it: toolgate pins forget {visible(row['tool'])}"
