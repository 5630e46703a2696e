"""The tools that a query means, by the words in their names, descriptions and parameters. Pure.

Rare words count more than common ones (inverse document frequency), a word of the name more than one of the
description. Ties are broken by name: the same query always finds the same.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from providers import ToolSpec

__all__ = ["Index", "words"]

_WORD = re.compile(r"[a-z]+|[0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STEM = 4  # letters that two forms of one word have in common, at least: `order`, `orders`
_ALIKE = 0.5  # what a word counts that only begins alike
_OF_NAME, _OF_PARAMETER, _OF_DESCRIPTION = 4.0, 1.5, 1.0
_MOST_WORDS = 400  # of one description: nobody makes us read a book


def words(text: str) -> list[str]:
    """`createOrder_v2` -> create, order, v, 2."""
    return _WORD.findall(_HUMP.sub(" ", text).lower())


class Index:
    """Built once for a list of tools."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = tools
        self._by_word: dict[str, dict[int, float]] = defaultdict(dict)
        for number, tool in enumerate(tools):
            for word, weight in _weights(tool):
                self._by_word[word][number] = max(weight, self._by_word[word].get(number, 0.0))

    def search(self, query: str, limit: int) -> Sequence[ToolSpec]:
        """The best first. A query without a word finds the first ones of the list."""
        wanted = words(query)[:_MOST_WORDS]
        if not wanted:
            return self._tools[:limit]
        scores: Counter[int] = Counter()
        for word in dict.fromkeys(wanted):
            for number, score in self._scores(word).items():
                scores[number] += score  # type: ignore[assignment]  # a Counter adds floats, too
        best = sorted(scores, key=lambda number: (-scores[number], self._tools[number].name))
        return [self._tools[number] for number in best[:limit]]

    def _scores(self, word: str) -> Mapping[int, float]:
        """What each tool gets for this word: for its best form, if it has it in several."""
        found: dict[int, float] = {}
        for form, numbers in self._by_word.items():
            likeness = 1.0 if form == word else _ALIKE if _alike(form, word) else 0.0
            if likeness:
                rarity = math.log(1 + len(self._tools) / len(numbers))
                for number, weight in numbers.items():
                    found[number] = max(found.get(number, 0.0), likeness * rarity * weight)
        return found


def _alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= _STEM and long.startswith(short)


def _weights(tool: ToolSpec) -> Iterator[tuple[str, float]]:
    yield from ((word, _OF_NAME) for word in words(tool.name))
    properties = tool.input_schema.get("properties")
    if isinstance(properties, Mapping):
        yield from ((word, _OF_PARAMETER) for name in properties for word in words(str(name)))
    yield from ((word, _OF_DESCRIPTION) for word in words(tool.description)[:_MOST_WORDS])
