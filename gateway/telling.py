"""A chat tool is told of the questions that wait, and of their answers: signed, in time, and at least once.

It holds nobody up: what has to be told is read off the store, by whichever gateway is there. What is not taken is sent
again, later each time; messages about one approval come in their order. Only an address that `reach` lets us is
connected to, and no redirect is followed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

import httpx2

from gateway.approval import Approval
from gateway.approving import Approving
from gateway.call import JsonObject
from gateway.dates import dated
from gateway.errors import StoreError, UnknownApproval, Unreadable
from gateway.guarded import guarded_client
from gateway.notice import notice
from gateway.reach import Reach
from gateway.store.outbox import Delivery, Outbox, What
from gateway.verbatim import encode
from gateway.webhook import Hook, headers_of

__all__ = ["Telling", "telling"]

LOOK = 1.0  # seconds
FIRST, LONGEST = 5_000, 3_600_000  # milliseconds until it is sent again: doubled each time
MOST = 48  # times that one is sent: for nearly two days

log = logging.getLogger("toolgate.approvals")


class Telling:
    """`client` sends; `clock` is seconds since 1970, as a message says it; what is due is so by the store's."""

    def __init__(
        self,
        approving: Approving,
        outbox: Outbox,
        hook: Hook,
        client: httpx2.AsyncClient,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._approving, self._outbox, self._hook = approving, outbox, hook
        self._client, self._clock = client, clock
        self._seen: int | None = None  # the store's version at the last look

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.once()
            except StoreError as error:
                log.warning("what waits can't be told now: %s", error)
            await asyncio.sleep(LOOK)

    async def once(self) -> int:
        """Sends what is due; says how many were taken."""
        version, due = await self._approving.store.version(), await self._outbox.next_due()
        if version == self._seen and (due is None or due > self._approving.store.now()):
            return 0
        await self._approving.store.expire()
        deliveries = await self._outbox.take()
        taken = await asyncio.gather(*(self._deliver(delivery) for delivery in deliveries))
        self._seen = version if not deliveries else None  # there may be more
        return sum(taken)

    async def _deliver(self, delivery: Delivery) -> bool:
        why = await self._sent(delivery)
        if why is None:
            await self._outbox.sent(delivery)
            return True
        if delivery.attempt >= MOST:
            log.error("approval %s: the webhook is not told any more: %s", delivery.approval_id, why)
            await self._outbox.sent(delivery)
            return False
        log.warning("approval %s: the webhook was not told: %s; again later", delivery.approval_id, why)
        await self._outbox.put_off(delivery, min(FIRST * 2 ** (delivery.attempt - 1), LONGEST))
        return False

    async def _sent(self, delivery: Delivery) -> str | None:
        """Why it was not taken, without the address: it may hold a secret."""
        try:
            message = encode(await self._message(delivery))
        except UnknownApproval:
            return None  # there is nothing to tell any more
        except Unreadable as error:
            return str(error)
        headers = headers_of(self._hook.key, f"{delivery.approval_id}.{delivery.event}", self._clock(), message)
        try:
            response = await self._client.post(
                self._hook.url, content=message, headers={**headers, "content-type": "application/json"}
            )
        except httpx2.HTTPError as error:
            return f"it can't be reached ({type(error).__name__})"
        return None if response.is_success else f"it answered {response.status_code}"

    async def _message(self, delivery: Delivery) -> JsonObject:
        approval = await self._approving.store.approval(delivery.approval_id)
        page = {"url": f"{self._hook.pages}/approvals/{approval.id}"} if self._hook.pages else {}
        told = {**notice(approval, await self._approving.background(approval)), **page}
        if delivery.what == "approval.escalated":
            told["escalate_to"] = approval.escalate_to
        at = _at(delivery.what, approval)
        when = dated(at).isoformat(timespec="milliseconds")
        return {"type": delivery.what, "timestamp": when.replace("+00:00", "Z"), "data": told}


def _at(what: What, approval: Approval) -> int:
    """When it happened, in milliseconds since 1970."""
    match what:
        case "approval.changed":
            at = approval.decisions[-1].at if approval.decisions else None
        case "approval.escalated":
            at = approval.escalates
        case "approval.decided":
            at = approval.decided_at
        case _:
            at = None
    return at or approval.created


@contextlib.asynccontextmanager
async def telling(approving: Approving, outbox: Outbox, hook: Hook, reach: Reach) -> AsyncIterator[None]:
    """As long as the block lasts. What is under way at its end is sent again by whoever comes next."""
    async with guarded_client(reach) as client:
        task = asyncio.create_task(Telling(approving, outbox, hook, client).run(), name="toolgate.telling")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
