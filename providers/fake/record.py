"""What a fake model was asked, for tests to look at. No key is kept: only whether one came, and how."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Heard", "Record", "masked"]

_KEPT = 10_000
_SECRET = ("authorization", "x-api-key", "api-key", "cookie", "proxy-authorization")


@dataclass(frozen=True, slots=True)
class Heard:
    """A request, and what became of its answer.

    `ended` is `` while it is under way, then `whole`, `drop`, `reset`, `hang` or `left` (the client went first).
    """

    number: int
    format: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    status: int = 0
    fault: str = ""
    error: str = ""
    ended: str = ""
    events: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with `***` for what opens a door; the scheme before it stays."""
    return {
        name: (f"{value.partition(' ')[0]} ***" if " " in value else "***") if name in _SECRET else value
        for name, value in headers.items()
    }


class Record:
    """The requests in the order in which they came, the latest ten thousand."""

    def __init__(self) -> None:
        self._heard: dict[int, Heard] = {}
        self._changed = asyncio.Condition()

    @property
    def heard(self) -> tuple[Heard, ...]:
        return tuple(self._heard.values())

    async def put(self, heard: Heard) -> None:
        """Adds a request, or says more about one."""
        self._heard[heard.number] = heard
        if len(self._heard) > _KEPT:
            del self._heard[next(iter(self._heard))]
        async with self._changed:
            self._changed.notify_all()

    async def begun(self, number: int) -> None:
        """Waits until so many requests have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._heard) >= number)

    async def until(self, ended: int) -> tuple[Heard, ...]:
        """Waits until so many requests have been answered, or left. Returns all."""
        async with self._changed:
            await self._changed.wait_for(lambda: sum(1 for one in self.heard if one.ended) >= ended)
        return self.heard

    def clear(self) -> None:
        self._heard.clear()
