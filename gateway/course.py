"""The course of a run: each time that it came to stand otherwise, with the cause, who it was and when. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.events import Cancelled, Event, Failed, Paused, Queued, Recorded, Resumed, Started, Waited, event_name
from gateway.transitions import Status, after
from gateway.values import value

__all__ = ["Turn", "course"]


@value(frozen=True, slots=True)
class Turn:
    """From one status to another. `by` is a person, or the worker that drove it; `at` is in milliseconds since 1970."""

    seq: int
    at: int
    event: str
    before: Status | None
    status: Status
    cause: str
    by: str

    def to_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "event": self.event,
            "from": self.before,
            "to": self.status,
            "cause": self.cause,
            "by": self.by,
        }


def course(events: Iterable[Recorded]) -> Sequence[Turn]:
    """All of them, in order. A worker that takes a run over from a dead one is told, too. Raises IllegalEvent."""
    turns: list[Turn] = []
    status: Status | None = None
    worker = ""
    for recorded in events:
        event, before = recorded.event, status
        status = after(before, event)
        worker = event.worker if isinstance(event, Started) else worker
        if status != before or isinstance(event, Started):
            told = (recorded.seq, recorded.at, event_name(event), before, status)
            turns.append(Turn(*told, _cause(event), _by(event) or worker))
    return turns


def _cause(event: Event) -> str:
    match event:
        case Queued():
            return "it was submitted"
        case Started():
            return "a worker took it up"
        case Resumed(cause=cause):
            return cause
        case Waited(cause=cause, why=why):
            return f"{cause}: {why}" if why else cause
        case Paused(cause=cause, why=why):
            return f"{cause}: {why}" if why else cause
        case Failed(kind=kind, why=why):
            return f"{kind}: {why}"
        case Cancelled(why=why):
            return why
    return ""


def _by(event: Event) -> str:
    """Who says so, if it is not whoever drives the run."""
    return event.user if isinstance(event, Queued) else str(getattr(event, "by", ""))
