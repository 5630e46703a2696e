"""Rows as values, where a row may be damaged or be of a newer version. Such a one is its own run's affair, and nobody
else's: who looks at many leaves it out, and it is named once; who asks for that one is told what can be done about it.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.approval import Approval
from gateway.effects import UNDO
from gateway.errors import UnknownApproval, Unreadable
from gateway.events import EVENTS, Recorded, event_from_json
from gateway.run import Run, fold
from gateway.store.approvals import SELECT, SELECTED, approval
from gateway.store.ledger import Ledger
from gateway.store.told import BROKEN

__all__ = ["approval_in", "approval_of", "approvals_of", "events_of", "folded", "left_out", "readable"]

_MOST = 1_000  # that are remembered as named

_named: set[str] = set()
log = logging.getLogger("toolgate.store")

Row = Sequence[Any]  # of an event: seq, at, body


def events_of(run_id: str, rows: Iterable[Row]) -> Sequence[Recorded]:
    """Raises Unreadable."""
    rows = list(rows)
    try:
        return [_event(run_id, row) for row in rows]
    except BROKEN:
        raise _what_is_wrong(run_id, rows) from None


def readable(run_id: str, rows: Iterable[Row]) -> Sequence[Recorded]:
    """The events that can be read, for who must end the run whatever it holds."""
    found = []
    for row in rows:
        try:
            found.append(_event(run_id, row))
        except BROKEN:
            continue
    return found


def folded(run_id: str, events: Sequence[Recorded]) -> Run:
    """Raises Unreadable for events that add up to no run."""
    try:
        return fold(run_id, events)
    except BROKEN as error:
        raise Unreadable(f"the events of run `{run_id}` do not add up to a run ({error}): {_end(run_id)}") from None


def approval_of(row: Row) -> Approval:
    """Raises Unreadable also for one whose call can't be read."""
    try:
        found = approval(row)
        found.call, found.asked  # noqa: B018 - read once, and kept
    except BROKEN:
        run_id = row[SELECTED.index("run_id")]
        raise Unreadable(
            f"approval `{row[0]}` is damaged in the store: nobody can answer it, and its call is not made;"
            f" {_ended(run_id)}"
        ) from None
    return found


def approval_in(db: Ledger, approval_id: str) -> Approval:
    """The question with exactly this id. Raises UnknownApproval, Unreadable."""
    row = db.execute(f"{SELECT} WHERE id = ?", (approval_id,)).fetchone()
    if row is None:
        raise UnknownApproval(approval_id)
    return approval_of(row)


def approvals_of(rows: Iterable[Row]) -> Sequence[Approval]:
    """Those that can be read; the others are named."""
    found = []
    for row in rows:
        try:
            found.append(approval_of(row))
        except Unreadable as error:
            left_out(error)
    return found


def left_out(error: Unreadable) -> None:
    """Named, once in this process."""
    if (said := str(error)) in _named:
        return
    if len(_named) >= _MOST:
        _named.clear()
    _named.add(said)
    log.warning("left out: %s", said)


def _event(run_id: str, row: Row) -> Recorded:
    seq, at, body = row
    return Recorded(run_id, seq, at, event_from_json(json.loads(body)))


def _what_is_wrong(run_id: str, rows: Sequence[Row]) -> Unreadable:
    for row in rows:
        try:
            _event(run_id, row)
        except BROKEN:
            if (name := _name(row[2])) and name not in EVENTS:
                why = f"run `{run_id}` holds '{name}', which this version does not know; update it"
            else:
                why = f"event {row[0]} of run `{run_id}` is damaged in the store: {_end(run_id)}"
            return Unreadable(why)
    return Unreadable(f"run `{run_id}` can't be read: {_end(run_id)}")


def _name(body: str) -> str:
    try:
        name = json.loads(body)["event"]
    except BROKEN:
        return ""
    return name if isinstance(name, str) else ""


def _ended(run_id: str) -> str:
    if run_id.startswith(UNDO):
        return f"delete the run that it is to undo: `toolgate runs delete {run_id.removeprefix(UNDO)}`"
    return f"end its run: `toolgate cancel {run_id}`"


def _end(run_id: str) -> str:
    if run_id.startswith(UNDO):
        return f"it can only be deleted, with its run (`toolgate runs delete {run_id.removeprefix(UNDO)}`)"
    return f"it can only be ended (`toolgate cancel {run_id}`) or deleted (`toolgate runs delete {run_id} --force`)"
