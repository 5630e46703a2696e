"""What a run has done is undone, by the tools that the admin named for it: each call at most once, the newest first.

The calls that undo are made by whoever wants it, for himself, through all gates, in a run of their own (`undo-RUN`): a
run that has ended stays as it is. The record of that one says what has been undone, and its lease that nobody else is
at it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.accounts import Bill
from gateway.admission import FIRST, Attempt, Proposal, Work
from gateway.arguments import Arguments, JsonObject
from gateway.call import Answered, Call, Outcome, Subject, Unsent, outcome_from_json
from gateway.effects import Effects, Missing, result_of, undo_run
from gateway.errors import IllegalEvent, StoreError
from gateway.events import (
    Admitted,
    Denied,
    Doubted,
    Event,
    Held,
    Obliged,
    Queued,
    Recorded,
    Resolved,
    Returned,
    Started,
    Succeeded,
)
from gateway.lifecycle import MOVED
from gateway.pipeline import Pipeline
from gateway.run import Run, fold
from gateway.standing import reserved_for
from gateway.store import Store, run_account
from gateway.store.lease import leased, owner_name
from gateway.tracing import Place

__all__ = ["Undo", "UndoState", "Undoing", "must_be_here", "undos"]

UndoState = Literal["open", "undone", "held", "refused", "failed", "in_doubt", "impossible"]


@dataclass(frozen=True, slots=True)
class Undo:
    """A call that a run has made (`key`, `path`), and what undoes it: `arguments` None where that can't be said. `why`
    is about its state; `approval` is the id of the question where people are asked; `tries` were made.
    """

    key: str
    path: str
    tool: str
    arguments: JsonObject | None
    state: UndoState = "open"
    why: str = ""
    approval: str | None = None
    tries: int = 0

    @property
    def own_key(self) -> str:
        return f"undo/{self.key}"

    @property
    def left(self) -> bool:
        """Whether there is something to be done about it."""
        return self.state not in ("undone", "impossible")


def undos(run: Run, events: Sequence[Recorded], later: Sequence[Recorded], effects: Effects) -> Sequence[Undo]:
    """What of a run with these events can be undone, the newest first; `later` is the record of what has been. Nothing
    of one that was moved away: where it goes on, it can be.
    """
    if _moved(run):
        return []
    found = [_undo(run, made, outcome, effects) for made, outcome in reversed([*_made(events).values()])]
    return [_as_it_stands(each, later) for each in found if each is not None]


def must_be_here(run: Run) -> None:
    """Raises StoreError for a run that was moved away: it would be undone here and there, and goes on there."""
    if where := _moved(run):
        raise StoreError(f"run `{run.id}` was moved to {where}: what it has done is undone where it is now")


def _moved(run: Run) -> str:
    return run.cause.removeprefix(MOVED) if run.status == "cancelled" and run.cause.startswith(MOVED) else ""


def _made(events: Sequence[Recorded]) -> Mapping[str, tuple[Admitted, Outcome | None]]:
    """The calls that took effect, in the order in which they did. A dry run took none."""
    admitted: dict[str, Admitted] = {}
    made: dict[str, tuple[Admitted, Outcome | None]] = {}
    for event in (recorded.event for recorded in events):
        match event:
            case Admitted(action="call"):
                admitted[event.key] = event
            case Obliged() if _is_rehearsal(event):
                admitted.pop(event.key, None)
            case Returned() if event.key in admitted:
                outcome = outcome_from_json(event.outcome)
                if isinstance(outcome, Answered) and not outcome.is_error:
                    made[event.key] = (admitted[event.key], outcome)
            case Resolved(resolution="happened") if event.key in admitted:
                made[event.key] = (admitted[event.key], None)
    return made


def _is_rehearsal(event: Obliged) -> bool:
    return bool(event.duties.get("dry_run"))


def _undo(run: Run, made: Admitted, outcome: Outcome | None, effects: Effects) -> Undo | None:
    word = effects.of(made.path)
    if word.undo is None:
        return None
    arguments = Arguments.parse(made.arguments)
    call = Call(run.id, made.key, run.subject, made.path, arguments, keyed=word.idempotency_argument)
    try:
        return Undo(made.key, made.path, word.undo.path, word.undo.filled(call, result_of(outcome)))
    except Missing as missing:
        return Undo(made.key, made.path, word.undo.path, None, "impossible", str(missing))


def _as_it_stands(undo: Undo, later: Sequence[Recorded]) -> Undo:
    for event in (recorded.event for recorded in later):
        if getattr(event, "key", None) == undo.own_key:
            undo = _after(undo, event)
    return undo


def _after(undo: Undo, event: Event) -> Undo:
    match event:
        case Held():
            return replace(undo, state="held", why=event.why, approval=event.approval_id)
        case Denied():
            return replace(undo, state="refused", why=event.why, approval=None)
        case Admitted():
            return replace(undo, state="in_doubt", why="nobody knows whether it happened", tries=event.attempt)
        case Obliged() if _is_rehearsal(event):
            return replace(undo, state="refused", why="the policy allows it only as a dry run: nothing was sent")
        case Returned() if undo.state == "in_doubt":  # and was no rehearsal
            return _returned(undo, outcome_from_json(event.outcome))
        case Doubted():
            return replace(undo, state="in_doubt", why=event.why)
    return undo


def _returned(undo: Undo, outcome: Outcome) -> Undo:
    match outcome:
        case Answered() if not outcome.is_error:
            return replace(undo, state="undone", why="")
        case Answered():
            return replace(undo, state="failed", why="the tool reports an error")
        case Unsent():
            return replace(undo, state="open", why=outcome.why)
    why = getattr(outcome, "why", "") or getattr(outcome, "message", "") or "the server has not answered yet"
    return replace(undo, state="in_doubt", why=why)


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
        if not any(each.left and each.key in keys for each in await self.listed(run_id)):
            return await self.listed(run_id)
        run, own = fold(run_id, await self.store.events(run_id)), undo_run(run_id)
        servers = None if run.servers is None else sorted(run.servers)
        about = (f"undo of {run_id}", run.limits.to_json())
        queued = Queued("client", who.user, who.tenant, None, "", *about, tainted=run.tainted, servers=servers)
        with contextlib.suppress(IllegalEvent):  # it was begun before
            await self.store.append(own, [queued, Started(owner_name())], lease=None)
        async with leased(self.store, own) as lease:
            for undo in [each for each in await self.listed(run_id) if each.key in keys and each.left]:
                place = Place(own, who, run.limits, await self.store.spend(run_account(own)), tainted=run.tainted)
                await self._made(undo, Work(replace(place, servers=run.servers), lease))
                if (await self._now(run_id, undo.key)).state != "undone":
                    break
            left = await self.listed(run_id)
            if not any(each.left for each in left):
                await self.store.append(own, [Succeeded("")], lease=lease)
        return left

    async def _now(self, run_id: str, key: str) -> Undo:
        return next(each for each in await self.listed(run_id) if each.key == key)

    async def _made(self, undo: Undo, work: Work) -> None:
        """What may have happened already is made again only where that does no harm, with the key that it had."""
        attempt = FIRST if not undo.tries else Attempt(undo.tries + 1, asked=True)
        if undo.state == "in_doubt":
            if not self.pipeline.may_repeat(undo.tool):
                return
            attempt = _further(undo, await self.store.events(work.place.run_id))
        await self.pipeline.call(Proposal(undo.own_key, undo.tool, undo.arguments or {}), work, attempt)


def _further(undo: Undo, later: Sequence[Recorded]) -> Attempt:
    """On what the attempt before has reserved, if it is still there: its worker was killed."""
    mine = [each.event for each in later if getattr(each.event, "key", None) == undo.own_key]
    before = next(event for event in reversed(mine) if isinstance(event, Admitted))
    orphan = not any(isinstance(event, Returned | Doubted) for event in mine[mine.index(before) :])
    own, accounts = reserved_for(later, undo.own_key)
    bill = Bill.of_before(own, accounts) if orphan else None
    return Attempt(undo.tries + 1, before.pin, before.approval_id, orphan, bill=bill)
