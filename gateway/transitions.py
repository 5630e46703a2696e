"""What may follow what in a run, as a table: an absent entry is illegal. Pure."""

from collections.abc import Mapping
from typing import Literal

from gateway.conversation import (
    AnswerRejected,
    Carried,
    Compacted,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.errors import IllegalEvent
from gateway.events import (
    Admitted,
    Budgeted,
    Cancelled,
    Decided,
    Denied,
    Doubted,
    Event,
    Failed,
    Held,
    Imported,
    LimitsRaised,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Obliged,
    Paused,
    Queued,
    Recognised,
    Resolved,
    Resumed,
    Returned,
    Started,
    Succeeded,
    Waited,
    event_name,
)
from gateway.later import Deferred, Notified, Slept, Woke

__all__ = ["ENDED", "FROM_OUTSIDE", "TRANSITIONS", "Status", "after"]

Status = Literal["queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled"]

ENDED: frozenset[Status] = frozenset({"succeeded", "failed", "cancelled"})

TRANSITIONS: Mapping[Status | None, Mapping[type[Event], Status]] = {
    None: {Queued: "queued"},
    "queued": {
        Carried: "queued",
        Started: "running",
        Paused: "paused",
        Cancelled: "cancelled",
        LimitsRaised: "queued",
        Imported: "queued",
        Pinned: "queued",
        Notified: "queued",
    },
    "running": {
        Started: "running",
        ModelAsked: "running",
        ModelAnswered: "running",
        ModelFailed: "running",
        Denied: "running",
        Held: "running",
        Decided: "running",
        Recognised: "running",
        Admitted: "running",
        Budgeted: "running",
        Obliged: "running",
        Returned: "running",
        Doubted: "running",
        Resolved: "running",
        Searched: "running",
        Compacted: "running",
        Deferred: "running",
        Slept: "running",
        Woke: "running",
        Notified: "running",
        AnswerRejected: "running",
        LimitsRaised: "running",
        Imported: "running",
        UserSpoke: "running",
        Pinned: "running",
        ModelChosen: "running",
        Interrupted: "waiting",
        Waited: "waiting",
        Paused: "paused",
        Succeeded: "succeeded",
        Failed: "failed",
        Cancelled: "cancelled",
    },
    "waiting": {
        Started: "waiting",
        Decided: "waiting",
        Resolved: "waiting",
        LimitsRaised: "waiting",
        Imported: "waiting",
        UserSpoke: "waiting",
        Pinned: "waiting",
        ModelChosen: "waiting",
        Interrupted: "waiting",
        Paused: "paused",
        Notified: "waiting",
        Resumed: "running",
        Cancelled: "cancelled",
    },
    "paused": {  # what was under way when it was paused comes to its end
        ModelAnswered: "paused",
        ModelFailed: "paused",
        Returned: "paused",
        Paused: "paused",
        Started: "paused",
        Decided: "paused",
        Resolved: "paused",
        LimitsRaised: "paused",
        Imported: "paused",
        UserSpoke: "paused",
        Pinned: "paused",
        ModelChosen: "paused",
        Notified: "paused",
        Deferred: "paused",
        Resumed: "running",
        Cancelled: "cancelled",
    },
    # Of what was under way at the end it may be said later what became of it; and nobody need say so.
    "succeeded": {
        Deferred: "succeeded",
        Returned: "succeeded",
        Resolved: "succeeded",
        Decided: "succeeded",
        Imported: "succeeded",
    },
    "failed": {
        Deferred: "failed",
        Returned: "failed",
        Doubted: "failed",
        Resolved: "failed",
        Decided: "failed",
        Imported: "failed",
    },
    "cancelled": {
        Deferred: "cancelled",
        Returned: "cancelled",
        Doubted: "cancelled",
        Resolved: "cancelled",
        ModelAnswered: "cancelled",
        ModelFailed: "cancelled",
        Imported: "cancelled",
    },
}

FROM_OUTSIDE: frozenset[type[Event]] = frozenset(
    {Decided, Resolved, LimitsRaised, Cancelled, UserSpoke, Pinned, ModelChosen, Interrupted, Notified, Imported}
)  # not by whoever drives the run: they say nothing about how long it worked


def after(status: Status | None, event: Event) -> Status:
    """The status that follows. Raises IllegalEvent for what the table does not have."""
    try:
        follows = TRANSITIONS[status][type(event)]
    except KeyError:
        raise IllegalEvent(f"`{event_name(event)}` may not follow in a run that is {status or 'not queued'}") from None
    return "queued" if isinstance(event, Resumed) and event.queued else follows
