"""A list of a server, read page by page: each item is looked at as its page comes, and what is not kept is let go of.

How many pages there are, and how large each of them is, is up to the server. So there is a bound for the items, for
what is kept of them and for all that is read, and no page is held while the next one is waited for. What is beyond is
left out, with a note: the server is used with what came before.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateway.offer import UNHINTED, Hint
from gateway.verbatim import Verbatim, listed

__all__ = ["LONGEST", "MAX_ITEMS", "MAX_LIST", "MAX_PAGES", "Ask", "NoList", "Patience", "Size", "paged", "weight"]

MAX_PAGES = 100
MAX_ITEMS = 10_000  # tools, or whatever is listed
LONGEST = 256 * 1024  # bytes of one item
MAX_LIST = 32 * 1024 * 1024  # bytes of what is kept of a list; and of its pages, after which no other is asked for
LONGEST_HINT = 24 * 3600 * 1000  # milliseconds, as the SDK has it
OTHERS = 0.15  # of the time to connect: there are three lists beside the tools

_VALUE = 48  # bytes of memory, at the least, for each value beside its text, which may be two of them
_MANY = 256  # items that are looked at while all others wait
_MUCH = 256 * 1024  # ... or bytes of them

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


class NoList(ValueError):
    """An answer to `tools/list` that is none."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many bytes of an item were looked at, and how many are kept: none of one that can't be used."""

    seen: int
    kept: int = 0


def weight(text: bytes) -> int:
    """How much memory JSON takes that is read, roughly: long texts as much as they have, small values far more."""
    return len(text) + _VALUE * (text.count(b",") + text.count(b"[") + text.count(b"{"))


class Patience:
    """How much of the time to connect, `seconds`, a list may take with all its pages: one that never comes, or page by
    page without end, leaves time for all others.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._began: dict[str, float] = {}

    def left(self, method: str, *, anew: bool) -> float:
        """For the next page of a list, or the first one. Raises TimeoutError when there is none."""
        now = self._clock()
        if anew:
            self._began[method] = now
        share = self._seconds if method == "tools/list" else self._seconds * OTHERS
        left = share - (now - self._began.get(method, now))
        if left <= 0:
            raise TimeoutError("its pages take too long")
        return left


async def paged(ask: Ask, method: str, key: str, take: Callable[[int, Any], Size]) -> tuple[str, Hint]:
    """Has `take` look at each item, with its place in the list. Returns why there is less than the server has, if there
    is; and for how long the list may be kept. Raises what `ask` does, and NoList.
    """
    reading, pages = _Reading(ask, method, key, take), 0
    while reading.more and reading.has_room and pages < MAX_PAGES:
        await reading.page()
        pages += 1
    if not (reading.more or reading.cut):
        return "", reading.hint
    bounds = f"{MAX_PAGES} pages, {MAX_ITEMS} {key} or {MAX_LIST // 1024**2} MB"
    return f"the list goes on after {bounds}: the rest is left out", reading.hint


class _Reading:
    """A list of which some pages were read: whether there are `more`, and whether the last one was `cut`."""

    def __init__(self, ask: Ask, method: str, key: str, take: Callable[[int, Any], Size]) -> None:
        self._ask, self._method, self._key, self._take = ask, method, key, take
        self.hint, self.more, self.cut = Hint(float("inf"), True), True, False
        self._cursor: str | None = None
        self._known: set[bytes] = set()  # cursors: marks of them, as they may be long
        self._count = self._read = self._kept = 0

    @property
    def has_room(self) -> bool:
        return not self.cut and self._read <= MAX_LIST

    async def page(self) -> None:
        """The next one. Nothing of it is held here afterwards, but what its items were taken for."""
        asked = time.monotonic()
        page = await self._ask(self._method, {} if self._cursor is None else {"cursor": self._cursor})
        items = listed(page, self._key, 2 * LONGEST) if isinstance(page, Mapping) else None
        if not isinstance(items, list):
            raise NoList(f"the answer to `{self._method}` holds no list of {self._key}")
        self.hint = _both(self.hint, _hint_in(page, asked))
        self._follow(page.get("nextCursor"))
        self._read += _length(page)
        await self._look_at(items)

    def _follow(self, cursor: Any) -> None:
        """To the page that is named, unless it was read before."""
        mark = sha256(cursor.encode(errors="replace")).digest() if isinstance(cursor, str) else b""
        self.more = isinstance(cursor, str) and mark not in self._known
        self._cursor = cursor if self.more else None
        self._known.add(mark)

    async def _look_at(self, items: list[Any]) -> None:
        seen = 0
        for item in items:
            if self._count == MAX_ITEMS or self._kept > MAX_LIST:
                self.cut = True
                return
            self._count += 1
            size = self._take(self._count, item)
            self._kept += size.kept
            seen += size.seen
            if self._count % _MANY == 0 or seen > _MUCH:
                seen = 0
                await asyncio.sleep(0)  # calls go on


def _length(page: Mapping[str, Any]) -> int:
    """The bytes of a page, as they came where that is known."""
    if isinstance(page, Verbatim):
        return len(page.text)
    try:
        return len(json.dumps(page))
    except RecursionError:  # as much as there may be
        return MAX_LIST


def _hint_in(page: Mapping[str, Any], asked: float) -> Hint:
    """Counted from when it was asked for: later it may have changed on its way."""
    ttl = page.get("ttlMs")
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not ttl > 0:
        return UNHINTED
    return Hint(asked + min(ttl, LONGEST_HINT) / 1000, page.get("cacheScope") == "public")


def _both(one: Hint, other: Hint) -> Hint:
    return Hint(min(one.until, other.until), one.public and other.public)
