"""The held definitions as text: Toolgate's own state, beside the store and not under version control. Pure.

Nothing is decided by it. It is what `toolgate pins` shows and what a person's yes refers to: the definition that the
gateway has seen, not what a server started anew would say. A file that can't be read is as good as none.
"""

import json
from dataclasses import asdict, fields
from typing import Any

from gateway.pins.entries import Identity, Note, Notes

__all__ = ["dump", "parse"]


def dump(notes: Notes) -> str:
    """One JSON object."""
    tools = {path: _written(note) for path, note in notes.tools.items()}
    strangers = {name: asdict(identity) for name, identity in notes.strangers.items()}
    return json.dumps({"tools": tools, "strangers": strangers}, indent=1, sort_keys=True)


def parse(text: str) -> Notes:
    """The inverse of `dump`. Raises ValueError for anything else."""
    try:
        value = json.loads(text)
        tools = {path: _note(note) for path, note in value["tools"].items()}
        return Notes(tools, {name: Identity(**identity) for name, identity in value["strangers"].items()})
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not the notes of held tools") from error


def _written(note: Note) -> dict[str, Any]:
    """`asdict` can't copy a definition that keeps the text it was read from."""
    own = {one.name: getattr(note, one.name) for one in fields(note)}
    return own | {"identity": asdict(note.identity)}


def _note(value: Any) -> Note:
    return Note(**{**value, "identity": Identity(**value["identity"])})
