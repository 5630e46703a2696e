"""How a job gets to a worker, behind one small port.

    embedded    the store itself is looked at: for SQLite, and for PostgreSQL
    dispatched  DBOS's queues on PostgreSQL: the extra `dbos`

An engine dispatches and decides nothing: whichever it is, the worker claims the next run in our store (`Store.claim`),
and drives what that gives it. So nothing that an engine does, twice or too late, can do harm; and what is lost in it
is found again in the store.
"""

import asyncio
from typing import Protocol

from gateway.store import Claim, Store

__all__ = ["Engine", "Hands"]


class Hands(Protocol):
    """A worker, as an engine sees it."""

    store: Store
    stopping: asyncio.Event  # it takes nothing more

    @property
    def idle(self) -> bool:
        """Whether it drives nothing."""
        ...

    @property
    def free(self) -> int:
        """How many runs more it could drive now."""
        ...

    async def room(self) -> None:
        """Returns when it can drive one more, or is stopping."""
        ...

    @property
    def wish(self) -> Claim:
        """What it would claim now."""
        ...

    async def take(self) -> "asyncio.Task[None] | None":
        """Claims the next run and drives it in this task. None: there is no run that may be begun now.

        Raises StoreError.
        """
        ...

    def spare(self) -> None:
        """There is nothing to take just now."""
        ...


class Engine(Protocol):
    """Brings jobs to a worker."""

    async def serve(self, worker: Hands) -> None:
        """Until it is stopping. Store errors are waited out."""
        ...
