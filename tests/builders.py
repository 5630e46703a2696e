"""Values for tests, with every field that a test doesn't care about filled in; and runs written as transcripts.

A transcript is a sequence of what happened and what must come next:

    play(QUEUED, STARTED, "ask 1", *said(1, "It is noon."), "finish It is noon.")

An event is applied; a text is the step that must be next; a number lets so many milliseconds pass. The calls of a turn
are numbered: `held(2)` is about the second one of turn 1.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Answered, Arguments, Call, InDoubt, Outcome, Subject, Tool, outcome_to_json, pin_of
from gateway.events import (
    Admitted,
    Decided,
    Decision,
    Denied,
    Doubted,
    Event,
    Held,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Queued,
    Recorded,
    Resolution,
    Resolved,
    Returned,
    Started,
)
from gateway.later import Deferred
from gateway.run import CallState, Run, apply, fold
from gateway.steps import (
    AskModel,
    Fail,
    Finish,
    ForgetReply,
    MakeCalls,
    Pause,
    Reconcile,
    Reject,
    Rest,
    Step,
    Wait,
    Wake,
    next_step,
)

NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC, in milliseconds
ANN = Subject("user:ann", "acme", "agent:support")

QUEUED = Queued("loop", ANN.user, ANN.tenant, ANN.agent, "scripted:demo", "What time is it?")
CLIENT = Queued("client", ANN.user, ANN.tenant, input="an editor")
STARTED = Started("here/1/a")
A_CALL = Spend(tool_calls=1)


class Clock:
    """A clock for a store that a test sets: milliseconds since 1970."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def tick(self, millis: int) -> None:
        self.now += millis


def a_tool(
    path: str = "shop/refund",
    schema: Mapping[str, Any] | None = None,
    *,
    trusted: bool = False,
    description: str = "",
    **hints: Any,
) -> Tool:
    """`a_tool("shop/refund", readOnlyHint=True)`: a tool whose pin is the hash of its definition."""
    server, _, name = path.partition("/")
    shape = {"type": "object"} if schema is None else schema
    definition = {"name": name, "description": description, "inputSchema": shape, "annotations": hints}
    return Tool(server, name, definition, pin_of(definition), trusted)


def a_call(
    path: str = "shop/refund",
    arguments: str | Mapping[str, Any] = "{}",
    *,
    key: str = "t1/call/1",
    run_id: str = "r-1",
    subject: Subject = ANN,
) -> Call:
    return Call(run_id, key, subject, path, Arguments.parse(arguments))


def an_approval(approval_id: str = "A-1", call: Call | None = None, **changes: Any) -> Approval:
    """An open question about a call; `claim`, `state`, `expires` and so on can be set."""
    call = call or a_call()
    asked = Approval(
        id=approval_id,
        claim=call.idempotency_key,
        run_id=call.run_id,
        key=call.key,
        user=call.subject.user,
        agent=call.subject.agent,
        tenant=call.subject.tenant,
        path=call.path,
        pin="pin-1",
        arguments=call.arguments.text,
        digest=call.digest,
        policy="policy-1",
        rule="policies/policy.csv:3",
        why="refunds are looked at",
        created=NOON,
        expires=NOON + 3_600_000,
    )
    return replace(asked, **changes)


# ---- events


def key(call: int, turn: int = 1) -> str:
    return f"t{turn}/call/{call}"


def asked(turn: int, **reserved: int) -> ModelAsked:
    """`asked(1, tokens=500)`."""
    return ModelAsked(turn, reserved)


def replied(turn: int, *paths: str, say: str = "", finish: str = "", **spent: int) -> ModelAnswered:
    """A reply that says something, or wants these tools: `replied(1, "shop/search", "shop/stock")`."""
    calls = tuple({"key": key(n, turn), "id": f"c{turn}.{n}", "path": path} for n, path in enumerate(paths, 1))
    wishes = [{"kind": "tool_call", "id": c["id"], "name": c["path"], "arguments": "{}"} for c in calls]
    words = [{"kind": "text", "text": say}] if say else []
    message = {"role": "assistant", "parts": [*words, *wishes]}
    return ModelAnswered(turn, message, finish or ("tool_calls" if paths else "stop"), "demo-1", {}, spent, calls)


def said(turn: int, say: str) -> tuple[Event, Event]:
    """The model is asked, and answers in words."""
    return asked(turn), replied(turn, say=say)


def wanted(turn: int, *paths: str) -> tuple[Event, Event]:
    """The model is asked, and wants these tools."""
    return asked(turn), replied(turn, *paths)


def failed(turn: int, kind: str = "overloaded", *, retryable: bool = True) -> ModelFailed:
    return ModelFailed(turn, kind, "too many requests", retryable)


def denied(call: int, turn: int = 1) -> Denied:
    return Denied(key(call, turn), "shop/refund", "{}", "permitted", "refunds are not yours", "policy.csv:4")


def held(call: int, turn: int = 1, approval_id: str = "") -> Held:
    return Held(key(call, turn), "shop/refund", approval_id or f"A-{turn}.{call}", "refunds are looked at")


def decided(call: int, decision: Decision = "approved", turn: int = 1, approval_id: str = "") -> Decided:
    return Decided(key(call, turn), approval_id or f"A-{turn}.{call}", decision, "user:bob", "because")


def admitted(call: int, turn: int = 1, attempt: int = 1, approval_id: str | None = None) -> Admitted:
    reserved = A_CALL.to_json()
    return Admitted(
        key(call, turn), "shop/refund", "{}", "pin-1", "policy-1", reserved, attempt, approval_id=approval_id
    )


def answer(text: str = "done", *, is_error: bool = False) -> Answered:
    return Answered({"content": [{"type": "text", "text": text}], "isError": is_error})


def returned(call: int, outcome: Outcome | str = "done", turn: int = 1) -> Returned:
    """With a text, the server answered so."""
    value = answer(outcome) if isinstance(outcome, str) else outcome
    return Returned(key(call, turn), outcome_to_json(value), A_CALL.to_json())


def lost(call: int, turn: int = 1) -> Returned:
    """It was sent, and no answer came."""
    return returned(call, InDoubt("the connection ended"), turn)


def made(call: int, text: str = "done", turn: int = 1) -> tuple[Event, Event]:
    """A call that is admitted and returns."""
    return admitted(call, turn), returned(call, text, turn)


def doubted(call: int, turn: int = 1) -> Doubted:
    return Doubted(key(call, turn), "no answer came, and it may not be repeated")


def resolved(call: int, resolution: Resolution, turn: int = 1) -> Resolved:
    return Resolved(key(call, turn), resolution, "user:bob", "looked it up")


def limited(**limits: int) -> Queued:
    return replace(QUEUED, limits=Limits(**limits).to_json())


def deferred(call: int, until: int, turn: int = 1, attempt: int = 1) -> Deferred:
    """Together with what came of the attempt."""
    return Deferred(key(call, turn), until, attempt)


# ---- transcripts


def recorded(events: Sequence[Event], run_id: str = "r-1", at: int = NOON) -> list[Recorded]:
    """As a store would have them: one a millisecond."""
    return [Recorded(run_id, seq, at + seq, event) for seq, event in enumerate(events, 1)]


def folded(*events: Event) -> Run:
    return fold("r-1", recorded(events))


def play(*lines: Event | str | int, run: Run | None = None) -> Run:
    """Plays a transcript, and returns the run at its end. Raises AssertionError at the first step that is not so."""
    run = run or Run("r-1")
    now = run.updated or NOON
    for number, line in enumerate(lines):
        match line:
            case str():
                assert step_text(next_step(run, now)) == line, f"line {number} of the transcript"
            case int():
                now += line
            case _:
                run = apply(run, Recorded(run.id, run.seq + 1, now, line))
    return run


def step_text(step: Step) -> str:
    """A step as transcripts write it: `make 1 2`, `ask 3`, `ask 3 attempt 2`, `wait approval`."""
    return _STEP_TEXTS[type(step)](step)


def _numbers(calls: Sequence[CallState]) -> str:
    return " ".join(call.key.rpartition("/")[2] for call in calls)


_STEP_TEXTS: Mapping[type[Step], Callable[[Any], str]] = {
    AskModel: lambda step: f"ask {step.turn}" + ("" if step.attempt == 1 else f" attempt {step.attempt}"),
    ForgetReply: lambda step: f"forget {step.turn}",
    MakeCalls: lambda step: f"make {_numbers(step.calls)}",
    Wake: lambda step: f"wake {_numbers(step.calls)}",
    Reconcile: lambda step: f"reconcile {_numbers(step.calls)}",
    Wait: lambda step: f"wait {step.cause}",
    Pause: lambda step: f"pause {step.unit}",
    Reject: lambda step: f"reject {step.where}",
    Finish: lambda step: f"finish {step.output}",
    Fail: lambda step: f"fail {step.kind}",
    Rest: lambda _: "rest",
}


def texts(message: Mapping[str, Any]) -> list[str]:
    """What each result of a `tool` message says."""
    return ["".join(block["text"] for block in part["content"]) for part in message["parts"]]


def as_json(value: Any) -> Any:
    """A value after a journey through JSON text."""
    return json.loads(json.dumps(value))
