"""What texts leave behind, and what in a value tells that it came from one of them. Pure.

A text leaves traces: hashes of one, two and three words in a row, in each of its spellings, and never the text itself.
A value has clues: hashes, of which any one that is among the traces tells where it came from.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from gateway.spelling import forms, in_row, runs, spellings, words

__all__ = ["Clues", "clues_of", "traces_of"]

_ROW = 3  # words
_PIECE = 12  # characters of three words in a row
_SHORT = 4  # characters of a part of a word
_LONG = 8  # characters of a number or key that stands for itself
_SLICE = 4096  # words at a time: whoever else runs in this process waits for no more than these
_DEAR = 32  # looking one hash up takes as long as passing over so many

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_HOST = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]++)+")
_BARE_HOST = re.compile(r"(?://|@)([\w-]++)(?!\.[\w-])")  # without a dot: only where it can be nothing else
# Where the name that somebody registers has three parts. Of other registries two are looked at: rather too often.
_THREE = {
    "uk": "co org ac gov me ltd plc nhs",
    "au": "com net org edu gov",
    "nz": "co org net govt",
    "jp": "co ne or ac go",
    "kr": "co or go",
    "br": "com net org gov",
    "in": "co net org gov",
    "cn": "com net org gov",
    "za": "co org",
    "il": "co org",
    "at": "co or ac",
    **dict.fromkeys(
        ("tw", "hk", "sg", "my", "tr", "mx", "ar", "co", "ua", "pl", "vn", "ph", "eg", "sa", "pk", "ng"), "com"
    ),
    **dict.fromkeys(("id", "th", "ke"), "co"),
}
_REGISTRIES = frozenset(f"{second}.{top}" for top, seconds in _THREE.items() for second in seconds.split(" "))


@dataclass(frozen=True, slots=True)
class Clues:
    """Of a value: hashes each of which tells, and rows of them that tell together. Not `whole`: there may be more."""

    each: frozenset[int]
    rows: tuple[frozenset[int], ...] = ()
    whole: bool = True

    @property
    def any(self) -> bool:
        return bool(self.each or self.rows)

    def among(self, traces: "array[int]") -> bool:
        """Whether one of them tells that the value came from the text with these traces."""
        if len(self.each) * _DEAR > len(traces):
            return not self.each.isdisjoint(traces) or self._rows_among(traces)
        return any(_has(traces, clue) for clue in self.each) or self._rows_among(traces)

    def _rows_among(self, traces: "array[int]") -> bool:
        return any(all(_has(traces, clue) for clue in row) for row in self.rows)


def _has(traces: "array[int]", clue: int) -> bool:
    place = bisect_left(traces, clue)
    return place < len(traces) and traces[place] == clue


# ---- texts


def traces_of(text: str) -> "tuple[array[int], bool]":
    """What a text leaves behind, and whether that is all. Takes tenths of a second for long ones, in small steps."""
    read, whole = spellings(text)
    found: set[int] = set()
    for spelling in read:
        row = words(spelling)
        for start in range(0, len(row), _SLICE):
            _leave(row[start : start + _SLICE + _ROW - 1], found)
    return _in_order(found), whole


def _leave(row: Sequence[str], found: set[int]) -> None:
    found.update(map(hash, chain.from_iterable(in_row(row, count) for count in range(1, _ROW + 1))))
    found.update(hash((run,)) for word in row for run in runs(word) if len(run) >= _SHORT)


def _in_order(found: Iterable[int]) -> "array[int]":
    """As `sorted` does, which would hold everybody up."""
    parts: dict[int, list[int]] = {top: [] for top in range(-8, 8)}
    for trace in found:
        parts[trace >> 60].append(trace)
    traces = array("q")
    for part in parts.values():
        traces.extend(sorted(part))
    return traces


# ---- values


def clues_of(leaves: Iterable[str | int | float]) -> Clues:
    """Of the texts and numbers in a value: each of them, as a whole, and what is telling in it."""
    each: set[int] = set()
    rows: set[frozenset[int]] = set()
    whole = True
    for leaf in leaves:
        telling, all_of_it = _telling_of(leaf)
        found = list(filter(None, telling))
        whole = whole and all_of_it and bool(found)
        each.update(hash(tuple(row)) for row in found if len(row) <= _ROW)
        rows.update(frozenset(map(hash, in_row(row, _ROW))) for row in found if len(row) > _ROW)
    return Clues(frozenset(each), tuple(rows), whole)


def _telling_of(leaf: str | float) -> tuple[Iterable[Sequence[str]], bool]:
    """Rows of words; and whether that is all."""
    if not isinstance(leaf, str):
        return map(words, forms(leaf)), True
    read, whole = spellings(leaf)
    number = next(filter(_PLAIN_NUMBER.fullmatch, read), None)
    numbers = forms(float(number) if "." in number else int(number)) if number else ()
    return chain(chain.from_iterable(map(_telling, read)), map(words, numbers)), whole


def _telling(text: str) -> Iterator[Sequence[str]]:
    row = words(text)
    yield row
    yield from (three for three in in_row(row, _ROW) if sum(map(len, three)) >= _PIECE)
    keys = [word for word in row if len(word) >= _LONG and not word.isalpha()]
    yield from ([key] for key in keys)
    yield from ([run] for key in keys for run in runs(key) if len(run) >= _LONG and run.isdigit())
    yield from map(_registered, _HOST.findall(text))
    yield from map(words, _BARE_HOST.findall(text))


def _registered(host: str) -> list[str]:
    """The words of the domain that somebody registered to have this name. Whoever said a longer one said this, too."""
    if host.replace(".", "").isdigit():
        return words(host) if host.count(".") > 2 else []
    labels = host.lower().split(".")
    return words(".".join(labels[-3 if ".".join(labels[-2:]) in _REGISTRIES else -2 :]))
