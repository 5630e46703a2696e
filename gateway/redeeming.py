"""The path of a call that people agreed to, made for a task: once, whoever asks for the task, in whichever process.

The approval is the task, so all of its state is in the store: the question, the answer, and the run that the call has
to itself. That run begins once; its lease says who makes the call, and a gateway that was killed is taken over from. A
call that was admitted by then is in doubt, and is not repeated.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from gateway.admission import Attempt, Proposal, Work
from gateway.approval import Approval
from gateway.call import InDoubt, outcome_to_json
from gateway.caller import nobody
from gateway.clients import Clients
from gateway.errors import IllegalEvent, LeaseLost, ToolgateError
from gateway.events import Denied, Queued, Recorded, Returned, Started, Succeeded
from gateway.hearing import Ear
from gateway.profile import Profile
from gateway.reserving import settled_in
from gateway.run import fold
from gateway.standing import last_word, reserved_for, unanswered
from gateway.store import Settle, run_account
from gateway.store.lease import leased, owner_name
from gateway.task import EXTENSION, run_of
from gateway.tracing import Place

__all__ = ["Redeeming"]

PATIENCE = 1.0  # seconds that whoever asks for a task waits for a call which his question has set off
GRACE = 5.0  # seconds that calls have to end when we do
RETRY = 15_000  # milliseconds after which a server that was away is tried again

_LATER = nobody({"extensions": {EXTENSION: {}}})  # the server may make a task of it, too

log = logging.getLogger("toolgate")


class Redeeming:
    """Makes the calls that were approved, when somebody asks for their tasks."""

    def __init__(self, clients: Clients) -> None:
        self._clients, self._store = clients, clients.store
        self._working: dict[str, asyncio.Task[None]] = {}  # by approval

    async def close(self) -> None:
        """Calls under way have a moment to end; then nobody knows what becomes of them, and that is recorded."""
        if not self._working:
            return
        _, late = await asyncio.wait(self._working.values(), timeout=GRACE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def standing(
        self, approval: Approval, profile: Profile, ear: Ear | None = None
    ) -> tuple[Approval, Sequence[Recorded]]:
        """The approval as it is now, and what has come of its call; makes the call if it is time for that.

        `ear` is that of the run that asked for the call. Without it nobody knows what that run has heard.
        """
        events = await self._store.events(run_of(approval))
        now = self._store.now()
        if approval.state == "pending" and approval.expires <= now:
            await self._store.expire()
        elif _due(approval, events, now):
            await self._wait(approval, profile, ear)
            events = await self._store.events(run_of(approval))
        return await self._store.approval(approval.id), events

    async def _wait(self, approval: Approval, profile: Profile, ear: Ear | None) -> None:
        task = self._working.get(approval.id)
        if task is None:
            task = asyncio.create_task(self._work(approval, profile, ear), name=f"toolgate.task.{approval.id}")
            self._working[approval.id] = task
            task.add_done_callback(lambda _: self._working.pop(approval.id, None))
        await asyncio.wait({task}, timeout=PATIENCE)

    async def _work(self, approval: Approval, profile: Profile, ear: Ear | None) -> None:
        try:
            with contextlib.suppress(LeaseLost):  # another gateway makes it
                await self._drive(approval, profile, ear)
        except ToolgateError as error:
            log.warning("the call of approval `%s` could not be made: %s", approval.id, error)
        except Exception:
            log.exception("the call of approval `%s` failed", approval.id)

    async def _drive(self, approval: Approval, profile: Profile, ear: Ear | None) -> None:
        run_id, who = run_of(approval), approval.call.subject
        first = fold(approval.run_id, await self._store.events(approval.run_id))
        names = (who.user, who.tenant, who.agent)
        limits = self._clients.most
        read = None if first.servers is None else sorted(first.servers)
        queued = Queued(
            "client", *names, input=first.input, limits=limits.to_json(), tainted=first.tainted, servers=read
        )
        with contextlib.suppress(IllegalEvent):  # it was begun before
            await self._store.append(run_id, [queued, Started(owner_name())], lease=None)
        async with leased(self._store, run_id) as lease:
            begun = await self._store.events(run_id)
            if last_word(begun) is None:
                taken = await self._store.spend(run_account(approval.run_id))
                place = Place(run_id, who, limits, taken, tainted=first.tainted, servers=first.servers)
                work = Work(place, lease, profile=profile, of=approval.run_id, ear=ear)
                await self._make(approval, work, begun)

    async def _make(self, approval: Approval, work: Work, begun: Sequence[Recorded]) -> None:
        """One attempt. The last event of a call that has ended for good is followed by the end of its run."""
        run_id, lost = work.place.run_id, unanswered(begun)
        if lost is not None:
            own, accounts = reserved_for(begun, lost)
            doubt = Returned(lost, outcome_to_json(InDoubt("the gateway was killed")), own.to_json())
            settle = (Settle(work.account, own, own), *settled_in(accounts))
            await self._store.append(run_id, [doubt, Succeeded("")], lease=work.lease, changes=settle)
            return
        proposal = Proposal(f"call/{len(begun)}", approval.path, approval.arguments, caller=_LATER)
        await self._clients.pipeline.call(proposal, work, Attempt(answer=approval.id))
        if last_word(await self._store.events(run_id)) is not None:
            await self._store.append(run_id, [Succeeded("")], lease=work.lease)


def _due(approval: Approval, events: Sequence[Recorded], now: int) -> bool:
    """Whether there is a call to be made, or to be taken over."""
    if last_word(events) is not None:
        return False
    if events and isinstance(events[-1].event, (Denied, Returned)) and now - events[-1].at < RETRY:
        return False
    good = approval.state == "approved" and now < approval.expires
    return good or (approval.state == "consumed" and bool(events))
