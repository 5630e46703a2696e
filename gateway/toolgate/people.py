"""What people say: to runs, to questions about calls; and the sessions of one of them. Thin, over `gateway.offline`."""

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.approval import Approval, Said
    from gateway.approving import Approving
    from gateway.call import Deny, JsonObject, Subject
    from gateway.events import Recorded, Resolution
    from gateway.offline import Offline
    from gateway.run import Run
    from gateway.session import Memory, Session
    from gateway.store import RunRow
    from gateway.stream import Until

__all__ = ["Approvals", "Runs", "Sessions"]


class Runs:
    """All runs of the store, whoever drives them. A unique beginning of an id will do; without a run, UnknownRun."""

    def __init__(self, offline: "Offline", by: "Subject") -> None:
        self._offline, self._by = offline, by

    async def get(self, run_id: str) -> "Run":
        """What it has become."""
        return await self._offline.run(run_id)

    async def list(self, limit: int = 50) -> "Sequence[RunRow]":
        """The newest first."""
        return await self._offline.store.run_rows(limit)

    async def watch(self, run_id: str, after: int = 0, until: "Until" = "end") -> "AsyncGenerator[Recorded, None]":
        """Its events with a seq above `after`, each once and in order, those to come included, until it has ended; with
        `rest` also until it waits for people or is paused.
        """
        from gateway.stream import watch

        async for recorded in watch(self._offline.store, run_id, after, until):
            yield recorded

    async def cancel(self, run_id: str) -> None:
        """Ends it at its next step. Raises IllegalEvent when it has ended."""
        run = await self._offline.run(run_id)
        await self._offline.cancel(run.id, self._by.user)

    async def resolve(self, run_id: str, call: str, resolution: "Resolution", note: str = "") -> None:
        """Says what became of a call in doubt. Raises StoreError for one that is not."""
        run = await self._offline.run(run_id)
        await self._offline.resolve(run.id, call, resolution, self._by.user, note)


class Approvals:
    """Calls that wait for people. Who may answer is policy, and asked of the gate's user."""

    def __init__(self, approving: "Approving", by: "Subject") -> None:
        self._approving, self._by = approving, by

    async def list(self, run_id: str | None = None) -> "Sequence[Approval]":
        """The open questions, the oldest first: of all runs, or of one."""
        return await self._approving.waiting(run_id)

    async def decide(
        self,
        approval_id: str,
        decision: "Said",
        *,
        reason: str = "",
        digest: str | None = None,
        edited: "JsonObject | None" = None,
    ) -> "Approval | Deny":
        """Says `approved` or `denied`: returns the question (still open, where more people must agree), or why this
        user may not answer it.

        `digest` is that of the call that was shown: a yes counts for no other one. `edited` are the arguments that are
        agreed to instead. Raises UnknownApproval, and Conflict when somebody else was first.
        """
        from gateway.answer import Answer
        from gateway.call import Arguments

        instead = None if edited is None else Arguments.parse(edited)
        given = Answer(decision, reason, "python", edited=instead, seen=digest)
        return await self._approving.answer(self._by, approval_id, given)


class Sessions:
    """The sessions of the gate's user: nobody else's."""

    def __init__(self, offline: "Offline", of: "Subject") -> None:
        self._book = offline.store.sessions(of.user, of.tenant)

    async def list(self) -> "Sequence[Session]":
        """Those that changed last first."""
        return self._book.all()

    async def memory(self, name: str) -> "Memory | None":
        """What the next run begins with. Raises UnknownSession."""
        from gateway.session import Memory

        text = self._book.memory(name)
        return None if text is None else Memory.from_text(text)

    async def delete(self, name: str) -> None:
        """Forgets it; its runs stay on record. Raises UnknownSession, StoreError while a run of it has not ended."""
        await self._book.delete(name)
