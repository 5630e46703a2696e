"""How each fact of a run reads on one line. Pure. Everything that a model or a server wrote is made visible."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.budget import UNITS, Limits, Spend, Unit, shown
from gateway.call import Answered, InDoubt, InputRequired, Outcome, Refused, TaskCreated, Unsent, outcome_from_json
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
from gateway.dates import dated
from gateway.events import (
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
    ModelFailed,
    Obliged,
    Paused,
    Queued,
    Resolved,
    Resumed,
    Returned,
    Succeeded,
    Waited,
)
from gateway.later import Deferred, Notified, Slept, Woke
from gateway.run import ENDED, Run
from gateway.visible import shortened, visible

__all__ = ["Line", "Said", "amount_of", "budget_line", "doubt", "doubts", "line", "recap"]

_ARGUMENTS_WIDTH = 96
_TITLE_WIDTH = 40
_ID_WIDTH = 10  # of an approval: any prefix of it that is unique will do


@dataclass(frozen=True, slots=True)
class Line:
    """A mark with its colour, what happened, and more about it."""

    mark: str
    style: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a call whose events name only its key: `server/tool`, and the arguments as JSON text."""

    path: str
    arguments: str = ""

    def __str__(self) -> str:
        return f"{visible(self.path)} {shortened(self.arguments, _ARGUMENTS_WIDTH)}".rstrip()


Calls = Mapping[str, Said]


def line(event: Event, calls: Calls) -> Line | None:
    """How a fact reads; None for one that matters to the machine only."""
    describe = _LINES.get(type(event))
    found = describe(event, calls) if describe else None
    return None if found is None else Line(found.mark, found.style, visible(found.text), visible(found.detail))


def recap(run: Run) -> Line:
    """A run that is taken up again, and how much there was of it before."""
    verb = f"has ended ({run.status})" if run.status in ENDED else "goes on"
    before = " and ".join(shown(unit, getattr(run.spend, unit)) for unit in ("turns", "tool_calls"))
    why = f"{visible(run.cause)} · " if run.status in ("failed", "cancelled") else ""
    detail = f"{why}all of it: toolgate runs show {visible(run.id)}"
    title = run.messages[0]["parts"][0]["text"] if run.messages else run.input  # what was said first
    return Line("▸", "bold", f"{shortened(title, _TITLE_WIDTH)}  {verb} after {before}", detail)


def budget_line(limits: Limits, spend: Spend) -> str:
    """`1,240 of 500,000 tokens · $0.0031 of $5 · …`"""
    parts = [amount_of(unit, getattr(spend, unit), limit) for unit, limit in _set(limits)]
    return " · ".join(parts) if parts else "no limits"


def _set(limits: Limits) -> list[tuple[Unit, int]]:
    return [(unit, limit) for unit in UNITS if (limit := getattr(limits, unit)) is not None]


def amount_of(unit: Unit, amount: int, limit: int) -> str:
    """`1,240 of 500,000 tokens`."""
    spent = shown(unit, amount) if unit in ("nanos", "millis") else f"{amount:,}"
    return f"{spent} of {shown(unit, limit)}"


def _queued(event: Queued, _calls: Calls) -> Line:
    who = f"{event.agent} for {event.user}" if event.agent else event.user
    model = f" · {visible(event.model)}" if event.model else ""
    return Line("▸", "bold", f"{who} · {event.tenant}{model}", visible(event.input))


def _denied(event: Denied, _calls: Calls) -> Line:
    head = "not reached" if event.gate == "reachable" else "denied"
    why = f"{head}: {visible(event.why)}{_by(event.rule)}"
    return Line("✗", "red", str(Said(event.path, event.arguments)), why)


def _held(event: Held, _calls: Calls) -> Line:
    why = f"a person must agree: {visible(event.why)}{_by(event.rule)}"
    return Line("?", "yellow", f"{visible(event.path)} is held as {event.approval_id[:_ID_WIDTH]}", why)


def _decided(event: Decided, calls: Calls) -> Line:
    style = "green" if event.decision == "approved" else "red"
    return Line(
        "!", style, f"{event.decision} by {visible(event.by)}: {_call(event.key, calls)}", visible(event.reason)
    )


def _obliged(event: Obliged, calls: Calls) -> Line:
    duties = "; ".join(name if value is True else f"{name}={_amount(value)}" for name, value in event.duties.items())
    return Line("·", "cyan", f"{_call(event.key, calls)}: with duties", visible(duties + _by(", ".join(event.rules))))


def _budgeted(event: Budgeted, calls: Calls) -> Line | None:
    """Only what runs low is worth a line."""
    low = [left for left in event.left if left["low"]]
    said = (
        f"`{left['budget']}`: {shown(left['unit'], left['left'])} of {shown(left['unit'], left['limit'])}"
        for left in low
    )
    return (
        Line("·", "yellow", f"{_call(event.key, calls)}: left of the budget", visible("; ".join(said))) if low else None
    )


def _amount(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _doubted(event: Doubted, calls: Calls) -> Line:
    what = f"{_call(event.key, calls)} ({event.key}): nobody knows whether it happened"
    return Line("?", "magenta", what, visible(event.why))


def _resolved(event: Resolved, calls: Calls) -> Line:
    said = event.resolution.replace("_", " ")
    return Line("!", "magenta", f"{_call(event.key, calls)}: {said}, says {visible(event.by)}", visible(event.note))


def _returned(event: Returned, calls: Calls) -> Line:
    outcome = outcome_from_json(event.outcome)
    return Line(*_OUTCOMES[type(outcome)](outcome, str(calls.get(event.key, event.key))))


def _answered(outcome: Answered, call: str) -> tuple[str, str, str, str]:
    return ("✓", "yellow", call, "the tool reports an error") if outcome.is_error else ("✓", "green", call, "")


_OUTCOMES: Mapping[type[Outcome], Callable[[Any, str], tuple[str, str, str, str]]] = {
    Answered: _answered,
    InputRequired: lambda _, call: ("?", "yellow", call, "the server asked back"),
    TaskCreated: lambda _, call: ("…", "yellow", call, "the server made a task of it"),
    Refused: lambda outcome, call: ("✗", "red", call, f"the server refused: {visible(outcome.message)}"),
    Unsent: lambda outcome, call: ("✗", "red", call, f"not sent: {visible(outcome.why)}"),
    InDoubt: lambda outcome, call: ("?", "magenta", call, f"no answer: {visible(outcome.why)}"),
}


def _waited(event: Waited, _calls: Calls) -> Line:
    if event.cause == "user":
        waits = Line("‖", "yellow", "waiting for the user")
        return Line("✗", "red", "no answer", visible(event.why)) if event.why else waits
    if event.cause in ("timer", "event"):
        what = "news" if event.cause == "event" else "a moment"
        return Line("‖", "yellow", f"waiting for {what}", _until(event.until))
    what = " to say what became of a call" if event.cause == "doubt" else "'s approval"
    return Line("‖", "yellow", f"waiting for a person{what}")


def _until(when: int | None) -> str:
    if when is None:
        return ""
    return f"until {dated(when).astimezone().strftime('%Y-%m-%d %H:%M:%S')}"


def _deferred(event: Deferred, calls: Calls) -> Line:
    return Line(
        "↻", "yellow", f"{_call(event.key, calls)}: attempt {event.attempt} came to nothing", "it is made again"
    )


def _slept(event: Slept, _calls: Calls) -> Line:
    what = f"news of {visible(event.news)}" if event.news else "a moment"
    return Line("·", "cyan", f"the model waits for {what}", _until(event.until))


def _notified(event: Notified, _calls: Calls) -> Line:
    told = f"{visible(event.name)}: {shortened(event.data, _ARGUMENTS_WIDTH)}"
    return Line("!", "cyan", f"news from {visible(event.by)}", told)


def _model_failed(event: ModelFailed, _calls: Calls) -> Line | None:
    """What may pass. What may not ends the run, and the line of that says why."""
    if not event.retryable:
        return None
    if event.then:
        who = visible(event.model) or "the model"
        pause = f" in {event.delay:.1f} s" if event.delay >= 0.05 else ""
        goes_on = f"it is asked again{pause}" if event.then == "again" else f"{visible(event.then)} goes on"
        return Line("↻", "yellow", f"{who} failed ({visible(event.kind)}): {goes_on}", visible(event.why))
    if event.kind == "lost":
        lost = "the model's reply was lost" if event.spent else "the model was not asked again yet"
        return Line("‖", "yellow", lost, visible(event.why))
    return Line("✗", "red", f"the model failed ({visible(event.kind)})", visible(event.why))


def _failed(event: Failed, _calls: Calls) -> Line:
    head = "failed: the script can't go on" if event.kind == "script" else f"failed ({visible(event.kind)})"
    return Line("■", "red", head, visible(event.why))


def _raised(event: LimitsRaised, _calls: Calls) -> Line:
    limits = ", ".join(shown(unit, event.limits[unit]) for unit in UNITS if unit in event.limits)
    return Line("!", "green", f"budget raised to {limits} by {visible(event.by)}")


def _searched(event: Searched, _calls: Calls) -> Line:
    found = ", ".join(map(visible, event.found)) or "nothing"
    text = f"looked for tools: {shortened(event.query, _TITLE_WIDTH)}"
    return (
        Line("✗", "yellow", "looked for tools in a way that can't be read")
        if event.is_error
        else Line("·", "cyan", text, found)
    )


def _compacted(event: Compacted, _calls: Calls) -> Line:
    gone = event.left_out
    parts = [f"{gone[what]:,} {what}" for what in ("messages", "results") if gone.get(what)] or ["long parts"]
    why = "; it was too large for the model" if event.because else ""
    stands = f"; a summary of {visible(event.by)} stands for them" if event.by else ""
    return Line("~", "cyan", f"{' and '.join(parts)} are told no more", f"{gone.get('bytes', 0):,} bytes{stands}{why}")


def _rejected(event: AnswerRejected, _calls: Calls) -> Line:
    where = f"{visible(event.where)}: " if event.where else ""
    return Line("✗", "yellow", "the answer does not fit its schema", f"{where}{visible(event.why)}")


def _carried(event: Carried, _calls: Calls) -> Line:
    source = " ".join(f"{name} {visible(str(said))}" for name, said in event.source.items())
    return Line("▸", "bold", f"goes on from {source}", f"{len(event.messages)} messages")


_LINES: Mapping[type[Event], Callable[[Any, Calls], Line | None]] = {
    Queued: _queued,
    Denied: _denied,
    Held: _held,
    Decided: _decided,
    Obliged: _obliged,
    Budgeted: _budgeted,
    Doubted: _doubted,
    Resolved: _resolved,
    Returned: _returned,
    Waited: _waited,
    LimitsRaised: _raised,
    Imported: lambda event, _: Line(
        "!", "cyan", f"taken in from a file by {visible(event.by)}", "what was before is what the file says"
    ),
    ModelFailed: _model_failed,
    Paused: lambda event, _: Line("‖", "yellow", f"paused ({event.cause}){_said_by(event.by)}", visible(event.why)),
    Resumed: lambda event, _: Line(
        "▸", "bold", f"resumed{_said_by(event.by)}", visible(event.cause.removeprefix("it was resumed"))
    ),
    Succeeded: lambda _event, _: Line("■", "green", "done"),
    Failed: _failed,
    Cancelled: lambda event, _: Line("■", "red", f"cancelled by {visible(event.by)}", visible(event.why)),
    UserSpoke: lambda event, _: Line("▸", "bold", visible(event.by), shortened(event.text, _ARGUMENTS_WIDTH)),
    Interrupted: lambda event, _: Line("‖", "yellow", f"stopped by {visible(event.by)}"),
    Pinned: lambda event, _: Line("!", "cyan", "pinned", shortened(event.text, _ARGUMENTS_WIDTH)),
    ModelChosen: lambda event, _: Line("!", "cyan", f"goes on with the model {visible(event.model)}"),
    Searched: _searched,
    Compacted: _compacted,
    AnswerRejected: _rejected,
    Carried: _carried,
    Deferred: _deferred,
    Slept: _slept,
    Woke: lambda _event, _: Line("▸", "cyan", "the moment has come"),
    Notified: _notified,
}


def _call(key: str, calls: Calls) -> str:
    said = calls.get(key)
    return visible(said.path) if said else key


def _said_by(who: str) -> str:
    return f" by {visible(who)}" if who else ""


def _by(rule: str | None) -> str:
    return f"  [{rule}]" if rule else ""


def doubts(run: Run) -> list[str]:
    """For each call that nobody knows about, the command with which a person says what became of it."""
    return [doubt(run.id, call.key, call.path) for call in run.calls.values() if call.status == "doubted"]


def doubt(run_id: str, key: str, path: str) -> str:
    """The same for one call."""
    said = f"toolgate runs settle {visible(run_id)} {visible(key)} --happened|--did-not|--give-up"
    return f"look whether {visible(path)} happened, and say so: {said}"
