"""What clients' runs leave behind that nobody closes: their gateway was killed, or the store was away in the moment in
which an answer was to be kept. A call without an answer on record is in doubt, and counts as made.
"""

import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gateway.call import InDoubt, outcome_to_json
from gateway.earlier import held_in
from gateway.effects import UNDO
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Failed, Returned, Started
from gateway.reserving import settled_of_lost
from gateway.store import Lease, RunRow, Store, run_account
from gateway.store.lease import LEASE_SECONDS, is_dead, owner_name
from gateway.store.wanted import Wanted
from gateway.task import is_run_of_task

__all__ = ["Unrecorded", "closed"]

ROWS = 500  # that are looked at together
T = TypeVar("T")
UNKNOWN = InDoubt("what became of the call could not be recorded")


async def closed(store: Store) -> Sequence[str]:
    """Closes the runs of gateways that were killed, and says which. Raises StoreError."""
    return [row.id async for row in _running(store) if await _is_lost(store, row) and await _close(store, row)]


async def _close(store: Store, row: RunRow) -> bool:
    """False where another gateway that starts up was faster."""
    lease = await store.acquire(row.id, owner_name(), LEASE_SECONDS, row.owner)
    if lease is None:
        return False
    try:
        settle = settled_of_lost(run_account(row.id), await held_in(store, row.id))
        await store.append(row.id, [Failed("lost", "the gateway was killed")], lease=lease, changes=settle)
    except IllegalEvent:
        return False
    finally:
        await store.release(lease)
    return True


@dataclass(slots=True)
class Unrecorded:
    """The calls of a client's run that ended in an error, or were left: what became of them is perhaps not on record,
    for the store was away, for instance. Methods raise StoreError.
    """

    store: Store
    run_id: str
    lease: Lease | None
    _keys: set[str] = field(default_factory=set)
    _away: bool = False

    async def watched(self, key: str, call: Coroutine[Any, Any, T]) -> T:
        """What comes of this call. Once the store is back, those before it get their word first."""
        try:
            if self._away:
                await self.settled()
            return await call
        except BaseException as error:
            self._keys.add(key)
            self._away = self._away or isinstance(error, StoreError)
            raise
        finally:
            call.close()  # if it has not begun

    async def settled(self) -> None:
        """Those that have no answer on record get the one that nobody knows: nothing stays reserved for them."""
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
        self._away = False


async def _running(store: Store) -> AsyncIterator[RunRow]:
    before: str | None = None
    while rows := await store.run_rows(ROWS, Wanted(status="running", before=before)):
        for row in rows:
            yield row
        before = rows[-1].id


async def _is_lost(store: Store, row: RunRow) -> bool:
    """A client's, whose gateway is dead: also one that had only just begun. Those of tasks, and of what is undone,
    others take up.
    """
    if row.driver != "client" or is_run_of_task(row.id) or row.id.startswith(UNDO):
        return False
    owner = row.owner
    if owner is None:
        begun = [each.event for each in await store.events(row.id, 0, 2)]
        owner = next((event.worker for event in begun if isinstance(event, Started)), None)
    return owner is not None and is_dead(owner)
