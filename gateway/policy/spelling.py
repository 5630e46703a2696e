"""What Python would read in a condition, and whoever wrote it would not: refused before Python reads it. Pure.

Python joins texts that stand side by side, drops what follows a `#`, takes brackets around a text for nothing, reads
letters of other widths as plain ones and numbers in five ways. Each of these changes silently what a line means.
"""

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from gateway.policy.condition import ConditionError

__all__ = ["check_spelling", "sign_hint"]

_TOKEN = re.compile(
    r"""(?P<text>'[^']*'|"[^"]*")
    |(?P<number>\.?[0-9](?:[eE][+-](?=[0-9])|\w|\.)*)
    |(?P<name>(?:[A-Za-z_]|[^\x00-\x7f])(?:\w|[^\x00-\x7f])*)
    |(?P<comment>\#)
    |(?P<sign>\S)""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_HARMLESS = re.compile(
    rf"""(?:[ ()\[\],]|[<>=!]=?|-
    |(?<![\w.'"])(?:0|[1-9][0-9]{{0,9}}+)(?:\.[0-9]{{1,5}}+)?+(?![\w.'"])
    |(?<![\w.'"])(?!in[ ]*\()[A-Za-z_]\w*+(?:\.(?!(?:{"|".join(keyword.kwlist)})\b)[A-Za-z_]\w*+)*+(?!['"])
    |(?<!['"])(?:'[ -&(-~]*+'|"[ !#-~]*+")(?![ ]*['"])
    )*+""",
    re.VERBOSE | re.ASCII,
)  # nearly every condition: plain names, texts and short numbers, none beside another, no brackets behind `in`
_PREFIXES = frozenset({"b", "f", "r", "u", "t", "br", "rb", "fr", "rf", "tr", "rt"})
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")

_PATH = re.compile(r"[A-Za-z_]\w*(?:\s*\.\s*\w+|\[[^\[\]]*\])*\s*\Z")
_SIGNS = (
    *((quote, "write straight quotes: `'...'`") for quote in "\u2018\u2019\u201c\u201d\u201e"),
    ("&&", "write `and`"),
    ("||", "write `or`"),
    *((f" {word} ", f"write `{word.lower()}`") for word in ("AND", "OR", "IN", "NOT")),
    (";", "join conditions with `and`"),
    ("<>", "write `!=`"),
    ("=<", "write `<=`"),
    ("=>", "write `>=`"),
    ("!", "write `not`"),
    ("=", "to compare write `==`"),
)
_RIGHT_SIGNS = re.compile(r"[=!<>]=")


class _Token(NamedTuple):
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def check_spelling(text: str) -> None:
    """Raises ConditionError at the first place that Python reads otherwise than it looks."""
    if not _HARMLESS.fullmatch(text):
        _check(text)


def _check(text: str) -> None:
    tokens = [_Token(found.lastgroup or "", found[0], found.start()) for found in _TOKEN.finditer(text)]
    for at, token in enumerate(tokens):
        if check := _CHECKS.get(token.kind):
            check(text, tokens, at)


def sign_hint(text: str) -> str:
    """What to write for the signs of other languages in a condition that can't be read; empty if there are none."""
    rest = _RIGHT_SIGNS.sub("", _TEXT.sub("''", text))
    return next((hint for sign, hint in _SIGNS if sign in rest), "")


def _comment(_text: str, tokens: Sequence[_Token], at: int) -> None:
    hint = "comments stand on lines of their own; a `#` within a text stands in quotes"
    raise ConditionError(tokens[at].start, "`#` has no place in a condition", hint)


# ---- texts


def _quoted(_text: str, tokens: Sequence[_Token], at: int) -> None:
    _printable(tokens[at])
    if at:
        _behind(tokens[at - 1], tokens[at])
        _in_brackets(tokens, at)


def _printable(token: _Token) -> None:
    """A blank that is no blank would make a text that nothing is equal to, and that nobody sees."""
    if not token.text.isprintable():
        offset, sign = next((offset, sign) for offset, sign in enumerate(token.text) if not sign.isprintable())
        what = f"the text holds U+{ord(sign):04X}, which can't be seen"
        raise ConditionError(token.start + offset, what, "write a plain blank, or a `?` in `matches(...)`")


def _behind(before: _Token, token: _Token) -> None:
    joined = before.end == token.start
    if before.kind == "text":
        what = f"two texts side by side: {before.text}{'' if joined else ' '}{token.text}"
        hint = "for a quote within a text, use the other kind of quotes around it" if joined else "is a comma missing?"
        raise ConditionError(token.start, what, hint)
    if joined and before.text.lower() in _PREFIXES:
        what = f"`{before.text}{token.text}`: strings are plain in conditions"
        raise ConditionError(before.start, what, f"leave out the `{before.text}` before the quotes")


def _in_brackets(tokens: Sequence[_Token], at: int) -> None:
    """`in ('EUR')` asks for a part of a text, and looks like a list."""
    first = at
    while first and tokens[first - 1].text == "(":
        first -= 1
    closed = at + 1 < len(tokens) and tokens[at + 1].text == ")"
    if first < at and closed and first and tokens[first - 1].text == "in":
        written = tokens[at].text
        what = f"`({written})` is a text in brackets and no list"
        raise ConditionError(
            tokens[first].start, what, f"write `[{written}]`, or, for a part of the text, `in {written}`"
        )


# ---- names and numbers


def _named(text: str, tokens: Sequence[_Token], at: int) -> None:
    name = tokens[at].text
    dotted = at > 0 and tokens[at - 1].text == "."
    if dotted and keyword.iskeyword(name):
        raise ConditionError(tokens[at].start, f"`{name}` can't stand behind a point", _subscript(text, tokens, at))
    if name.isascii() or not name.isidentifier():
        return
    if (plain := unicodedata.normalize("NFKC", name)) != name:
        what = f"`{name}` would be read as `{plain}`"
        raise ConditionError(tokens[at].start, what, _subscript(text, tokens, at) if dotted else f"write `{plain}`")


def _subscript(text: str, tokens: Sequence[_Token], at: int) -> str:
    """How the name behind a point is written in brackets, with all that stands before it."""
    before = _PATH.search(text[: tokens[at - 1].start])
    return f'write `{before[0].strip() if before else "args"}["{tokens[at].text}"]`'


def _numbered(text: str, tokens: Sequence[_Token], at: int) -> None:
    token = tokens[at]
    if not _NUMBER.fullmatch(token.text):
        what = f"`{token.text}` is not a number as conditions write it"
        raise ConditionError(token.start, what, _number_hint(text, token))
    value = float(token.text) if set(token.text) & set(".eE") else math.inf
    if math.isfinite(value) and Decimal(repr(value)) != Decimal(token.text):
        raise ConditionError(token.start, f"`{token.text}` would be compared as `{value!r}`", "write fewer digits")


def _number_hint(text: str, token: _Token) -> str:
    before = _PATH.search(text[: token.start])
    if token.text.startswith(".") and before and before.end() == token.start:
        return f'write `{before[0].strip()}["{token.text[1:]}"]`'
    try:
        return f"write `{int(token.text, 0)}`"
    except ValueError:
        return "write `12`, `0.5`, `-1.5` or `1e6`; dates, times and addresses stand in quotes"


_CHECKS: Mapping[str, Callable[[str, Sequence[_Token], int], None]] = {
    "comment": _comment,
    "text": _quoted,
    "name": _named,
    "number": _numbered,
}
