"""What a run has done is undone, by the tools that the admin named for it: each call at most once, the newest first.

The calls that undo are made by whoever wants it, for himself, through all gates, in a run of their own (`undo-RUN`): a
run that has ended stays as it is. The record of that one says what has been undone, and its lease that nobody else is
at it.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.accounts import Bill
from gateway.admission import FIRST, Attempt, Proposal, Work
from gateway.call import Subject
from gateway.effects import Effects, undo_run
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Admitted, Doubted, Recorded, Returned, Succeeded
from gateway.pipeline import Pipeline
from gateway.reversal import Undo, begun, here, must_be_here, undos
from gateway.run import ENDED, fold
from gateway.standing import reserved_for
from gateway.store import Store, run_account
from gateway.store.lease import leased, owner_name
from gateway.tracing import Place

__all__ = ["Undoing"]


@dataclass(frozen=True, slots=True)
class Undoing:
    """Undoes what runs have done. Methods raise what the store does."""

    store: Store
    pipeline: Pipeline
    effects: Effects

    async def listed(self, run_id: str) -> Sequence[Undo]:
        """What of it can be undone, the newest first."""
        events = await self.store.events(run_id)
        later = await self.store.events(undo_run(run_id))
        return undos(fold(run_id, events), events, later, self.effects)

    async def undo(self, run_id: str, keys: Sequence[str], who: Subject) -> Sequence[Undo]:
        """Undoes these calls of a run that has ended, in the order of the list, up to the first that can't be; and says
        how they all stand then. Raises LeaseLost when somebody else is at it, StoreError for one that was moved away.
        """
        must_be_here(fold(run_id, await self.store.events(run_id)))
        listed = await self.listed(run_id)
        first = next((each for each in listed if each.left and each.key in keys), None)
        if (first is None or first.doubted) and not await self._is_to_be_ended(run_id, listed):
            return listed
        run, own = fold(run_id, await self.store.events(run_id)), undo_run(run_id)
        with contextlib.suppress(IllegalEvent):  # it was begun before
            await self.store.append(own, begun(run, who, owner_name()), lease=None)
        async with leased(self.store, own) as lease:
            wanted = [each for each in await self.listed(run_id) if each.key in keys and each.left]
            if wanted:
                await self._must_take_more(own)
            for undo in wanted:
                place = Place(own, who, run.limits, await self.store.spend(run_account(own)), tainted=run.tainted)
                await self._made(undo, Work(replace(place, servers=run.servers), lease))
                if (await self._now(run_id, undo.key)).state != "undone":
                    break
            left = await self.listed(run_id)
            if await self._is_to_be_ended(run_id, left):
                await self.store.append(own, [Succeeded("")], lease=lease)
        return left

    async def _must_take_more(self, own: str) -> None:
        """Raises StoreError for a record that has ended though something was left: nothing may follow in it."""
        row = await self.store.run_row(own)
        if row.status in ENDED:
            raise StoreError(f"the record `{own}` of what was undone is {row.status}: no more can be undone by it")

    async def _is_to_be_ended(self, run_id: str, listed: Sequence[Undo]) -> bool:
        """Whether all is undone, and it is not on record that it is over: whoever did it may have died just then."""
        if any(each.left for each in listed):
            return False
        own = undo_run(run_id)
        begun = fold(own, await self.store.events(own))
        return begun.seq > 0 and begun.status not in ENDED

    async def _now(self, run_id: str, key: str) -> Undo:
        return next(each for each in await self.listed(run_id) if each.key == key)

    async def _made(self, undo: Undo, work: Work) -> None:
        """What may have happened already is made again only where that does no harm, with the key that it had; what may
        not have been done is not undone.
        """
        if undo.doubted:
            return
        attempt = FIRST if not undo.tries else Attempt(undo.tries + 1, asked=True)
        if undo.state == "in_doubt":
            if not self.pipeline.may_repeat(undo.tool):
                return
            attempt = _further(undo, here(await self.store.events(work.place.run_id)))
        await self.pipeline.call(Proposal(undo.own_key, undo.tool, undo.arguments or {}), work, attempt)


def _further(undo: Undo, later: Sequence[Recorded]) -> Attempt:
    """On what the attempt before has reserved, if it is still there: its worker was killed. What was made of it
    elsewhere has reserved nothing here, and no yes is left of it.
    """
    mine = [each.event for each in later if getattr(each.event, "key", None) == undo.own_key]
    before = next((event for event in reversed(mine) if isinstance(event, Admitted)), None)
    if before is None:
        return Attempt(undo.tries + 1, asked=True)
    orphan = not any(isinstance(event, (Returned, Doubted)) for event in mine[mine.index(before) :])
    own, accounts = reserved_for(later, undo.own_key)
    bill = Bill.of_before(own, accounts) if orphan else None
    return Attempt(undo.tries + 1, before.pin, before.approval_id, orphan, bill=bill)
