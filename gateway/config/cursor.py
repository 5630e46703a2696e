"""A text and how far it has been read, for the two readers that remember where each key stands. Pure."""

import re
from bisect import bisect_right

from gateway.config.places import Place

__all__ = ["Cursor"]


class Cursor:
    """Reads a text from front to back by regular expressions. `offset` is the next character."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.offset = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int | None = None) -> Place:
        """Line and column of an offset; of the next character without one."""
        offset = self.offset if offset is None else offset
        line = bisect_right(self._starts, offset)
        return Place(self.file, line, offset - self._starts[line - 1] + 1)

    def peek(self) -> str:
        """The next character; nothing at the end."""
        return self.text[self.offset : self.offset + 1]

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """What the pattern matches here, if it does; then it is behind us."""
        match = pattern.match(self.text, self.offset)
        if match is None:
            return None
        self.offset = match.end()
        return match.group()

    def took(self, character: str) -> bool:
        """Whether the next character is this one; then it is behind us."""
        if self.peek() != character:
            return False
        self.offset += 1
        return True
