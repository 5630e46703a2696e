"""What people say: to runs, to questions about calls; and the sessions of one of them. Thin, over `gateway.offline`.

The gate that was opened is the operator's, who sees everything; one that was made for a user (`of_all=False`) has his
own runs and the questions about them, and what he may answer. To him, all else is not there.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.errors import StoreError, UnknownApproval, UnknownRun, Unreadable
from gateway.toolgate.wishes import Budget, check_priority, check_status, check_until, limits_of, subject_of

if TYPE_CHECKING:
    from gateway.approval import Approval, Said
    from gateway.approving import Approving
    from gateway.call import Deny, JsonObject, Subject
    from gateway.events import Recorded, Resolution
    from gateway.offline import Offline
    from gateway.pipeline import Pipeline
    from gateway.reversal import Undo
    from gateway.run import Run
    from gateway.session import Memory, Open, Session
    from gateway.store import RunRow
    from gateway.stream import Until
    from gateway.undoing import Undoing

__all__ = ["Approvals", "Runs", "Sessions"]

_MOST = 5000  # open questions of everybody, among which a user's are looked for


def _same(by: "Subject", user: str, tenant: str) -> bool:
    """Whether this is about what this user of this tenant does, through whichever agent."""
    return (by.user, by.tenant) == (user, tenant)


class Runs:
    """All runs of the store, whoever drives them; of a gate `as_user`, his. A unique beginning of an id will do, of six
    characters at least; without a run, UnknownRun.
    """

    def __init__(self, offline: "Offline", pipeline: "Pipeline", by: "Subject", *, of_all: bool = True) -> None:
        self._offline, self._pipeline, self._by, self._of_all = offline, pipeline, by, of_all

    async def get(self, run_id: str) -> "Run":
        """What it has become."""
        return await self._offline.run((await self._meant(run_id)).id)

    async def _meant(self, run_id: str) -> "RunRow":
        """Which run that is, whatever it holds. Raises UnknownRun for somebody else's."""
        row = await self._offline.store.run_row(run_id)
        if self._of_all or _same(self._by, row.user, row.tenant):
            return row
        raise UnknownRun(run_id)

    async def list(
        self,
        limit: int = 50,
        *,
        status: str | None = None,
        user: str | None = None,
        agent: str | None = None,
        before: str | None = None,
    ) -> "Sequence[RunRow]":
        """The newest first, of those of which this is so. `before` is the last run of the page before this one.
        Raises ConfigError for a status that there is not.
        """
        from gateway.store.wanted import Wanted

        check_status(status)
        if not self._of_all and user not in (None, self._by.user):
            return []
        tenant, user = (None, user) if self._of_all else (self._by.tenant, self._by.user)
        first = None if before is None else (await self.get(before)).id
        wanted = Wanted(status=status, tenant=tenant, user=user, agent=agent, before=first)
        return await self._offline.store.run_rows(limit, wanted)

    async def watch(self, run_id: str, after: int = 0, until: "Until" = "end") -> "AsyncGenerator[Recorded, None]":
        """Its events with a seq above `after`, each once and in order, those to come included, until it has ended; with
        `rest` also until it waits for people or is paused. Raises ConfigError for another `until`.
        """
        from gateway.stream import watch

        check_until(until)
        run = await self.get(run_id)
        async for recorded in watch(self._offline.store, run.id, after, until):
            yield recorded

    async def pause(self, run_id: str, why: str = "", *, at_once: bool = False) -> None:
        """Has it stop where it can go on, until somebody resumes it. What is under way comes to its end, unless it is
        to stop `at_once`. Raises IllegalEvent when it has ended.
        """
        run = await self.get(run_id)
        await self._offline.pause(run.id, self._by.user, why, at_once=at_once)

    async def resume(self, run_id: str) -> None:
        """Lets a paused run go on, without driving it here: whoever drives runs takes it up."""
        run = await self.get(run_id)
        await self._offline.resume(run.id, self._by.user)

    async def cancel(self, run_id: str, why: str = "") -> None:
        """Ends it, and what is under way in it. Raises IllegalEvent when it has ended."""
        run = await self._meant(run_id)
        await self._offline.cancel(run.id, self._by.user, why)

    async def settle(self, run_id: str, call: str, resolution: "Resolution", note: str = "") -> None:
        """Says what became of a call in doubt, or of an attempt to undo one (`undo/t2/call/1`). Raises StoreError for
        one that is not.
        """
        run = await self.get(run_id)
        await self._offline.resolve(run.id, call, resolution, self._by.user, note)

    async def notify(self, run_id: str, name: str, data: object = None, *, trusted: bool = False) -> None:
        """Tells it that something has happened for which it waits, or will; `data` is JSON. It is untrusted, unless the
        run's own user says that these are his words. Raises IllegalEvent when it has ended, StoreError.
        """
        from gateway.agents.sleeping import news_name

        if (wrong := news_name(name)) is not None:
            raise StoreError(f"`{name}` is no name of news: {wrong}")
        run = await self._meant(run_id)
        await self._offline.notify(run.id, name, json.dumps(data), self._by, trusted=trusted)

    async def fork(
        self,
        run_id: str,
        at: str | int,
        *,
        text: str = "",
        model: str | None = None,
        budget: Budget | None = None,
        priority: int | None = None,
    ) -> str:
        """Queues a run that goes on where this one stood, without doing anything again, and returns its id;
        `Toolgate.resume` drives it. With a `priority` (-100 to 100) it is for the workers, as if it were submitted.

        `at` is `t3`, the end of turn 3, or the seq of an event; `text` is what its user says there. Its budgets begin
        anew. Only whose run it is forks it. Raises StoreError, ConfigError.
        """
        from gateway.budget import Limits
        from gateway.forking import Fork
        from gateway.forks import Taken, begin

        if priority is not None:
            check_priority(priority)
        run, how = await self.get(run_id), Taken(self._by, model, limits_of(budget) or Limits(), priority)
        return await begin(self._offline, run.id, Fork(str(at), text), how)

    async def undos(self, run_id: str) -> "Sequence[Undo]":
        """What it has done that can be undone, the newest first, and how that stands."""
        from gateway.reversal import must_be_here

        run = await self.get(run_id)
        must_be_here(run)
        return await self._undoing().listed(run.id)

    async def undo(self, run_id: str, *calls: str) -> "Sequence[Undo]":
        """Undoes these calls of a run that has ended, or all, the newest first, up to the first that can't be; says how
        all of them stand then. Who undoes is this gate's user, by the same policy as ever. Raises StoreError and
        LeaseLost.
        """
        from gateway.run import ENDED

        run = await self.get(run_id)
        if run.status not in ENDED:
            raise StoreError(f"run `{run.id}` has not ended: cancel it first")
        if run.subject.tenant != self._by.tenant:
            raise StoreError(f"run `{run.id}` is of the tenant `{run.subject.tenant}`: undo it by a gate of that one")
        known = [undo.key for undo in await self.undos(run.id)]
        for key in (key for key in calls if key not in known):
            raise StoreError(f"the call `{key}` of run `{run.id}` can't be undone; can be: {', '.join(known)}")
        return await self._undoing().undo(run.id, calls or known, replace(self._by, agent=None))

    def _undoing(self) -> "Undoing":
        from gateway.tool_words import effects_of
        from gateway.undoing import Undoing

        return Undoing(self._offline.store, self._pipeline, effects_of(self._offline.config))

    async def export(self, run_id: str, *, force: bool = False, moves: bool = False) -> "dict[str, Any]":
        """It as one JSON value, for another installation, without a credential of this one; `force`: also while
        somebody drives it. With `moves` its place in the queue goes along: say `move` then. Raises StoreError.
        """
        from gateway.packing import packed

        return await packed(self._offline, (await self.get(run_id)).id, force=force, moves=moves)

    async def move(self, pack: "Mapping[str, Any]", to: str) -> None:
        """What was exported with `moves` goes on elsewhere: here it ends, as cancelled. Raises Conflict where anything
        has happened in it since, or the pack was changed, and StoreError for a copy; then nothing has changed.
        """
        await self.get(str(pack.get("run")))
        await self._offline.store.move(pack, self._by.user, to)

    async def import_(self, pack: "Mapping[str, Any]", *, user: str | None = None, tenant: str | None = None) -> bool:
        """Takes in what was exported elsewhere, all of it or nothing; whether it was not here before. Only by the gate
        that was opened. It acts as the user whom the file names: where that is not the gate's own, say so, too. Raises
        StoreError, Conflict.
        """
        if not self._of_all:
            raise StoreError("a gate for a user takes no runs in: the one that was opened does")
        from gateway.packing import taken_in

        whose = subject_of("import_", self._by, user, tenant)
        return await taken_in(self._offline, pack, whose, self._by.user)

    async def delete(self, run_id: str, *, force: bool = False) -> None:
        """Deletes one that has ended; what was decided in it is kept. `force`: it is cancelled first. Raises
        StoreError.
        """
        run = await self._meant(run_id)
        await self._offline.delete(run.id, self._by.user, force=force)


class Approvals:
    """Calls that wait for people. Who may answer is policy, and asked of the gate's user."""

    def __init__(self, approving: "Approving", by: "Subject", *, of_all: bool = True) -> None:
        self._approving, self._by, self._of_all = approving, by, of_all

    async def list(self, run_id: str | None = None) -> "Sequence[Approval]":
        """The open questions, the oldest first: of all runs, or of one. Of a gate `as_user`, those about his own calls,
        and those that he may answer.
        """
        if self._of_all:
            return await self._approving.waiting(run_id)
        waiting = await self._approving.waiting(run_id, limit=_MOST)
        return [approval for approval in waiting if await self._concerns(approval)]

    async def _concerns(self, approval: "Approval") -> bool:
        if _same(self._by, approval.user, approval.tenant):
            return True
        from gateway.call import Allow
        from gateway.store.legible import left_out

        try:
            return isinstance(await self._approving.may_decide(self._by, approval), Allow)
        except Unreadable as error:  # what its run has done can't be judged
            left_out(error)
            return False

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

        if not self._of_all and (await self._approving.store.approval(approval_id)).tenant != self._by.tenant:
            raise UnknownApproval(approval_id)
        instead = None if edited is None else Arguments.parse(edited)
        given = Answer(decision, reason, "python", edited=instead, seen=digest)
        return await self._approving.answer(self._by, approval_id, given)


class Sessions:
    """The sessions of the gate's user: nobody else's."""

    def __init__(self, offline: "Offline", of: "Subject") -> None:
        self._book = offline.store.sessions(of.user, of.tenant)

    async def list(self) -> "Sequence[Session]":
        """Those that changed last first."""
        return await self._book.look(self._book.all)

    async def memory(self, name: str) -> "Memory | None":
        """What the next run begins with. Raises UnknownSession."""
        from gateway.session import Memory

        text = await self._book.look(lambda: self._book.memory(name))
        return None if text is None else Memory.from_text(text)

    async def open(self, name: str) -> "Sequence[Open]":
        """Its runs that have not ended, in the order in which they come; of those that have begun there is one, which
        has the turn.
        """
        return await self._book.look(lambda: self._book.open(name))

    async def delete(self, name: str) -> None:
        """Forgets it; its runs stay on record. Raises UnknownSession, StoreError while a run of it has not ended."""
        await self._book.delete(name)
