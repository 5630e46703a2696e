"""Whether somebody's words hold a text or a number to the letter. Pure.

It errs to one side only: what may be a part of something longer, or be reckoned with, was not said.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from gateway.reckoning import BETWEEN, CLOSE, END, GROUPING, OPEN, is_currency, is_plain_after, is_plain_before

__all__ = ["all_said"]

_NUMBER = re.compile(r"(?<![0-9])(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?![0-9])")
_THOUSAND = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # in half of the world `1.000` is a thousand times as much
_MINUS = "-\u2212"
_BEGINS_WITH_NUMBER = re.compile(r"[-+\u2212]?[.,]?\d")
_MAX_PLACES = 1_000
_NEAR = 64  # characters on each side of a number that are looked at
_FIGURE = re.compile(r"[-+\u2212]?[.,]?\d+(?:[.,]\d+)?")


def all_said(leaves: Iterable[str | int | float], said: str) -> bool | None:
    """Whether each stands there by itself. None: one of them is a text without a letter or a digit."""
    numbers: frozenset[Decimal] | None = None
    undecided = False
    for leaf in leaves:
        if isinstance(leaf, str):
            found = _is_said(leaf, said)
        else:
            numbers = frozenset(_numbers(said)) if numbers is None else numbers
            found = (Decimal(repr(leaf)) if isinstance(leaf, float) else Decimal(leaf)) in numbers
        if found is False:
            return False
        undecided = undecided or found is None
    return None if undecided else True


def _is_said(leaf: str, said: str) -> bool | None:
    if not any(map(str.isalnum, leaf)):
        return None
    return any(_stands_alone(said, at, at + len(leaf)) for at in _places(leaf, said))


def _places(leaf: str, said: str) -> Iterator[int]:
    """The first thousand: of more, nothing is said."""
    at = -1
    for _ in range(_MAX_PLACES):
        at = said.find(leaf, at + 1)
        if at < 0:
            return
        yield at


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Between blanks, quotes or brackets, or before the sign that ends a sentence: nothing longer is meant."""
    before, after, then = text[start - 1 : start] if start else "", text[end : end + 1], text[end + 1 : end + 2]
    begins = not before or before.isspace() or before in OPEN
    free = not then or then.isspace() or then in CLOSE
    ends = not after or after.isspace() or after in CLOSE or (after in END and free)
    return begins and ends and _is_no_part(text, start, end)


def _is_no_part(text: str, start: int, end: int) -> bool:
    """Of a text that begins or ends with a number: that these are not parts of longer ones. What is nothing but a
    number is none that is reckoned with, either.
    """
    leaf = text[start:end]
    strict = _FIGURE.fullmatch("".join(sign for sign in leaf if not (is_currency(sign) or sign.isspace()))) is not None
    first = not (_BEGINS_WITH_NUMBER.match(leaf) or strict) or _begins(text, start, strict=strict)
    return first and (not (leaf[-1].isnumeric() or strict) or _ends(text, end, strict=strict))


# ---- numbers


def _numbers(said: str) -> Iterator[Decimal]:
    """Those that stand by themselves, a minus right before them included."""
    for found in _NUMBER.finditer(said):
        start, end = found.span()
        below = start > 0 and said[start - 1] in _MINUS
        start -= below
        owed = said[start - 1 : start] == "(" and said[end : end + 1] == ")"  # a minus, for accountants
        if not (owed or _THOUSAND.fullmatch(found[0])) and _begins(said, start) and _ends(said, end):
            yield Decimal(found[0]) * (-1 if below else 1)


def _begins(text: str, start: int, *, strict: bool = True) -> bool:
    """Whether what is before it neither belongs to a number that begins there nor is done to it."""
    near = text[max(0, start - _NEAR) : start]
    return _touches_none_before(near, whole=start <= _NEAR) and is_plain_before(near, strict=strict)


def _touches_none_before(near: str, *, whole: bool) -> bool:
    left = near.rstrip()
    if not left:
        return whole
    last = left[-1]
    if left == near:
        return last != "<" and (last in OPEN or is_currency(last) or last == "#") and _is_apart(left[:-1], whole=whole)
    if last in GROUPING:
        return _is_apart(left, whole=whole)
    return _is_free(last)


def _is_apart(left: str, *, whole: bool) -> bool:
    """Whether there is no number, nor a sign to reckon with, right before signs that may group digits."""
    rest = left.rstrip(BETWEEN)
    return _is_free(rest[-1]) if rest else whole


def _ends(text: str, end: int, *, strict: bool = True) -> bool:
    """Whether what is after it neither goes on with it nor is done to it."""
    near = text[end : end + _NEAR]
    return _touches_none_after(near, whole=end + _NEAR >= len(text)) and is_plain_after(near, strict=strict)


def _touches_none_after(near: str, *, whole: bool) -> bool:
    right = near.lstrip()
    if right == near and right:
        if not _closes(right):
            return False
        right = right[1:]
    right = right.lstrip(BETWEEN)
    return _is_free(right[0]) if right else whole


def _closes(right: str) -> bool:
    """Whether the sign right after a number ends it."""
    if right[0] in END:
        return not right[1:2] or right[1].isspace() or right[1] in CLOSE
    return right[0] != ">" and (right[0] in CLOSE or is_currency(right[0]))


def _is_free(sign: str) -> bool:
    """A letter, a quote, a bracket or a sign of sentences: nothing that reckons with numbers, no digit."""
    if sign in "<>":
        return False
    letter = sign.isalpha() and not sign.isnumeric()
    return letter or sign in OPEN + CLOSE + END or sign == "#" or is_currency(sign)
