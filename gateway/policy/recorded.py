"""A call of the record as a question to a policy: who, what, with which arguments, after what. Pure.

The record has what a decision looks at, but for the tool's facts of that day: those are today's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.call import Arguments, ArgumentsError
from gateway.dates import dated
from gateway.events import Admitted, Denied, Held, Recognised, Recorded, event_to_json
from gateway.policy.history import Passed
from gateway.policy.scope import Query, RunFacts
from gateway.run import Run, fold
from gateway.sources import extended
from gateway.wording import did_you_mean, listed

__all__ = ["Past", "approval_of", "calls_of", "past"]

Verdict = Denied | Held | Admitted


@dataclass(frozen=True, slots=True)
class Past:
    """What was decided of a call, last: `event` is its place in the run. The query has no facts about the tool.

    `effect` is what was said: denied, asked for, or sent. `gate` is what denied it; only `permitted` is the policy.
    """

    run_id: str
    key: str
    at: int
    effect: str
    gate: str
    rule: str | None
    why: str
    policy: str
    pin: str
    query: Query

    def to_json(self) -> dict[str, Any]:
        """What is not in the query."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "query"}


def calls_of(events: Sequence[Recorded]) -> list[str]:
    """The keys of the calls about which something was decided, in their order."""
    return list(dict.fromkeys(one.event.key for one in events if isinstance(one.event, Verdict)))


def past(run_id: str, events: Sequence[Recorded], key: str, arguments: str | None = None) -> Past:
    """The last verdict on a call. `arguments` are those of its approval, for a call that was held.

    Raises ValueError for a call that is not there, and for arguments that were not kept whole.
    """
    verdicts = [one for one in events if isinstance(one.event, Verdict) and one.event.key == key]
    if not verdicts:
        known = calls_of(events)
        hint = did_you_mean(key, known) or f"known: {listed(known[:12])}" if known else "none was decided"
        raise ValueError(f"run `{run_id}` has no call `{key}`; {hint}")
    last = verdicts[-1]
    event, earlier = last.event, [one for one in events if one.seq < last.seq]
    before = fold(run_id, earlier)
    assert isinstance(event, Verdict)  # noqa: S101 - by the filter above
    query = Query(
        replace(before.subject, since=_since(earlier, key)),
        event.action,
        event.path,
        _arguments(event, arguments),
        None,
        _so_far(before, earlier),
        dated(last.at),
    )
    return _with_verdict(run_id, last, event, query)


def _since(earlier: Sequence[Recorded], key: str) -> float | None:
    """When the user had shown who he is, if the policy of then asked for it."""
    told = [one.event.since for one in earlier if isinstance(one.event, Recognised) and one.event.key == key]
    return told[-1] if told else None


def approval_of(events: Sequence[Recorded], key: str) -> str | None:
    """The id of the approval that has the arguments of a held call; None if the record itself has them."""
    verdicts = [one.event for one in events if isinstance(one.event, Verdict) and one.event.key == key]
    return verdicts[-1].approval_id if verdicts and isinstance(verdicts[-1], Held) else None


def _with_verdict(run_id: str, recorded: Recorded, event: Verdict, query: Query) -> Past:
    effect, gate, why, policy, pin = "allow", "", "", "", ""
    match event:
        case Denied():
            effect, gate, why = "deny", event.gate, event.why
        case Held():
            effect, why = "ask", event.why
        case Admitted():
            policy, pin = event.policy, event.pin
    return Past(run_id, event.key, recorded.at, effect, gate, event.rule, why, policy, pin, query)


def _so_far(run: Run, before: Sequence[Recorded]) -> RunFacts:
    """What it was judged by, as a backtest has it. Where values came from is known of an agent's run only."""
    passed = Passed()
    for one in before:
        passed.add(one.at, event_to_json(one.event))
    heard = extended(None, run.input, run.answers, whole=run.whole) if run.driver == "loop" else None
    return replace(passed.seen, sources=heard)


def _arguments(event: Verdict, of_approval: str | None) -> Any:
    if isinstance(event, Denied) and event.whole is not None:
        raise ValueError(f"only the beginning of the arguments of `{event.key}` was kept; give them with --args")
    text = of_approval if isinstance(event, Held) else event.arguments
    try:
        return Arguments.parse(text or "{}").value
    except ArgumentsError as error:
        raise ValueError(f"the arguments of `{event.key}` could not be read then, either: {error}") from None
