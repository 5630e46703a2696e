"""Where each key of a TOML text stands, which Python's own reader does not tell. Pure.

Only for text that `tomllib` has accepted: nothing is checked here, and values are passed over. https://toml.io/en/v1.0.0
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.config.cursor import Cursor
from gateway.config.places import KeyPath, Place

__all__ = ["Block", "toml_blocks", "toml_places"]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+')
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|\'[^\']*\'', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_REST_OF_HEADER = re.compile(r"[ \t]*\]{1,2}")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")


def toml_places(text: str, file: str) -> Mapping[KeyPath, Place]:
    """The place of the first mention of each key and table, and of each element of each array."""
    return _Scan(text, file).places


@dataclass(frozen=True, slots=True)
class Block:
    """A `[table]` with its pairs, as offsets: from the bracket of its header to the end of its last value."""

    path: KeyPath
    start: int
    end: int


def toml_blocks(text: str) -> Sequence[Block]:
    """The text's tables that have a header, in the order of the text."""
    return _Scan(text, "").blocks


class _Scan:
    def __init__(self, text: str, file: str) -> None:
        self.cursor = Cursor(text, file)
        self.places: dict[KeyPath, Place] = {}
        self.blocks: list[Block] = []
        self.tables: dict[KeyPath, int] = {}  # how many `[[path]]` there have been
        table: KeyPath = ()
        while self._more():
            start = self.cursor.offset
            if self.cursor.took("["):
                table = self._header()
                self.blocks.append(Block(table, start, self.cursor.offset))
                continue
            self._pair(table)
            if self.blocks:
                self.blocks[-1] = Block(table, self.blocks[-1].start, self.cursor.offset)

    def _more(self) -> bool:
        self.cursor.take(_BLANK)
        return self.cursor.peek() != ""

    def _header(self) -> KeyPath:
        one_of_many = self.cursor.took("[")
        self.cursor.take(_BLANK)
        start = self.cursor.place()
        path = self._key((), through_tables=True)
        self.cursor.take(_REST_OF_HEADER)
        if not one_of_many:
            return self._in_last(path)
        self.tables[path] = self.tables.get(path, 0) + 1
        element = self._in_last(path)
        self.places[element] = start
        return element

    def _pair(self, table: KeyPath) -> None:
        path = self._key(table)
        self.cursor.take(_EQUALS)
        self._value(path)

    def _key(self, base: KeyPath, *, through_tables: bool = False) -> KeyPath:
        """Reads `a."b".c`, noting where each part stands."""
        path = base
        while True:
            path = self._in_last(path) if through_tables else path
            start = self.cursor.place()
            path = (*path, _plain(self.cursor.take(_KEY) or ""))
            self.places.setdefault(path, start)
            if self.cursor.take(_DOT) is None:
                return path

    def _in_last(self, path: KeyPath) -> KeyPath:
        return (*path, self.tables[path] - 1) if path in self.tables else path

    def _value(self, path: KeyPath) -> None:
        if self.cursor.took("["):
            self._array(path)
        elif self.cursor.took("{"):
            self._inline_table(path)
        elif self.cursor.take(_STRING) is None:
            self.cursor.take(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        index = 0
        while not self._closed("]"):
            self.places[(*path, index)] = self.cursor.place()
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, bracket: str) -> bool:
        """Passes over blanks, comments and one comma; whether the bracket closes then."""
        self.cursor.take(_BLANK)
        self.cursor.took(",")
        self.cursor.take(_BLANK)
        return self.cursor.took(bracket) or not self.cursor.peek()


def _plain(key: str) -> str:
    return str(tomllib.loads(f"key = {key}")["key"]) if key[:1] in ("'", '"') else key
