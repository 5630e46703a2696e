"""A run that goes on where another one stood, at any point of it, without doing anything again. Pure.

The calls of the turn that was under way there get their results, each: what was made by then has had its effect, so its
answer is taken along also where it came a little later. What was not made says so to the model, and whether it was made
afterwards, in the other run.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from gateway.call import InDoubt
from gateway.conversation import Carried
from gateway.errors import StoreError
from gateway.events import Admitted, Doubted, ModelAsked, Queued, Recorded, Resolved, Returned
from gateway.results import tool_result
from gateway.run import apply, fold
from gateway.state import CallState, Run
from gateway.values import value
from gateway.weight import weight

__all__ = ["Fork", "forked", "point"]

_TURN = re.compile(r"t([0-9]{1,9})")
NOT_MADE = "Not executed: this conversation was taken up anew from before the call was made. It may be made again."
MADE_LATER = (
    "Not executed by then; but it was made later, in the run from which this conversation was taken up: what it does"
    " has been done. Do not make it again unless the user asks for it."
)
UNKNOWN = "No answer came: nobody knows whether this call took effect. Do not simply repeat it."


@value(frozen=True, slots=True)
class Fork:
    """Where to go on, and how: `at` is `t3`, the end of turn 3, or the seq of an event. `text` is what the user says
    there: it takes the place of his words where they are the last ones.
    """

    at: str
    text: str = ""


def point(run_id: str, events: Sequence[Recorded], at: str) -> int:
    """The seq of the last event that counts. Raises StoreError for a point that the run has not."""
    turn = _TURN.fullmatch(at)
    last = events[-1].seq
    if turn is None:
        if not at.isdecimal() or not 1 <= int(at) <= last:
            raise StoreError(f"run `{run_id}` has no event `{at}`; write one of 1 to {last}, or a turn (`t1`)")
        return int(at)
    number = int(turn[1])
    asked = [each for each in events if isinstance(each.event, ModelAsked) and each.event.purpose == "answer"]
    turns = max((each.event.turn for each in asked if isinstance(each.event, ModelAsked)), default=0)
    if number > turns:
        raise StoreError(f"run `{run_id}` has {turns} turns: there is no `{at}`")
    following = (each.seq - 1 for each in asked if isinstance(each.event, ModelAsked) and each.event.turn > number)
    return next(following, last)


def forked(run_id: str, events: Sequence[Recorded], fork: Fork) -> tuple[Queued, Carried]:
    """The first events of the new run; it has the limits that it is given. Raises StoreError where nothing is left to
    be said.
    """
    seq = point(run_id, events, fork.at)
    run = _with_late_answers(fold(run_id, events[:seq]), events[seq:])
    messages, given = list(_complete(run, events[seq:])), run.input
    if fork.text:
        if messages and messages[-1]["role"] == "user":
            given = given.removesuffix(_words(messages.pop()))
        messages.append({"role": "user", "parts": [{"kind": "text", "text": fork.text}]})
        given = f"{given.rstrip()}\n{fork.text}".strip()
    if not messages or messages[-1]["role"] == "assistant":
        raise StoreError(
            f"run `{run_id}` has answered there: say what comes next with --edit TEXT, or go on from before"
        )
    who = run.subject
    queued = Queued(
        "loop",
        who.user,
        who.tenant,
        who.agent,
        run.model,
        given,
        tainted=run.tainted,
        servers=None if run.servers is None else sorted(run.servers),
        conversation=run.conversation,
        output_schema=run.output_schema,
    )
    size = run.size + sum(map(weight, messages)) - sum(map(weight, run.messages))
    answers = [asdict(answer) for answer in run.answers]
    kept = asdict(run.compaction)
    source, size = {"run": run_id, "seq": seq}, max(0, size)
    return queued, Carried(source, messages, size, kept, run.pinned, answers, whole=run.whole)


def _with_late_answers(run: Run, later: Sequence[Recorded]) -> Run:
    """What was under way came to its end, whatever became of the run."""
    run = replace(run, status="cancelled")  # in which what was under way may come to its end, and nothing begins
    open_calls = {call.key for call in run.calls.values() if call.status in ("admitted", "in_doubt", "doubted")}
    for recorded in later:
        event = recorded.event
        if isinstance(event, Admitted) and event.key in open_calls:
            open_calls.discard(event.key)  # another attempt: what comes now is told of that one
        if isinstance(event, (Returned, Doubted, Resolved)) and event.key in open_calls:
            run = apply(run, recorded)
    return run


def _complete(run: Run, later: Sequence[Recorded]) -> Sequence[dict[str, object]]:
    """The conversation, in which every call has its result."""
    messages = [dict(message) for message in run.messages]
    if run.calls:
        made = {recorded.event.key for recorded in later if isinstance(recorded.event, Admitted)}
        messages.append({"role": "tool", "parts": [_result(call, made) for call in run.calls.values()]})
        messages += [{"role": "user", "parts": [{"kind": "text", "text": text}]} for text in run.unsaid]
    return messages


def _result(call: CallState, made: set[str]) -> dict[str, object]:
    if call.status == "done":
        return tool_result(call.id, call.outcome, call.text)
    if call.status in ("admitted", "in_doubt", "doubted"):
        return tool_result(call.id, call.outcome if isinstance(call.outcome, InDoubt) else None, UNKNOWN)
    return tool_result(call.id, None, MADE_LATER if call.key in made else NOT_MADE)


def _words(message: dict[str, object]) -> str:
    parts = message["parts"]
    assert isinstance(parts, list)  # noqa: S101 - of our own making
    return "".join(part.get("text", "") for part in parts)
