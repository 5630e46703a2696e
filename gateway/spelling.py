"""A text as its words, whichever way it is spelled: to find again in one text what stood in another. Pure.

The case, the width and the accents of letters, signs between words and what shows nothing do not count. What JSON,
HTML, URLs, domain names and Unicode's tags write in other signs is read, however often it was written so; and what
markup shows of it, digits of all scripts, and some other ways to write the same (`gateway.rewritings`).
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from urllib.parse import unquote

from gateway.rewritings import rewritings

__all__ = ["forms", "in_row", "plain", "runs", "spellings", "words"]

_ROUNDS = 6  # of decoding what was written in other signs more than once

# Shows nothing, or is drawn over a letter: controls that part no words, category Cf, fillers, joiners, marks.
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u0300-\u036f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff"
    "\u2800\u3164\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_CONTROLS = bytes([*range(9), *range(14, 28), 127])  # of them, those that are ASCII
# Scripts that put no blanks between words: each character is one. \u0e00: Thai and Lao; \u3040: kana, Han, Hangul.
_WORD = re.compile(
    "[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W_\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_RUN = re.compile(r"\d+|[^\W\d]+")  # inside of a word: `acct12345678`

_DIGIT = re.compile(r"[^\D0-9]")  # of another script

_ESCAPE = re.compile(r"[\\%]u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\U([0-9a-fA-F]{8})|\\[nrtbf]")
_AMPERSAND = re.compile("&(?:amp;)+")
_PERCENT = re.compile("%(?:25)*(?=[0-9a-fA-F]{2})")
_PUNYCODE = re.compile(r"\bxn--([a-z0-9-]{1,59})", re.ASCII | re.IGNORECASE)
_TAG = re.compile("[\U000e0020-\U000e007e]")  # ASCII that shows nothing, and that models read


def spellings(text: str) -> tuple[list[str], bool]:
    """As it is, and with all decoded that is written in other signs, each in all its `rewritings`; and whether nothing
    is left to decode.

    Unicode's tags are read both ways: as nothing, and as the letters that they stand for.
    """
    found, whole = dict[str, None](), True
    for start in dict.fromkeys([text, _untagged(text)]):
        raw = plain(start)
        decoded, all_of_it = _decoded(raw)
        for reading in dict.fromkeys([raw, decoded]):
            found |= {reading: None, **dict.fromkeys(rewritings(reading))}
        whole = whole and all_of_it
    return list(found), whole


def plain(text: str) -> str:
    """Without what shows nothing, and with one way to write each letter. A blank stays what it is."""
    if text.isascii():
        return text.encode("ascii").translate(None, _CONTROLS).decode("ascii")
    bare = _DROPPED.sub("", unicodedata.normalize("NFKD", _DROPPED.sub("", text)))  # a letter and its accents are apart
    read = _DIGIT.sub(lambda found: str(unicodedata.digit(found[0])), unicodedata.normalize("NFKC", bare))
    return read.replace("\u3002", ".")  # a browser takes it for the dot of a name (IDNA)


def words(text: str) -> list[str]:
    """The words of a plain text."""
    return _WORD.findall(text.lower() if text.isascii() else plain(text.casefold()))


def runs(word: str) -> list[str]:
    """The letters and the digits of a word that has both."""
    return [] if word.isalpha() or word.isdigit() else _RUN.findall(word)


def in_row(row: Sequence[str], count: int) -> Iterator[tuple[str, ...]]:
    """Each so many words that follow one another."""
    return zip(*(row[first:] for first in range(count)), strict=False)


def forms(number: float) -> Iterable[str]:
    """A number as people write it."""
    if type(number) is float and not math.isfinite(number):
        return [repr(number)]
    exact = Decimal(number) if type(number) is int else Decimal(repr(number))
    found = [f"{exact:f}" if type(number) is int else repr(number), f"{exact:f}", f"{exact:,f}"]
    if abs(exact) < 10**20:  # an amount
        found += [f"{exact:.2f}", f"{exact:,.2f}"]
    if exact == exact.to_integral_value():
        found += [f"{exact:.0f}", f"{exact:,.0f}"]
    return dict.fromkeys(found)


# ---- other signs


def _decoded(text: str) -> tuple[str, bool]:
    """Step after step, until none of them changes anything; or the text of the last round, and False."""
    for _ in range(_ROUNDS):
        read = plain(_unpunycoded(_unquoted(_unhtml(_unescaped(text)))))
        if read == text:
            return text, True
        text = read
    return text, False


def _untagged(text: str) -> str:
    return text if text.isascii() else _TAG.sub(lambda found: chr(ord(found[0]) - 0xE0000), text)


def _unescaped(text: str) -> str:
    if "\\" not in text and "%u" not in text:
        return text
    read = _ESCAPE.sub(lambda found: _character(found[1] or found[2] or found[3]), text)
    # Two escapes may be the halves of one character.
    return read.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(code: str | None) -> str:
    return chr(min(int(code, 16), 0x10FFFF)) if code else " "


def _unhtml(text: str) -> str:
    if "&" not in text:
        return text
    import html  # half a megabyte of names, which most texts do without

    return html.unescape(_AMPERSAND.sub("&", text))


def _unquoted(text: str) -> str:
    return unquote(_PERCENT.sub("%", text)) if "%" in text else text


def _unpunycoded(text: str) -> str:
    return _PUNYCODE.sub(_of_punycode, text) if "--" in text else text


def _of_punycode(found: "re.Match[str]") -> str:
    try:
        return found[1].encode("ascii").decode("punycode")
    except ValueError:
        return found[0]
