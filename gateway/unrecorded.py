"""Calls of a client's run whose end could not be recorded, for the store was away in that moment, or its disk was full.

They are in doubt, and count as made, as soon as the store is back; until then what they had reserved stays reserved.
"""

import contextlib
from dataclasses import dataclass, field

from gateway.call import InDoubt, outcome_to_json
from gateway.earlier import held_in
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Returned
from gateway.reserving import settled_of_lost
from gateway.store import Lease, Store, run_account

__all__ = ["Unrecorded"]

UNKNOWN = InDoubt("what became of the call could not be recorded")


@dataclass(slots=True)
class Unrecorded:
    """Those of one run. Methods raise StoreError."""

    store: Store
    run_id: str
    lease: Lease | None
    _keys: set[str] = field(default_factory=set)  # of calls that ended in an error, or were left
    away: bool = False  # whether the store was: once it is back, those before get their word first

    def left(self, key: str, error: BaseException) -> None:
        """This call ended in an error, or was left."""
        self._keys.add(key)
        self.away = self.away or isinstance(error, StoreError)

    async def settled(self) -> None:
        """Those that have no answer on record get the one that nobody knows."""
        if not self._keys:
            return
        keys = frozenset(self._keys)
        held = {key: amounts for key, amounts in (await held_in(self.store, self.run_id)).items() if key in keys}
        for key, amounts in held.items():
            returned = Returned(key, outcome_to_json(UNKNOWN), amounts[0].to_json())
            settle = settled_of_lost(run_account(self.run_id), {key: amounts})
            with contextlib.suppress(IllegalEvent):  # its word was only late
                await self.store.append(self.run_id, [returned], lease=self.lease, changes=settle)
        self._keys -= keys
        self.away = False
