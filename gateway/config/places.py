"""Where something is said: a key's path within a file, and the file, line and column that a person can go to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.errors import Problem

__all__ = ["DEFAULT", "Document", "KeyPath", "Place", "dotted", "nearest"]

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """`line` and `column` count from 1; 0 where there are no lines: an environment variable, a flag, a default."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def problem(self, message: str, hint: str = "", level: Literal["error", "warning"] = "error") -> Problem:
        """A finding here."""
        return Problem(self.file, self.line, self.column, message, hint, level)


DEFAULT = Place("default")


@dataclass(frozen=True, slots=True)
class Document:
    """One file as it was read. `file` is its name for people; what it says in relative paths starts at `folder`."""

    file: str
    folder: Path
    value: Mapping[str, Any] = field(repr=False)
    places: Mapping[KeyPath, Place] = field(repr=False)

    def at(self, *path: str | int) -> Place:
        """The place of a key, or of what encloses it."""
        return nearest(self.places, path, Place(self.file))


def nearest(places: Mapping[KeyPath, Place], path: KeyPath, otherwise: Place) -> Place:
    """The place of the longest known beginning of the path."""
    return next((places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places), otherwise)


def dotted(path: KeyPath) -> str:
    """`servers.shop.args[2]`: a path as people write it; a part that holds a dot is quoted."""
    parts = (f"[{part}]" if isinstance(part, int) else f'."{part}"' if "." in part else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
