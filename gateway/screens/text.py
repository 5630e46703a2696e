"""One text, in one pass. Pure, and in linear time: the patterns run on RE2, for the text is hostile.

The pass is one automaton for everything that is looked for. A text in which it stops is looked at again, pattern by
pattern; and once more without its hidden characters and in plain letters, for what they were to hide.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import re2

from gateway.screens.characters import CHARACTERS, FLAGS, HIDDEN, spelled
from gateway.screens.finding import Finding, Kind, Severity
from gateway.screens.instructions import INSTRUCTIONS
from gateway.visible import shortened, visible

__all__ = ["MOST", "clean", "screen_text", "suspicious"]

MOST = 20  # findings of one pattern in one text: more say nothing new
_AROUND = 24  # bytes on each side of what was found
_WIDTH = 100  # characters of an excerpt


def suspicious(raw: bytes) -> bool:
    """Whether the one pass over this UTF-8 text meets anything. About 2 ns a byte."""
    return _everything().search(raw) is not None


def screen_text(text: str, where: str) -> list[Finding]:
    """Everything that deceives in a text; at most `MOST` findings of each pattern."""
    return [] if clean(text) else list(_closer(text, where))


def clean(text: str) -> bool:
    """Whether no closer look is needed; only of ASCII, for other letters may stand for plain ones."""
    return text.isascii() and not suspicious(text.encode())


def _closer(text: str, where: str) -> Iterator[Finding]:
    """Plain letters in place of their mathematical and full-width twins (NFKC), as a model reads them."""
    raw = FLAGS.sub("\U0001f3f4", text).encode(errors="replace")
    for kind, severity, pattern in _characters():
        yield from _found(pattern, raw, (kind, severity), where)
    plain = unicodedata.normalize("NFKC", HIDDEN.sub("", text)).encode(errors="replace")
    for severity, pattern in _instructions():
        yield from _found(pattern, plain, ("instructions", severity), where)


def _found(pattern: Any, raw: bytes, said: tuple[Kind, Severity], where: str) -> Iterator[Finding]:
    for match in islice(pattern.finditer(raw), MOST):
        found = raw[match.start() : match.end()].decode(errors="replace")
        yield Finding(said[0], where, _excerpt(raw, match.span(), _shown(found, said[0])), said[1])


def _shown(found: str, kind: Kind) -> str:
    """Tag characters as what they spell; of letters that look alike, the foreign ones by their numbers."""
    if hidden := spelled(found):
        return f"[in tag characters: {shortened(hidden, _WIDTH)}]"
    if kind == "look_alike":
        return "".join(letter if letter.isascii() else f"\\u{{{ord(letter):x}}}" for letter in found)
    return shortened(found, _WIDTH)


def _excerpt(raw: bytes, span: tuple[int, int], shown: str) -> str:
    """What was found with a little around it."""
    start, end = span
    before = raw[max(0, start - _AROUND) : start].decode(errors="ignore")
    after = raw[end : end + _AROUND].decode(errors="ignore")
    return f"{visible(before)}{shown}{visible(after)}"


# ---- the patterns, each compiled once, when the first text is looked at


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    return re2.compile(pattern, options)


@cache
def _everything() -> Any:
    characters = [_exactly(pattern) for patterns in CHARACTERS.values() for pattern, _ in patterns]
    return _compiled("|".join([*characters, *(pattern for pattern, _ in INSTRUCTIONS)]))


def _exactly(pattern: str) -> str:
    """Letters by their numbers: the small alpha looks like no Latin letter, the capital one does."""
    return f"(?-i:{pattern})"


@cache
def _characters() -> tuple[tuple[Kind, Severity, Any], ...]:
    kinds = CHARACTERS.items()
    return tuple((kind, severity, _compiled(_exactly(pattern))) for kind, found in kinds for pattern, severity in found)


@cache
def _instructions() -> tuple[tuple[Severity, Any], ...]:
    return tuple((severity, _compiled(pattern)) for pattern, severity in INSTRUCTIONS)
