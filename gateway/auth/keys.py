"""API keys: looked up in the store, and known for a second, so that a revoked one is soon nobody's."""

import time
from collections.abc import Awaitable, Callable

from gateway.auth import Unavailable
from gateway.errors import StoreError
from gateway.identity import Identity
from gateway.keys import ApiKey, shown

__all__ = ["FRESH", "Keys"]

FRESH = 1.0  # seconds in which a key is not looked up again
MOST = 4096  # keys that are remembered

Read = Callable[[str], Awaitable[ApiKey | None]]


class Keys:
    """`read` finds a key by its id; `clock` is monotonic, `now` is since 1970, both in seconds."""

    def __init__(
        self, read: Read, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._read, self._clock, self._now = read, clock, now
        self._seen: dict[str, tuple[float, Identity]] = {}  # by hash: until when, and who

    async def who(self, credential: str) -> Identity | None:
        """Whose key this is; None for one that is unknown, expired or revoked. Raises Unavailable."""
        presented = shown(credential)
        if presented is None:
            return None
        until, identity = self._seen.get(presented.hash, (0.0, None))
        if identity is not None and self._clock() < until:
            return identity if identity.expires is None or self._now() < identity.expires else None
        try:
            kept = await self._read(presented.id)
        except StoreError as error:
            raise Unavailable(str(error)) from None
        if kept is None or not kept.is_for(presented) or not kept.good(round(self._now() * 1000)):
            self._seen.pop(presented.hash, None)
            return None
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[presented.hash] = (self._clock() + FRESH, kept.identity)
        return kept.identity
