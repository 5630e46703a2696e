"""JSON as editors let people write it, with the place of each key. Pure.

RFC 8259, and on top of it what VS Code allows in its own files: `//` and `/* */` comments, and a comma after the last
item. A key that stands twice in one object is refused: readers disagree about which of the two counts.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gateway.config.cursor import Cursor
from gateway.config.places import KeyPath, Place
from gateway.errors import ConfigError

__all__ = ["Span", "jsonc_spans", "parse_jsonc"]

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b")
_DEEPEST = 64
_LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets into the text: where a member's key begins (an element's or the root's value), its value, its end."""

    key: int
    start: int
    end: int


def parse_jsonc(text: str, file: str) -> tuple[Any, Mapping[KeyPath, Place]]:
    """The value, and where each key and element stands. Raises ConfigError with the place of the first mistake."""
    reader = _Reader(text, file)
    return reader.document(), reader.places


def jsonc_spans(text: str, file: str) -> tuple[Any, Mapping[KeyPath, Span]]:
    """The value, and from where to where each part stands, for whoever changes one. Raises ConfigError."""
    reader = _Reader(text, file)
    return reader.document(), reader.spans


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.cursor = Cursor(text, file)
        self.places: dict[KeyPath, Place] = {}
        self.spans: dict[KeyPath, Span] = {}

    def document(self) -> Any:
        self.blank()
        value = self.value((), self.cursor.offset)
        self.blank()
        if self.cursor.peek():
            self.fail("there is something after the end of the JSON value")
        return value

    def fail(self, message: str, place: Place | None = None, hint: str = "") -> NoReturn:
        raise ConfigError([(place or self.cursor.place()).problem(message, hint)])

    def blank(self) -> None:
        self.cursor.take(_BLANK)
        if self.cursor.text.startswith("/*", self.cursor.offset):
            self.fail("this comment has no end", hint="close it with `*/`")

    def value(self, path: KeyPath, key: int) -> Any:
        """The value here. `key` is the offset of its key."""
        start = self.cursor.offset
        value = self.bare(path)
        self.spans[path] = Span(key, start, self.cursor.offset)
        return value

    def bare(self, path: KeyPath) -> Any:
        if len(path) > _DEEPEST:
            self.fail(f"nested more than {_DEEPEST} deep")
        if self.cursor.took("{"):
            return self.members(path)
        if self.cursor.took("["):
            return self.elements(path)
        if self.cursor.peek() == '"':
            return self.string()
        return self.scalar()

    def members(self, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self.closed("}", first=not found):
            place, offset = self.cursor.place(), self.cursor.offset
            key = self.string() if self.cursor.peek() == '"' else self.fail("a key in quotes must stand here")
            self.refuse_second(path, key, found, place)
            self.places[(*path, key)] = place
            self.blank()
            if not self.cursor.took(":"):
                self.fail(f"a `:` must follow the key `{key}`")
            self.blank()
            found[key] = self.value((*path, key), offset)
        return found

    def refuse_second(self, path: KeyPath, key: str, found: Mapping[str, Any], place: Place) -> None:
        if key in found:
            first = self.places[(*path, key)]
            self.fail(f"the key `{key}` stands twice in one object, first in line {first.line}", place, "remove one")

    def elements(self, path: KeyPath) -> list[Any]:
        found: list[Any] = []
        while not self.closed("]", first=not found):
            self.places[(*path, len(found))] = self.cursor.place()
            found.append(self.value((*path, len(found)), self.cursor.offset))
        return found

    def closed(self, bracket: str, *, first: bool) -> bool:
        """Passes over the comma between two items, or after the last; whether the bracket closes then."""
        self.blank()
        comma = not first and self.cursor.took(",")
        self.blank()
        if self.cursor.took(bracket):
            return True
        if not (first or comma):
            self.fail(f"a `,` or `{bracket}` must stand here")
        return False

    def string(self) -> str:
        start = self.cursor.place()
        token = self.cursor.take(_STRING)
        if token is None:
            self.fail("this text has no closing quote, or runs over the end of its line")
        try:
            value = str(json.loads(token))
            value.encode()
        except UnicodeEncodeError:
            self.fail("a lone surrogate is not a character", start)
        except ValueError:
            self.fail("there is a wrong `\\` escape in this text", start)
        return value

    def scalar(self) -> Any:
        start = self.cursor.place()
        token = self.cursor.take(_SCALAR)
        if token is None:
            self.fail("a value must stand here: text in double quotes, a number, true, false, null, `[` or `{`")
        if len(token) > _LONGEST_NUMBER:
            self.fail("this number is too long", start)
        return json.loads(token)
