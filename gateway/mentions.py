"""Whether a text tells a redacted field in another way than as a field of JSON. Pure; errs to yes.

It compares letters and digits only, without case: `S.S.N.` is `ssn`. What it can't see is what is said in other words,
and what is encoded.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from gateway.fieldnames import holder

__all__ = ["Mentions"]

_MANY = 3  # letters and digits from which on what is redacted is looked for within longer texts
_LENGTHS = (
    32,
    24,
    16,
    12,
    8,
    6,
    4,
    3,
)  # of it, its end of such a length: so each text is looked through 8 times at most
_SHORT = 40  # characters of what can be a label of the value beside it
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_LOWER = bytes(range(128)).lower() + bytes(range(128, 256))
_ELSE = bytes(code for code in range(128) if not chr(code).isalnum())
_NAME = re.compile(r"[a-z_.$/-]*[0-9]?", re.ASCII | re.IGNORECASE)


class Mentions:
    """The names of fields (globs, without what they stand in), and what has been taken from them."""

    def __init__(self, names: Iterable[str]) -> None:
        every = list(names)
        self._names = [[_flat(piece) for piece in _words(name)] for name in every]
        self._holders = [holder(name) for name in dict.fromkeys(every)]
        self._whole: set[str] = set()
        self._ends: dict[int, set[str]] = {}
        self._letters: set[int] = set()  # lengths of which some end has no digit

    @property
    def taken(self) -> bool:
        return bool(self._whole)

    def take(self, value: Any) -> None:
        """It was redacted: nothing else may repeat it."""
        if isinstance(value, (Mapping, list)):
            for item in value.values() if isinstance(value, Mapping) else value:
                self.take(item)
        elif value is not None and not isinstance(value, bool) and (flat := _flat(_said(value))):
            self._whole.add(flat)
            if len(flat) >= _MANY:
                length = next(length for length in _LENGTHS if length <= len(flat))
                self._ends.setdefault(length, set()).add(flat[-length:])
                if flat[-length:].isalpha():
                    self._letters.add(length)

    def is_taken(self, number: float) -> bool:
        """Whether it is what was taken. A number as short as others are tells nothing."""
        flat = _flat(_said(number)) if self._whole else ""
        return len(flat) >= _MANY and flat in self._whole

    def repeats(self, text: str) -> bool:
        """Whether it is what was taken, or holds it."""
        return self._repeats(_flat(text))

    def look(self, text: str) -> tuple[bool, bool]:
        """Whether a string is a label, and whether it tells."""
        readable = _readable(text)
        flat = _flat(readable)
        speaks = self._speaks(flat)
        label = speaks and len(text) <= _SHORT and (self._names_one(readable, flat) or self._holds_one(text))
        return label, self._repeats(flat) or (speaks and not text.isalpha())

    def tells(self, text: str) -> bool:
        """Whether a string says more than one word and speaks of a field, or repeats what was taken."""
        return self.look(text)[1]

    def is_label(self, text: str) -> bool:
        """Whether a string names a field, as `{"name": "ssn", "value": ...}` does: then what stands beside it is its
        value.
        """
        return self.look(text)[0]

    def may_name(self, key: str) -> bool:
        """Whether it can be a field's name that says nothing of one that is redacted."""
        if _flat(key) in self._whole:
            return False
        return bool(_NAME.fullmatch(key)) or not (self.repeats(key) or self._speaks(_flat(_readable(key))))

    def _repeats(self, flat: str) -> bool:
        if not self._whole:
            return False
        return flat in self._whole or any(
            not ends.isdisjoint(_windows(flat, length))
            for length, ends in self._ends.items()
            if length in self._letters or not flat.isalpha()
        )

    def _speaks(self, flat: str) -> bool:
        return any(all(piece in flat for piece in name) for name in self._names)

    def _holds_one(self, text: str) -> bool:
        return any(holds(text) for holds in self._holders)

    def _names_one(self, readable: str, flat: str) -> bool:
        words = [_flat(word) for word in _words(readable)]
        return any(flat == "".join(name) or _in(name, words) for name in self._names)


def _windows(flat: str, length: int) -> Iterable[str]:
    """Each piece of it that has this length."""
    last = len(flat) - length + 1
    return map(flat.__getitem__, map(slice, range(last), range(length, length + last))) if last > 0 else ()


def _said(value: Any) -> str:
    """A number without a fraction is the same however it is written."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _in(name: list[str], words: list[str]) -> bool:
    return any(words[at : at + len(name)] == name for at in range(len(words) - len(name) + 1))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def _flat(text: str) -> str:
    """Its letters and digits, without case and width."""
    if text.isascii():
        return text.encode("ascii").translate(_LOWER, _ELSE).decode("ascii")
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _readable(text: str) -> str:
    """Without the escapes of JSON, HTML and URLs."""
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    if "&" in text:
        text = html.unescape(text)
    return unquote(text) if "%" in text else text
