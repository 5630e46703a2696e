"""Where a value came from: the user's own words, or what a server said that nobody trusts. Pure.

Made only where a policy asks for it. Of what untrusted servers said an index is kept, not the text: hashes of one, two
and three words in a row. It errs to one side only. That a value is the user's is said if his words hold it to the
letter, between blanks, quotes or brackets. That it is from an untrusted server is said if all of it, or a telling piece
of it (three words in a row, the name of a host, a long number or key), is anywhere in what one said, whatever the case
and the signs between the words. Where something was read that is not known here, nothing is denied: the answer is None.
"""

import html
import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Protocol
from urllib.parse import unquote

from gateway.values import value

__all__ = ["MAX_TEXT", "MAX_TRACES", "Heard", "Sources", "extended"]

MAX_TEXT = 256 * 1024  # characters of one result
MAX_TRACES = 500_000  # hashes of one run: 4 MB
_MAX_VALUES = 50_000  # of one result
_MAX_VALUE = 64 * 1024  # characters of a value that are looked for
_PIECE = 12  # characters of three words in a row
_LONG = 8  # characters of a number or key that stands for itself

_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
# Scripts that put no blanks between words: each character is one. \u0e00: Thai and Lao; \u3040: kana, Han, Hangul.
_WORD = re.compile(
    "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+")
# Not a part of a longer one (`10-500`, `10:30`), nor one that may be a thousand times as much (`1.000`).
_NUMBER = re.compile(r"(?<![\w.,:/+-])-?(?![0-9]{1,3}\.[0-9]{3}(?!\w))[0-9]{1,40}(?:\.[0-9]{1,40})?(?!\w)(?![.,:/-]\d)")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_FRAME = frozenset(
    {"type", "text", "content", "contents", "messages", "role", "isError", "structuredContent", "result"}
)
_FRAME |= {"resource", "mimeType", "annotations", "_meta", "uri", "name"}  # keys of MCP's own, which nobody says
_TYPES = frozenset({"text", "image", "audio", "resource", "resource_link", "user", "assistant", "complete"})

_OPEN = "\"'`([{<\u00ab\u201c\u2018\u201e"
_CLOSE = "\"'`)]}>\u00bb\u201d\u2019"
_END = ".,;:!?"


@value(frozen=True, slots=True)
class Heard:
    """One result of an untrusted server: of which call, and the sorted hashes of its words."""

    server: str
    key: str
    traces: "array[int]"

    def holds(self, words: Sequence[str]) -> bool:
        """Whether these stand there in a row; of more than three, whether each three in a row do."""
        return bool(words) and all(self._has(hash(piece)) for piece in _in_row(words, min(3, len(words))))

    def _has(self, trace: int) -> bool:
        place = bisect_left(self.traces, trace)
        return place < len(self.traces) and self.traces[place] == trace


class Answer(Protocol):
    """What an untrusted server said to one call, as the run's record has it."""

    @property
    def key(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def outcome(self) -> Any: ...


@value(frozen=True, slots=True)
class Sources:
    """What one run has heard. `said` are the user's words; None: nobody knows them. `read` counts the answers that have
    been looked at. Not `complete`: something untrusted was read that is not in `heard`.
    """

    said: str | None = None
    heard: tuple[Heard, ...] = ()
    complete: bool = True
    read: int = 0

    def hearing(self, server: str, key: str, said: Mapping[str, Any]) -> "Sources":
        """The same, after a server said this: an outcome as JSON."""
        text, whole = _texts({key: item for key, item in said.items() if key != "kind"})
        traces = _traces(text)
        room = MAX_TRACES - sum(len(each.traces) for each in self.heard)
        if len(traces) > room:
            return replace(self, complete=False, read=self.read + 1)
        heard = (*self.heard, Heard(server, key, traces))
        return replace(self, heard=heard, complete=self.complete and whole, read=self.read + 1)

    def missing(self) -> "Sources":
        """The same, after something untrusted was read that nobody looked at."""
        return replace(self, complete=False) if self.complete else self

    # ---- questions

    def from_user(self, value: Any) -> bool | None:
        """Whether every text and number in it stands in the user's words. None: nobody knows, or it holds none."""
        leaves = list(_leaves(value, keys=False))
        if self.said is None or not leaves:
            return None
        found = [_is_said(leaf, self.said) for leaf in leaves]
        return False if False in found else None if None in found else True

    def from_untrusted(self, value: Any) -> bool | None:
        """Whether any text, number or key in it, or a telling piece of one, was said by an untrusted server."""
        if self.origin(value) is not None:
            return True
        if not self.heard and self.complete:
            return False
        leaves, whole = _looked_for(value)
        return False if self.complete and whole and any(map(_pieces, leaves)) else None

    def origin(self, value: Any) -> Heard | None:
        """The first result that holds it, or a telling piece of it."""
        if not self.heard:
            return None
        pieces = [piece for leaf in _looked_for(value)[0] for piece in _pieces(leaf)]
        return next((each for each in self.heard if any(map(each.holds, pieces))), None)


def extended(known: Sources | None, said: str | None, answers: Sequence[Answer]) -> Sources:
    """What is known of a run, after all its answers; those that `known` has are not looked at again."""
    sources = known or Sources(said)
    for answer in answers[sources.read :]:
        sources = sources.hearing(answer.path.partition("/")[0], answer.key, answer.outcome)
    return sources


# ---- values


def _leaves(value: Any, *, keys: bool) -> Iterator[str | int | float]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str) or type(item) in (int, float):
            yield item
        elif isinstance(item, Mapping):
            left += item.values()
            left += [key for key in item if keys and not _PLAIN_KEY.fullmatch(key)]
        elif isinstance(item, list):
            left += item


def _looked_for(value: Any) -> tuple[list[str | int | float], bool]:
    """The texts and numbers in a value, and whether that is all of them."""
    found: list[str | int | float] = []
    left = _MAX_VALUE
    for leaf in _leaves(value, keys=True):
        size = len(leaf) if isinstance(leaf, str) else 1
        if size > left:
            return [*found, leaf[:left] if isinstance(leaf, str) else leaf], False
        found.append(leaf)
        left -= size
    return found, True


def _is_said(leaf: str | float, said: str) -> bool | None:
    if not isinstance(leaf, str):
        return any(leaf == _number(found) for found in _NUMBER.findall(said))
    if not _WORD.search(leaf):
        return None
    at = said.find(leaf)
    while at >= 0:
        if _stands_alone(said, at, at + len(leaf)):
            return True
        at = said.find(leaf, at + 1)
    return False


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Between blanks, quotes or brackets, or before the sign that ends a sentence: nothing longer is meant."""
    before, after, then = text[start - 1 : start] if start else "", text[end : end + 1], text[end + 1 : end + 2]
    begins = not before or before.isspace() or before in _OPEN
    free = not then or then.isspace() or then in _CLOSE
    return begins and (not after or after.isspace() or after in _CLOSE or (after in _END and free))


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


# ---- words


def _words(text: str) -> list[str]:
    plain = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return _WORD.findall(plain.casefold())


def _in_row(words: Sequence[str], count: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[first:] for first in range(count)), strict=False)


def _traces(text: str) -> "array[int]":
    words = _words(text)
    return array("q", sorted(set(map(hash, chain.from_iterable(_in_row(words, count) for count in (1, 2, 3))))))


def _pieces(leaf: str | float) -> list[list[str]]:
    """Rows of words, each of which tells: the whole, and what is telling in it."""
    if not isinstance(leaf, str):
        return [_words(form) for form in _forms(leaf)]
    spellings = [leaf, unquote(leaf)] if "%" in leaf else [leaf]
    return [piece for text in spellings for piece in _telling(text) if piece]


def _forms(number: float) -> Iterable[str]:
    """A number as people write it."""
    whole = [str(int(number)), f"{int(number):,}"] if number == int(number) else []
    return dict.fromkeys([repr(number), f"{number:,}", f"{number:.2f}", f"{number:,.2f}", *whole])


def _telling(text: str) -> Iterator[list[str]]:
    words = _words(text)
    yield words
    yield from (list(row) for row in _in_row(words, 3) if sum(map(len, row)) >= _PIECE)
    yield from ([word] for word in words if len(word) >= _LONG and any(map(str.isdigit, word)))
    for host in _HOST.findall(text):
        parts = _words(host)
        if len(parts) > 1 and (len(parts) > 3 or not host.replace(".", "").isdigit()):
            yield parts


def _texts(said: Any) -> tuple[str, bool]:
    """All texts, numbers and keys of a result, and whether that is all. Images and the like say nothing."""
    found: list[str] = []
    left, size, seen = [said], 0, 0
    while left and size <= MAX_TEXT and seen <= _MAX_VALUES:
        item = left.pop()
        seen += 1
        if isinstance(item, Mapping):
            binary = ("data", "blob") if "mimeType" in item else ()
            left += [value for key, value in item.items() if key not in binary]
            left += [key for key in item if key not in _FRAME]
        elif isinstance(item, list):
            left += item
        elif isinstance(item, str) and item not in _TYPES:
            found.append(item)
            size += len(item)
        elif type(item) in (int, float):
            found += _forms(item)
    text = "\n".join(found)[:MAX_TEXT]
    return _spelled_out(text), not left and size <= MAX_TEXT


def _spelled_out(text: str) -> str:
    """With what JSON and HTML write in other signs beside it."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text) if "\\" in text else text
    plain = html.unescape(plain) if "&" in plain else plain
    return text if plain == text else f"{text}\n{plain}"
