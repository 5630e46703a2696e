"""What is wrong with a condition that Python can't parse, in words that say where, and what to do. Pure.

Python says "invalid syntax" of most, and often of their beginning; here the first two words that can't stand beside
each other are named.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from gateway.policy.cells import closing_nothing, not_closed
from gateway.policy.condition import ConditionError
from gateway.policy.spelling import sign_hint

__all__ = ["not_a_condition"]

_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[\w.]+|[<>=!]=|\S")
_CLOSING = (")", "]", "}")
_COMPARING = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_JOINING = frozenset({"and", "or"})
_OPEN = _COMPARING | _JOINING | {"not"}  # what must have something behind it
_BETWEEN = _COMPARING | _JOINING  # and before it
_BRACKET = re.compile(r"'([(\[{])' was never closed|(?:unmatched|closing parenthesis) '([)\]}])'")


class _Word(NamedTuple):
    text: str
    start: int

    @property
    def is_value(self) -> bool:
        return self.text not in _OPEN and (self.text[0].isalnum() or self.text[0] in "_'\"")


def not_a_condition(text: str, error: SyntaxError) -> ConditionError:
    """The same with an offset in `text`, and with a hint where one is known."""
    offset = max(0, min(len(text), (error.offset or 1) - 1))  # Python counts from 1
    if bracket := _BRACKET.match(error.msg):
        wrong = not_closed(bracket[1]) if bracket[1] else closing_nothing(bracket[2])
        return ConditionError(offset, *wrong)
    if error.msg.startswith("unterminated string"):
        return ConditionError(offset, *not_closed(text[offset : offset + 1]))
    if hint := sign_hint(text):
        return ConditionError(offset, f"not a condition: {error.msg}", hint)
    return next(_misplaced(text), ConditionError(offset, f"not a condition: {error.msg}"))


def _misplaced(text: str) -> Iterator[ConditionError]:
    """What stands where it can't, the first one first."""
    words = [_Word(found[0], found.start()) for found in _WORD.finditer(text)]
    for one, other in pairwise([_Word("(", 0), *words, _Word(")", len(text))]):
        yield from _beside(one, other)


def _beside(one: _Word, other: _Word) -> Iterator[ConditionError]:
    if one.is_value and one.text.endswith("."):
        yield ConditionError(one.start, f"`{one.text}` has nothing behind its point", f"write `{one.text}name`")
    elif one.text in _OPEN and other.text in (")", "]", ","):
        yield ConditionError(one.start, f"`{one.text}` has nothing behind it", _completing(one.text))
    elif one.text in ("(", "[", ",") and other.text in _BETWEEN:
        yield ConditionError(other.start, f"`{other.text}` has nothing before it", _completing(other.text))
    elif one.text in _OPEN and other.text in _BETWEEN and (one.text, other.text) != ("not", "in"):
        yield _behind(one, other, "something is missing between the two, or one of them is too many")
    elif (one.is_value or one.text in _CLOSING) and other.is_value:
        yield _behind(one, other, "join the two with `and`, `or` or a comparison")


def _behind(one: _Word, other: _Word, hint: str) -> ConditionError:
    return ConditionError(other.start, f"`{other.text}` stands straight behind `{one.text}`", hint)


def _completing(word: str) -> str:
    missing = "what it is compared with" if word in _COMPARING else "the condition that is missing"
    return f"write {missing}, or take `{word}` out"
