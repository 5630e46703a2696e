"""Facts in a run, in the past tense, never changed; and their JSON, which is public and must read for ever. Pure.

A call is named by its key (`t1/call/c1`), a question to people by its approval id. `action` says whether a tool was
called, a resource read, a prompt got, or an argument of one completed. `reserved` and `spent` are amounts of
`gateway.budget.Spend`, written as `{"tokens": 12}` with the zeros left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from typing import Any, Literal

from gateway.asked import ModelAnswered, ModelAsked, ModelFailed
from gateway.call import Action, Deed, JsonObject
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
from gateway.later import Deferred, Notified, Slept, Woke
from gateway.lifecycle import (
    Cancelled,
    Failed,
    Imported,
    LimitsRaised,
    Paused,
    Queued,
    Resumed,
    Started,
    Succeeded,
    Waited,
)
from gateway.values import value

__all__ = [
    "EVENTS",
    "Admitted",
    "Budgeted",
    "Cancelled",
    "Decided",
    "Decision",
    "Denied",
    "Doubted",
    "Event",
    "Failed",
    "Held",
    "Imported",
    "LimitsRaised",
    "ModelAnswered",
    "ModelAsked",
    "ModelFailed",
    "Obliged",
    "Paused",
    "Queued",
    "Recognised",
    "Recorded",
    "Resolution",
    "Resolved",
    "Resumed",
    "Returned",
    "Started",
    "Succeeded",
    "Waited",
    "event_from_json",
    "event_name",
    "event_to_json",
]

Decision = Literal["approved", "denied", "expired", "withdrawn"]
Resolution = Literal["happened", "did_not_happen", "give_up"]


@value(frozen=True, slots=True)
class Denied:
    """A gate said no, and nothing was sent; the gate `reachable` says only that the server is away.

    `arguments` is canonical JSON text, or what could not be parsed. Of very long ones it is the beginning, and `whole`
    says what there was: `{"bytes": 70000, "sha256": "..."}`. `policy` is the digest of the policy in force. In
    `retry_after` seconds the same call may fit, where a limit says so.
    """

    key: str
    path: str
    arguments: str
    gate: str
    why: str
    rule: str | None = None
    whole: JsonObject | None = None
    action: Action = "call"
    policy: str | None = None
    retry_after: int | None = None


@value(frozen=True, slots=True)
class Held:
    """A person must agree first. The approval has the exact call. `policy` is the digest of the policy in force."""

    key: str
    path: str
    approval_id: str
    why: str
    rule: str | None = None
    action: Action = "call"
    policy: str | None = None


@value(frozen=True, slots=True)
class Decided:
    """A person answered, or nobody did in time; or whoever asked took the question back.

    `policy` is the digest of the policy that let this person answer.
    """

    key: str
    approval_id: str
    decision: Decision
    by: str
    reason: str = ""
    policy: str | None = None


@value(frozen=True, slots=True)
class Admitted:
    """Durable before anything leaves. `attempt` counts from 1; every attempt has the same idempotency key.

    Of what is said to a task that a server made of a call, `arguments` name the task, and hold what it was told.
    """

    key: str
    path: str
    arguments: str
    pin: str
    policy: str
    reserved: Mapping[str, int]
    attempt: int = 1
    rule: str | None = None
    approval_id: str | None = None
    action: Deed = "call"


@value(frozen=True, slots=True)
class Recognised:
    """When the user had shown who he is, in seconds since 1970; None: nobody had said.

    Written together with what became of the call (`Denied`, `Held`, `Admitted`), before it, and only where a line of
    the policy asks for it.
    """

    key: str
    since: float | None


@value(frozen=True, slots=True)
class Obliged:
    """The policy allows a call, with duties: written together with its `Admitted`, and only where there are any.

    `duties` is `gateway.duties.Duties` as JSON; `rules` are the lines that say so.
    """

    key: str
    duties: JsonObject
    rules: tuple[str, ...] = ()


@value(frozen=True, slots=True)
class Budgeted:
    """What a call (or a question to the model, `t1/model`) has reserved beside its run's budget: written together with
    its `Admitted` or `ModelAsked`, only where there is anything.

    `accounts` says how much of which account: whoever settles it, perhaps after a crash, settles just that. `left` is
    what is left of each budget then: `{"budget", "unit", "left", "limit", "low"}`.
    """

    key: str
    accounts: Mapping[str, Mapping[str, int]]
    left: Sequence[JsonObject] = ()


@value(frozen=True, slots=True)
class Returned:
    """What came of an admitted call: `gateway.call.Outcome` as JSON.

    `tainting` says that the answer came from a server that the admin does not trust: from then on the run is tainted.
    `left` is what is left of other budgets than the run's, as in `Budgeted`, now that it is settled.
    """

    key: str
    outcome: JsonObject
    spent: Mapping[str, int]
    tainting: bool = False
    left: Sequence[JsonObject] = ()


@value(frozen=True, slots=True)
class Doubted:
    """Nobody knows whether an admitted call happened, and it may not be repeated: a person must say."""

    key: str
    why: str
    spent: Mapping[str, int] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Resolved:
    """A person said what became of a doubted call."""

    key: str
    resolution: Resolution
    by: str
    note: str = ""


Event = (
    Queued
    | Started
    | ModelAsked
    | ModelAnswered
    | ModelFailed
    | Denied
    | Held
    | Decided
    | Recognised
    | Admitted
    | Budgeted
    | Obliged
    | Returned
    | Doubted
    | Resolved
    | Waited
    | Paused
    | LimitsRaised
    | Resumed
    | Succeeded
    | Failed
    | Cancelled
    | UserSpoke
    | Interrupted
    | Pinned
    | ModelChosen
    | Searched
    | Compacted
    | AnswerRejected
    | Carried
    | Deferred
    | Slept
    | Woke
    | Notified
    | Imported
)

EVENTS: Mapping[str, type[Event]] = {
    "queued": Queued,
    "started": Started,
    "model_asked": ModelAsked,
    "model_answered": ModelAnswered,
    "model_failed": ModelFailed,
    "denied": Denied,
    "held": Held,
    "decided": Decided,
    "recognised": Recognised,
    "admitted": Admitted,
    "budgeted": Budgeted,
    "obliged": Obliged,
    "returned": Returned,
    "doubted": Doubted,
    "resolved": Resolved,
    "waited": Waited,
    "paused": Paused,
    "limits_raised": LimitsRaised,
    "resumed": Resumed,
    "succeeded": Succeeded,
    "failed": Failed,
    "cancelled": Cancelled,
    "user_spoke": UserSpoke,
    "interrupted": Interrupted,
    "pinned": Pinned,
    "model_chosen": ModelChosen,
    "searched": Searched,
    "compacted": Compacted,
    "answer_rejected": AnswerRejected,
    "carried": Carried,
    "deferred": Deferred,
    "slept": Slept,
    "woke": Woke,
    "notified": Notified,
    "imported": Imported,
}
_TUPLES: Mapping[type[Event], tuple[str, ...]] = {
    ModelAnswered: ("calls",),
    Obliged: ("rules",),
    Returned: ("left",),
    Budgeted: ("left",),
    Searched: ("content",),
    Carried: ("messages", "answers"),
}
_NAMES: Mapping[type[Event], str] = {cls: name for name, cls in EVENTS.items()}
_FIELDS: Mapping[type[Event], frozenset[str]] = {
    cls: frozenset(field.name for field in fields(cls)) for cls in EVENTS.values()
}


@value(frozen=True, slots=True)
class Recorded:
    """An event as the store keeps it: the `seq`-th of its run (from 1), at `at` milliseconds since 1970 (UTC)."""

    run_id: str
    seq: int
    at: int
    event: Event

    def to_json(self) -> dict[str, Any]:
        return {"run": self.run_id, "seq": self.seq, "at": self.at, **event_to_json(self.event)}


def event_name(event: Event) -> str:
    return _NAMES[type(event)]


def event_to_json(event: Event) -> dict[str, Any]:
    """`{"event": "held", "key": ...}`: flat, every field there."""
    return {"event": event_name(event)} | {name: getattr(event, name) for name in event.__dataclass_fields__}


def event_from_json(value: Mapping[str, Any]) -> Event:
    """The inverse. Raises KeyError for an unknown event; fields that a newer version added are left out."""
    cls = EVENTS[value["event"]]
    known = {name: item for name, item in value.items() if name in _FIELDS[cls]}
    for many in _TUPLES.get(cls, ()):
        known[many] = tuple(known.get(many, ()))
    return cls(**known)
