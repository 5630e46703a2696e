"""What a run that is imported may bring along. Pure: rows of a file in, values out, or StoreError.

A file may have been edited on its way. So nothing in it counts as somebody's word: a question that stood open, or was
answered and not used yet, is put anew to people here, and every row must belong to a call of its own run.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.approval import Approval, claim, claim_again
from gateway.budget import Spend
from gateway.call import Arguments
from gateway.errors import StoreError
from gateway.events import Decided, Held, Queued, Recorded
from gateway.preview import digest_of, preview
from gateway.run import ENDED, Run
from gateway.store.approvals import approval
from gateway.store.kinds import fits
from gateway.store.told import NAME, is_moment
from gateway.store.transactions import task
from gateway.task import Task

__all__ = ["Luggage", "luggage"]

_APPROVAL = tuple(Approval.__dataclass_fields__)
_TASK = tuple(Task.__dataclass_fields__)
# What a row is that does not say, as in a table to which a column was added.
_WORDS: Mapping[str, Any] = {"action": "call", "session": "", "client": "", "server_pin": "", "preview_digest": ""}
_UNSAID: Mapping[str, Any] = {**_WORDS, "needs": 1, "decisions": "[]", "risk": "[]", "reasons": "[]"}


@dataclass(frozen=True, slots=True)
class Luggage:
    """What goes with a run: its approvals, as they count here, its tasks, and its account (unit, used, reserved)."""

    approvals: Sequence[Approval]
    tasks: Sequence[Task]
    account: Sequence[tuple[str, int, int]]


def luggage(pack: Mapping[str, Any], run: Run, events: Sequence[Recorded]) -> Luggage:
    """What the pack of this run has beside its events. Raises StoreError for what is not its own, or can't be read."""
    first = events[0].event
    if not isinstance(first, Queued) or not all(fits(getattr(first, name), str) for name in ("user", "tenant")):
        raise StoreError("this is no run: its first event does not say whose it is")
    tasks = [_task(row, run) for row in pack["tasks"]]
    held = {
        (each.event.approval_id, each.event.key, each.event.path) for each in events if isinstance(each.event, Held)
    }
    under_way = _under_way(run) - {each.key for each in tasks}
    asked = [_counting(_approval(row, run, held), under_way) for row in pack["approvals"]]
    _check_whole(run, events, {each.id for each in asked})
    return Luggage(asked, tasks, [_amount(row) for row in pack["account"]])


def _under_way(run: Run) -> frozenset[str]:
    """The keys of calls that may be made once more, and the ids of the approvals that they were admitted on."""
    if run.status in ENDED:
        return frozenset()
    calls = {key: call for key, call in run.calls.items() if call.status != "done"}
    return frozenset(calls) | {call.approval_id for call in calls.values() if call.approval_id is not None}


def _check_whole(run: Run, events: Sequence[Recorded], brought: Collection[str]) -> None:
    """What was asked about calls of a run of ours was asked in it, so the file has it. Raises StoreError."""
    told = {each.event.approval_id: None for each in events if isinstance(each.event, (Held, Decided))}
    missing = next((each for each in told if each not in brought), None)
    if missing is not None and run.driver == "loop":
        raise StoreError(f"this exported run is damaged: approval `{missing}` is missing from it")


def _approval(row: Any, run: Run, held: Iterable[tuple[str, str, str]]) -> Approval:
    """The row, which is about a call that was held in this run. Raises StoreError."""
    try:
        known = {"run_id": run.id}
        asked = approval([{**_UNSAID, **row, **known}.get(name) for name in _APPROVAL])
        good = fits(asked, Approval) and asked.call.subject == run.subject and asked.call.digest == asked.digest
        good = good and all(map(is_moment, _moments(asked)))
        good = good and asked.claim in _claims(asked, run) and isinstance(json.loads(asked.schema or "{}"), dict)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"this exported run is damaged: an approval can't be read: {error}") from None
    if not good or (asked.id, asked.key, asked.path) not in held:
        raise StoreError(f"this exported run is damaged: approval `{asked.id}` is not about a call of it")
    return asked


def _moments(asked: Approval) -> Iterable[int]:
    """All that it says of when."""
    told = (asked.created, asked.expires, asked.escalates, asked.decided_at, asked.consumed_at)
    return [at for at in (*told, *(vote.at for vote in asked.decisions)) if at is not None]


def _claims(asked: Approval, run: Run) -> frozenset[str]:
    """What an answer to this may be picked up by, in such a run."""
    both = {each(asked.asked, driven=True) for each in (claim, claim_again)}
    return frozenset(both if run.driver == "loop" else both | {claim(asked.asked, driven=False)})


def _counting(asked: Approval, under_way: frozenset[str]) -> Approval:
    """The same as it counts here. What is open is asked anew, as it was asked first; a yes that was used is history,
    and does not let a call be made once more.
    """
    if asked.state == "consumed" and {asked.key, asked.id} & under_way:
        return replace(asked, state="cancelled")
    if asked.state not in ("pending", "approved"):
        return asked
    if asked.asked_for is not None:
        asked = replace(asked.edited(Arguments.parse(asked.asked_for)), asked_for=None)
    seen = digest_of(preview(asked)) if asked.preview_digest else ""
    asked = replace(asked, state="pending", decisions=(), decided_by=None, decided_at=None, preview_digest=seen)
    return replace(asked, reason="", consumed_at=None, result_digest=None)


def _task(row: Any, run: Run) -> Task:
    try:
        found = task([{**row, "run_id": run.id}.get(name) for name in _TASK])
        good = (
            fits(found, Task)
            and bool(NAME.fullmatch(found.id))
            and is_moment(found.created)
            and found.call.subject == run.subject
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"this exported run is damaged: a task can't be read: {error}") from None
    if not good:
        raise StoreError("this exported run is damaged: a task is not that of a call of it")
    return found


def _amount(row: Any) -> tuple[str, int, int]:
    match row:
        case [str(unit), int(used), int(reserved)] if unit in Spend.__dataclass_fields__ and used >= 0 <= reserved:
            if fits(used, int) and fits(reserved, int):
                return unit, used, reserved
    raise StoreError("this exported run is damaged: its account is none")
