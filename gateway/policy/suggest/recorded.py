"""The events of a run -> the questions that the policy denied, and those that people answered. Pure.

What the record keeps is what there is: arguments that were too long to be kept whole are not known. What a tool is like
is not recorded, so it is looked up; nothing is guessed where it is not found.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.approval import Approval
from gateway.call import Action, Arguments, ArgumentsError, JsonObject, Tool
from gateway.events import Denied, Held, Recorded
from gateway.offer import Offer
from gateway.policy.scope import Query, RunFacts
from gateway.run import Run, apply

__all__ = ["Answered", "Known", "Refused", "recorded"]

Known = Callable[[Action, str], Tool | Offer | None]

_POLICY = "permitted"  # the gate that asks the policy; what other gates say no line changes
_SAID = {"approved": True, "consumed": True, "denied": False}


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that the policy denied, as the question that it was. `name` is `RUN/KEY`, `at` milliseconds since 1970.

    The query's `args` are None where the record does not have them whole.
    """

    name: str
    at: int
    query: Query = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that a person was asked about, and said yes or no to."""

    name: str
    at: int
    query: Query = field(repr=False)
    yes: bool
    by: str


def recorded(
    run_id: str, events: Iterable[Recorded], approvals: Mapping[str, Approval], known: Known
) -> Iterator[Refused | Answered]:
    """What one run's record holds, in its order. `approvals` by id; raises IllegalEvent for a broken record."""
    run = Run(run_id)
    for one in events:
        event = one.event
        if isinstance(event, Denied) and event.gate == _POLICY and _is_action(event.action):
            args = None if event.whole else _parsed(event.arguments)
            query = _query(run, one.at, (event.action, event.path), args, known)
            yield Refused(f"{run_id}/{event.key}", one.at, query)
        if isinstance(event, Held) and (approval := approvals.get(event.approval_id)):
            query = _query(run, one.at, (approval.action, approval.path), _parsed(approval.arguments), known)
            if approval.state in _SAID and approval.decided_by:
                name = f"{run_id}/{event.key}"
                yield Answered(name, one.at, query, _SAID[approval.state], approval.decided_by)
        run = apply(run, one)


def _is_action(action: str) -> bool:
    """What is completed rests on what may be read or got: those are what lines are written for."""
    return action in ("call", "read", "get")


def _query(run: Run, at: int, what: tuple[Action, str], args: JsonObject | None, known: Known) -> Query:
    action, path = what
    spend = run.spend
    facts = RunFacts(spend.tool_calls, spend.tokens, spend.nanos, spend.millis, run.tainted)
    return Query(run.subject, action, path, args, known(action, path), facts, datetime.fromtimestamp(at / 1000, UTC))


def _parsed(text: str) -> JsonObject | None:
    try:
        return Arguments.parse(text).value
    except ArgumentsError:
        return None
