"""What the driver of a run writes down, and what the run becomes by it.

What he appends he knows: the record is read only where somebody else has written, too. A fact on which nothing has
been done yet (a model's reply, a tool's answer) is *held*: it goes into the commit of the next one (the admission of
the call that was wished for, the reservation of the next question), and into one of its own if none comes within a few
turns of the event loop: so many as it takes until the last of calls that were made side by side is known to be. So a
turn takes two commits; nothing leaves before what led to it is durable, and nothing is written without what was held
before it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateway.errors import IllegalEvent, ToolgateError
from gateway.events import Event, Recorded
from gateway.run import Run, fold, retimed
from gateway.store import Change, Lease, Seq, Store
from gateway.values import value

__all__ = ["Journal"]

_TURNS = 3  # of the event loop, from the end of the last task of a group until whoever waits for the group goes on


@value(frozen=True, slots=True)
class _Held:
    """Facts and changes that are not written yet; `foreseen` are the facts as they will be, if nobody comes between."""

    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    foreseen: tuple[Recorded, ...] = ()

    def and_then(self, events: Sequence[Event], changes: Sequence[Change], foreseen: Sequence[Recorded]) -> "_Held":
        return _Held((*self.events, *events), (*self.changes, *changes), (*self.foreseen, *foreseen))


_NOTHING = _Held()


def _nobody(_fresh: Sequence[Recorded]) -> None:
    """Wants to know."""


class Journal:
    """One driver's of one run. `run` is what it has become, with what is held; `seen` is the last event of the record
    that it knows of. `told` hears of each fact when it is durable.

    All methods raise what `Store.append` does, and then what they were to write is not written.
    """

    def __init__(
        self,
        store: Store,
        lease: Lease,
        told: Callable[[Sequence[Recorded]], None] = _nobody,
        run: Run | None = None,
    ) -> None:
        """`run` is what is known already."""
        self._store, self._lease, self._told = store, lease, told
        self.run = self._sure = run or Run(lease.run_id)
        self._held, self._in_doubt = _NOTHING, _NOTHING
        self._going = _NOTHING  # what was held, and is being written
        self._first = asyncio.Lock()  # of whoever writes what is held: it decides whether anything else may follow
        self._flushing: asyncio.Task[None] | None = None

    @property
    def seen(self) -> int:
        return self._sure.seq

    async def append(self, events: Sequence[Event], changes: Sequence[Change] = ()) -> int:
        """As the store's; what is held goes with it. Returns the run's last seq."""
        if self._held.events or self._in_doubt.events or self._first.locked():
            async with self._first:
                await self._settle_doubt()
                if self._held.events:
                    return await self._along(events, changes)
        return await self._write(events, changes)

    def hold(self, events: Sequence[Event], changes: Sequence[Change] = ()) -> None:
        """Facts on which nothing is done before something else is appended. Raises IllegalEvent."""
        seq, at = self.run.seq, self._store.now()
        foreseen = [Recorded(self.run.id, seq + place, at, event) for place, event in enumerate(events, 1)]
        self.run = fold(self.run.id, foreseen, self.run)
        if not self._held.events:
            asyncio.get_running_loop().call_soon(self._unless_something_comes, _TURNS)
        self._held = self._held.and_then(events, changes, foreseen)

    async def flush(self) -> None:
        """Writes what is held."""
        async with self._first:
            await self._settle_doubt()
            if self._held.events:
                await self._alone(self._taken())

    async def read(self) -> None:
        """Whatever was recorded, by whomever. What is held and may not follow any more is dropped."""
        with suppress(IllegalEvent):
            await self.flush()
        self._held = _NOTHING
        await self._read()

    # ---- what is held

    def _unless_something_comes(self, turns: int) -> None:
        if self._held.events and turns > 1:
            asyncio.get_running_loop().call_soon(self._unless_something_comes, turns - 1)
        elif self._held.events:
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        with suppress(ToolgateError):  # it is held again, and whoever appends next finds out
            await self.flush()

    def _taken(self) -> _Held:
        self._going, self._held = self._held, _NOTHING
        return self._going

    async def _along(self, events: Sequence[Event], changes: Sequence[Change]) -> int:
        """Together with what is held; or else one after the other, because only one of them may be written."""
        held = self._taken()
        try:
            return await self._write((*held.events, *events), (*held.changes, *changes), held.foreseen)
        except asyncio.CancelledError:
            self._in_doubt, self._going = held, _NOTHING
            raise
        except ToolgateError:
            await self._alone(held)
        return await self._write(events, changes)

    async def _alone(self, held: _Held) -> None:
        try:
            await self._write(held.events, held.changes, held.foreseen)
        except asyncio.CancelledError:
            self._in_doubt, self._going = held, _NOTHING
            raise
        except ToolgateError:
            self._held = held.and_then(self._held.events, self._held.changes, self._held.foreseen)
            self._going = _NOTHING
            raise

    async def _settle_doubt(self) -> None:
        """Who was cancelled while he wrote does not know whether it was made: what is appended behind it does."""
        if not self._in_doubt.events:
            return
        await self._store.append(self.run.id, [], lease=self._lease)
        fresh = await self._read()
        doubtful, self._in_doubt = self._in_doubt, _NOTHING
        if not any(_about(recorded.event) == _about(doubtful.events[0]) for recorded in fresh):
            held, self._going = self._taken(), _NOTHING
            self._held = doubtful.and_then(held.events, held.changes, held.foreseen)

    # ---- what is durable

    async def _write(
        self, events: Sequence[Event], changes: Sequence[Change], foreseen: Sequence[Recorded] = ()
    ) -> int:
        seq = await self._store.append(self.run.id, events, lease=self._lease, changes=changes)
        before, self._going = seq - len(events), _NOTHING if foreseen else self._going
        if isinstance(seq, Seq) and before == self._sure.seq:
            fresh = [Recorded(self.run.id, before + place, seq.at, event) for place, event in enumerate(events, 1)]
            self._know(fresh, foreseen)
        elif seq > self._sure.seq:
            await self._read()
        return seq

    async def _read(self) -> Sequence[Recorded]:
        fresh = await self._store.events(self.run.id, self._sure.seq)
        self._know([recorded for recorded in fresh if recorded.seq > self._sure.seq])  # somebody may have been faster
        return fresh

    def _know(self, fresh: Sequence[Recorded], foreseen: Sequence[Recorded] = ()) -> None:
        """What was foreseen and came so need not be looked at again."""
        known = len(foreseen) if self._is_as_foreseen(fresh, foreseen) else 0
        start = retimed(self.run, self._sure, fresh[known - 1]) if known else self._sure
        self._sure = self.run = fold(self.run.id, fresh[known:], start)
        if coming := (*self._going.foreseen, *self._held.foreseen):
            with suppress(IllegalEvent):  # whoever writes it is told so
                self.run = fold(self.run.id, coming, self._sure)
        self._told(fresh)

    def _is_as_foreseen(self, fresh: Sequence[Recorded], foreseen: Sequence[Recorded]) -> bool:
        """All but the moments, which are the same for all that one commit has."""
        return bool(
            foreseen
            and not self._held.events
            and self.run.seq == foreseen[-1].seq
            and (self._sure.seq + 1 == foreseen[0].seq == fresh[0].seq)
        )


def _about(event: Event) -> tuple[type[Event], str | None]:
    """Which one it is, of those that one driver writes while another one of his is under way."""
    return type(event), getattr(event, "key", None)
