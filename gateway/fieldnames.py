"""Whether a key is a field that a policy names, however it is written. Pure; errs to yes.

A key that holds the field's name as a word is the field: `ssn` is `SSN:`, `s.s.n`, `customer_ssn`, `ssnNumber` and
`user[ssn]`; `classname` is not. A word ends at a sign, a blank or a digit, and where small and capital letters change
(`SSNumber` can be read in two ways: both count). Accents, width and what shows nothing do not count, nor that a key is
written in the escapes of JSON, HTML or URLs (`gateway.spelling`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from gateway.policy.globs import compile_glob, is_wild
from gateway.spelling import plain, spellings

__all__ = ["FieldNames", "holder"]

_MANY = 48  # words of a key; of more, not every row of them is compared with a glob: such a key is the field
_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[^\w*?]+")

Holder = Callable[[str], bool]
_Path = tuple[str, ...]


class FieldNames:
    """Fields, as paths of globs (`customer.iban`). What is found out about a key or a path is remembered."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = [_without_anywhere(field.split(".")) for field in fields]
        self._holders: dict[str, Holder] = {}
        self._keys: dict[tuple[str, str], bool] = {}
        self._paths: dict[_Path, bool] = {}

    def named(self, path: _Path) -> bool:
        """Whether these keys, one within the other, end in a field. Several steps of it may stand in one key, as in
        `customer_iban`.
        """
        if path not in self._paths:
            self._paths[path] = any(self._ends(path, steps) for steps in self._fields)
        return self._paths[path]

    def is_one(self, key: str) -> bool:
        """Whether a key is, to the letter but for its case, what a field is called that may stand in anything."""
        return any(len(steps) == 1 and compile_glob(steps[0].casefold())(key.casefold()) for steps in self._fields)

    def _ends(self, path: _Path, steps: _Path) -> bool:
        if not steps or not path:
            return not steps
        return any(
            self._holds(path[-1], "_".join(steps[-count:])) and self._ends(path[:-1], steps[:-count])
            for count in range(1, len(steps) + 1)
        )

    def _holds(self, key: str, name: str) -> bool:
        if (key, name) not in self._keys:
            holds = self._holders.setdefault(name, holder(name))
            self._keys[key, name] = holds(key)
        return self._keys[key, name]


def _without_anywhere(steps: list[str]) -> _Path:
    """A `*` at the front is what a field stands in, or nothing: it is looked for at any depth anyway."""
    while len(steps) > 1 and not steps[0].strip("*"):
        steps = steps[1:]
    return tuple(steps)


def holder(name: str) -> Holder:
    """Says of a text whether it is this name, a glob, or holds it as a word."""
    exact = compile_glob(name.casefold())
    is_among = _glob_among(name) if is_wild(name) else _name_among(name)

    def holds(text: str) -> bool:
        if exact(text.casefold()):
            return True
        read, whole = spellings(text)
        return not whole or any(is_among(list(_parts(reading))) for reading in read)

    return holds


def _name_among(name: str) -> Callable[[list[str]], bool]:
    flat = "".join(_parts(plain(name)))

    def among(parts: list[str]) -> bool:
        text = "".join(parts)
        if not flat or flat not in text:
            return False
        ends = {0, *accumulate(map(len, parts))}
        return any(at in ends and at + len(flat) in ends for at in _places(flat, text))

    return among


def _glob_among(name: str) -> Callable[[list[str]], bool]:
    glob = _SIGNS.sub("_", plain(name).casefold())
    matches = compile_glob(glob)

    def among(parts: list[str]) -> bool:
        if len(parts) > _MANY:
            return True
        rows = [parts[start:end] for start in range(len(parts)) for end in range(start + 1, len(parts) + 1)]
        return any(matches("_".join(row)) or matches("".join(row)) for row in rows)

    return among


def _places(piece: str, text: str) -> Iterator[int]:
    at = text.find(piece)
    while at >= 0:
        yield at
        at = text.find(piece, at + 1)


def _parts(text: str) -> Iterator[str]:
    """Its words, and what a word may be made of, without case."""
    for word in _WORD.findall(text):
        start = 0
        for at in range(1, len(word) + 1):
            if at == len(word) or _parts_at(word, at):
                yield word[start:at].casefold()
                start = at


def _parts_at(word: str, at: int) -> bool:
    """Whether another word may begin there: `a1`, `1a`, `aB`, and of `ABc` both `A Bc` and `AB c`."""
    before, here = word[at - 1], word[at]
    if before.isalpha() != here.isalpha() or (before.islower() and here.isupper()):
        return True
    if not before.isupper():
        return False
    return word[at + 1 : at + 2].islower() if here.isupper() else word[at - 2 : at - 1].isupper()
