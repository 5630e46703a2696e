"""Calls of a client's run whose end could not be recorded, for the store was away in that moment, or its disk was full.

They are in doubt, and count as made, as soon as the store is back; until then what they had reserved stays reserved.

Of a call that its client gives up nobody knows here whether its word came in. A client may do so for days: from time to
time it is looked up which calls have theirs, and what comes after that look is all that the next one reads.
"""

import contextlib
from dataclasses import dataclass, field

from gateway.call import InDoubt, outcome_to_json
from gateway.earlier import held_since
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Returned
from gateway.reserving import settled_of_lost
from gateway.standing import NOTHING_HELD, Held
from gateway.store import Lease, Store, run_account

__all__ = ["MOST", "Unrecorded"]

MOST = 1_000  # calls until it is looked up which of those before them have their word
UNKNOWN = InDoubt("what became of the call could not be recorded")


@dataclass(slots=True)
class Unrecorded:
    """Those of one run. Methods raise StoreError."""

    store: Store
    run_id: str
    lease: Lease | None
    _keys: set[str] = field(default_factory=set)  # of calls that ended in an error, or were left
    _older: set[str] = field(default_factory=set)  # those of before the last look that had no word then
    _known: tuple[Held, int] = (NOTHING_HELD, 0)
    away: bool = False  # whether the store was: once it is back, those before get their word first

    def __len__(self) -> int:
        """How many may have no word."""
        return len(self._keys) + len(self._older)

    async def left(self, key: str, error: BaseException) -> None:
        """This call ended in an error, or was left."""
        self._keys.add(key)
        self.away = self.away or isinstance(error, StoreError)
        if len(self._keys) >= MOST and not self.away:
            await self._look()

    async def settled(self) -> None:
        """Those that have no answer on record get the one that nobody knows."""
        keys = frozenset(self._keys | self._older)
        if not keys:
            return
        held = {key: amounts for key, amounts in (await self._held()).items() if key in keys}
        for key, amounts in held.items():
            returned = Returned(key, outcome_to_json(UNKNOWN), amounts[0].to_json())
            settle = settled_of_lost(run_account(self.run_id), {key: amounts})
            with contextlib.suppress(IllegalEvent):  # its word was only late
                await self.store.append(self.run_id, [returned], lease=self.lease, changes=settle)
        self._keys -= keys
        self._older -= keys
        self.away = False

    async def _look(self) -> None:
        """Forgets those that have their word, but for the newest: it may be on its way."""
        newest, self._keys = self._keys, set()
        older, self._older = self._older, self._older | newest
        with contextlib.suppress(StoreError):
            held = await self._held()
            self._older -= older - held.keys()

    async def _held(self) -> Held:
        self._known = await held_since(self.store, self.run_id, *self._known)
        return self._known[0]
