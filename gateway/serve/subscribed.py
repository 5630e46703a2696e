"""Who is subscribed to a resource, or to what stands above it in its URI. Pure.

A server may say thousands of times in a second that something has changed, of which nobody has heard before. So what is
looked up for it depends neither on how many listen nor on how long its URI is.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Generic, TypeVar

from gateway.uris import MAX_URI

__all__ = ["Key", "Subscribed"]

MOST_ABOVE = 64  # places in a URI at which another one may end
_ENDS = re.compile("[/?#]")

Key = tuple[str, str]  # a server, and its own URI
L = TypeVar("L")


class Subscribed(Generic[L]):
    """Listeners, by what they are subscribed to."""

    def __init__(self) -> None:
        self._of: dict[Key, dict[L, None]] = {}
        self._sizes: Counter[tuple[str, int]] = Counter()  # of the URIs to which somebody is subscribed, by server

    def add(self, key: Key, listener: L) -> None:
        if key not in self._of:
            self._sizes[key[0], len(key[1])] += 1
        self._of.setdefault(key, {})[listener] = None

    def remove(self, key: Key, listener: L) -> None:
        """What nobody is subscribed to any more is forgotten."""
        found = self._of.get(key, {})
        found.pop(listener, None)
        if key in self._of and not found:
            del self._of[key]
            self._sizes -= Counter([(key[0], len(key[1]))])

    def to(self, key: Key) -> Collection[L]:
        """Those who are subscribed to this very resource."""
        return self._of.get(key, ())

    def above(self, key: Key) -> Iterator[tuple[Key, Collection[L]]]:
        """The resources of which this one may be a part, the longest first, and who is subscribed to them."""
        server, uri = key
        if not self._of or len(uri) > MAX_URI:
            return
        for end in _ends(uri):
            if (server, end) in self._sizes and (found := self._of.get((server, uri[:end]))):
                yield (server, uri[:end]), found


def _ends(uri: str) -> Iterator[int]:
    """Where the URIs end of which this one may be a part, the last first."""
    start = uri.find("://") + 3 if "://" in uri else 0
    for place in reversed([found.start() for found in islice(_ENDS.finditer(uri, start), MOST_ABOVE)]):
        if place + 1 < len(uri):
            yield place + 1
        yield place
