"""Which spans tell what happened to a call, a turn and a run. Nothing is built when telemetry is off.

Keys are those of the effects, so a span has the same id whichever process emits it: `t1`, `t1/model`, `t1/call/c1`.
What a span may say is in `gateway.telemetry.attributes`; where it goes is the telemetry's affair.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

from gateway.accounts import Bill
from gateway.approval import Approval
from gateway.budget import Limits, Spend, usd
from gateway.call import Answered, Call, InputRequired, JsonObject, Outcome, Subject, TaskCreated, Tool, Verdict
from gateway.errors import PolicyError, Problem
from gateway.events import ModelAnswered, ModelFailed
from gateway.gates import Facts
from gateway.run import Run
from gateway.screens.finding import Finding
from gateway.screens.results import screen_outcome
from gateway.task import Task
from gateway.telemetry import ROOT, Silent, Span, Telemetry, traceparent
from gateway.telemetry import attributes as said
from gateway.telemetry.span import Attributes, Kind, Link, SpanName, link_to
from gateway.values import value

__all__ = ["IDEMPOTENCY_KEY", "Asked", "Interval", "Place", "Tracing", "meta_about", "meta_of", "reloaded"]

IDEMPOTENCY_KEY = "toolgate/idempotency-key"
_NOT_OURS_TO_PASS_ON = frozenset({"baggage", "tracestate"})  # they may name people, and belong to another trace

_MILLION = 1_000_000
_FAILURES: Mapping[str, str] = {"Refused": "refused", "Unsent": "unavailable", "InDoubt": "no_answer"}
_GATES: Mapping[str, said.HumanGate] = {
    "pending": "waiting",
    "approved": "approved",
    "consumed": "approved",
    "denied": "denied",
    "expired": "expired",
    "cancelled": "expired",
}


@value(frozen=True, slots=True)
class Interval:
    """From when to when, in nanoseconds since 1970."""

    start: int
    end: int

    @property
    def millis(self) -> int:
        """How long, at least a millisecond: time is never rounded to nothing."""
        return max(1, (self.end - self.start) // _MILLION)


class _PlaceFacts(TypedDict):
    run_id: str
    agent: str | None
    subject: str | None
    tenant: str | None
    budget_tokens_remaining: int | None
    budget_usd_remaining: float | None


@value(frozen=True, slots=True)
class Place:
    """Where in a run something happened: below which step's span, for whom, and what is left to spend.

    `cause` is the client's span, where it has said which: ours are linked to it, and never below it.
    """

    run_id: str
    subject: Subject
    limits: Limits
    taken: Spend
    step: str | None = None
    tainted: bool = False
    cause: Link | None = None
    servers: frozenset[str] | None = frozenset()

    def caused_by(self, header: object) -> "Place":
        """`header` is the client's `traceparent`; what is none causes nothing."""
        return replace(self, cause=link_to(header))

    @classmethod
    def of(cls, run: Run, step: str | None = None) -> "Place":
        return cls(run.id, run.subject, run.limits, run.taken, step, run.tainted, servers=run.servers)

    @property
    def facts(self) -> _PlaceFacts:
        left = self.limits.left(self.taken)
        return {
            "run_id": self.run_id,
            "agent": self.subject.agent,
            "subject": self.subject.user,
            "tenant": self.subject.tenant,
            "budget_tokens_remaining": left.get("tokens"),
            "budget_usd_remaining": float(usd(left["nanos"])) if "nanos" in left else None,
        }


@value(frozen=True, slots=True)
class Forwarding:
    """How a call was sent. `timeout` is in seconds; `attempt` counts from 1."""

    timeout: float
    attempt: int
    approval: Approval | None
    bill: Bill | None = None

    @property
    def low(self) -> list[str]:
        """The budgets that are nearly used up by it: `refunds/tool_calls`."""
        left = self.bill.left() if self.bill else ()
        return sorted(f"{one['budget']}/{one['unit']}" for one in left if one["low"])


@value(frozen=True, slots=True)
class Asked:
    """How a model was asked: `model` by its provider's own name. Times are in seconds; `attempt` counts those that this
    model made.
    """

    model: str
    provider: str
    timeout: float
    address: str | None = None
    port: int | None = None
    max_output_tokens: int | None = None
    effort: str | None = None
    first_seconds: float | None = None
    response_id: str = ""
    attempt: int = 1


class Tracing:
    """Turns facts into spans for `telemetry`; `on` says whether anybody wants them."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.on = not isinstance(telemetry, Silent)

    def checked(self, call: Call, place: Place, verdict: Verdict, facts: Facts, when: Interval) -> None:
        """What the gates said, also and above all when they said no; and how much in the definition deceives."""
        if not self.on:
            return
        found = _found(call, facts)
        attributes = said.policy_check(
            **place.facts,
            step_id=place.step,
            tool=call.path,
            call_id=call.key,
            policy_decision=verdict.effect,
            policy_gate=verdict.gate,
            policy_rule=verdict.rule,
            policy_digest=facts.policy.digest,
            human_gate="waiting" if verdict.effect == "ask" else None,
            definition_findings=len(found) or None,
            definition_finding_kinds=sorted({finding.kind for finding in found}) or None,
        )
        key = f"{call.key}/policy/{when.start}"  # a call may be judged more than once: before and after an approval
        self._emit("policy.check", place, key, when, attributes)

    def forwarded(self, call: Call, place: Place, sent: Forwarding, outcome: Outcome, when: Interval) -> None:
        """A call that went to a server, and what came of it; how much in what it said deceives, or may, is counted."""
        if not self.on:
            return
        found = screen_outcome(outcome)
        attributes = said.tool_call(
            **place.facts,
            step_id=place.step,
            tool=call.path,
            call_id=call.key,
            timeout_ms=round(sent.timeout * 1000),
            retry_count=sent.attempt - 1,
            policy_decision="ask" if sent.approval else "allow",
            human_gate="approved" if sent.approval else "not_required",
            budgets_low=sent.low or None,
            result_findings=found.count or None,
            result_finding_kinds=found.kinds or None,
        )
        key = call.key if sent.attempt == 1 else f"{call.key}#{sent.attempt}"
        self._emit("tool.call", place, key, when, attributes, error=_failure(outcome))

    def followed(self, task: Task, outcome: Outcome, when: Interval, *, ended: bool) -> None:
        """What a server said of a task that it made of a call: its end, once; before and after, only what deceives."""
        if not self.on:
            return
        found = screen_outcome(outcome)
        if not ended and not found.count:
            return
        place = Place(task.run_id, task.subject, Limits(), Spend())
        attributes = said.tool_call(
            **place.facts,
            tool=task.path,
            call_id=task.key,
            policy_decision="ask" if task.approval_id else "allow",
            human_gate="approved" if task.approval_id else "not_required",
            result_findings=found.count or None,
            result_finding_kinds=found.kinds or None,
        )
        key = f"{task.key}/task/{when.start}"  # whoever follows it asks more than once
        self._emit("tool.call", place, key, when, attributes, error=_failure(outcome))

    def waited(self, call: Call, place: Place, approval: Approval) -> None:
        """From the question to the answer: emitted when it is over, so that it may take days."""
        if not self.on or approval.decided_at is None:
            return
        attributes = said.approval_wait(
            **place.facts,
            step_id=place.step,
            tool=call.path,
            call_id=call.key,
            approval_id=approval.id,
            human_gate=_GATES[approval.state],
            waited_ms=approval.decided_at - approval.created,
        )
        when = Interval(approval.created * _MILLION, approval.decided_at * _MILLION)
        self._emit("approval.wait", place, f"{call.key}/approval/{approval.id}", when, attributes)

    def asked(self, run: Run, answer: ModelAnswered | ModelFailed, asked: Asked, when: Interval) -> None:
        """One attempt at a model's reply: what came, or how it failed. `run` is as it was before it was asked."""
        if not self.on:
            return
        attributes = said.llm_call(
            **Place.of(run).facts,
            **(_reply_facts(answer) if isinstance(answer, ModelAnswered) else _failure_facts(answer)),
            step_id=f"t{answer.turn}",
            model=asked.model,
            provider=asked.provider or None,
            cost_usd=float(usd(answer.spent.get("nanos", 0))),
            timeout_ms=round(asked.timeout * 1000),
            retry_count=len(run.failures),
            stream=True,
            max_output_tokens=asked.max_output_tokens,
            effort=asked.effort,
            first_chunk_seconds=asked.first_seconds,
            response_id=asked.response_id or None,
            server_address=asked.address,
            server_port=asked.port,
            attempt=asked.attempt,
        )
        what = "model" if answer.purpose == "answer" else f"summary/{when.start}"
        key = f"t{answer.turn}/{what}" + (f"#{len(run.failures) + 1}" if run.failures else "")
        error = answer.kind if isinstance(answer, ModelFailed) else None
        self._emit("llm.call", Place.of(run, f"t{answer.turn}"), key, when, attributes, error=error, kind="client")

    def stepped(self, run: Run, kind: str) -> None:
        """One turn, from the question to the model to the last result of its calls."""
        if not self.on:
            return
        attributes = said.agent_step(**Place.of(run).facts, step_id=f"t{run.turn}", step_kind=kind, model=run.model)
        self._emit("agent.step", Place.of(run), f"t{run.turn}", _lasting(run.turn_began, run.updated), attributes)

    def compacted(self, run: Run, turn: int, when: Interval) -> None:
        """From this turn on the model is told less; `run` is as it was before."""
        if not self.on:
            return
        attributes = said.agent_step(**Place.of(run).facts, step_id=f"t{turn}", step_kind="compaction", model=run.model)
        self._emit("agent.step", Place.of(run), f"t{turn}/compaction/{when.start}", when, attributes)

    def ended(self, run: Run) -> None:
        """The whole run, once, when it has ended."""
        if not self.on:
            return
        attributes = said.agent_run(
            **Place.of(run).facts,
            model=run.model,
            run_state=run.status,
            cost_usd=float(usd(run.spend.nanos)),
        )
        when = _lasting(run.created, run.updated)
        error = None if run.status == "succeeded" else run.cause.partition(":")[0] or run.status
        self._telemetry.emit(Span("agent.run", run.id, ROOT, None, when.start, when.end, attributes, error))

    def _emit(  # noqa: PLR0913 - a span has this many parts
        self,
        name: SpanName,
        place: Place,
        key: str,
        when: Interval,
        attributes: Attributes,
        *,
        error: str | None = None,
        kind: Kind = "internal",
    ) -> None:
        parent = ROOT if place.step is None else place.step
        links = () if place.cause is None else (place.cause,)
        self._telemetry.emit(
            Span(name, place.run_id, key, parent, when.start, when.end, attributes, error, kind, links)
        )


class _ReplyFacts(TypedDict, total=False):
    response_model: str
    finish_reasons: list[str]
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    goes_on_with: str | None
    delay_seconds: float | None


def _reply_facts(answer: ModelAnswered) -> _ReplyFacts:
    usage = answer.usage
    return {
        "response_model": answer.model,
        "finish_reasons": [answer.finish],
        "input_tokens": usage.get("input"),
        "output_tokens": usage.get("output"),
        "cache_read_tokens": usage.get("cache_read"),
        "cache_write_tokens": usage.get("cache_write"),
        "reasoning_tokens": usage.get("reasoning"),
    }


def _failure_facts(failed: ModelFailed) -> _ReplyFacts:
    return {
        "goes_on_with": failed.then or None,
        "delay_seconds": failed.delay if failed.then == "again" else None,
    }


def _lasting(first: int, last: int) -> Interval:
    """From one event to another, in milliseconds; to the end of the last one, so that no child outlasts its parent."""
    return Interval(first * _MILLION, (last + 1) * _MILLION)


def _found(call: Call, facts: Facts) -> Sequence[Finding]:
    thing = facts.thing(call)
    return facts.catalogue.findings.get(call.path if thing is None or isinstance(thing, Tool) else thing.label, ())


def _failure(outcome: Outcome) -> str | None:
    if isinstance(outcome, Answered):
        return "tool_error" if outcome.is_error else None
    if isinstance(outcome, (InputRequired, TaskCreated)):
        return None
    return _FAILURES[type(outcome).__name__]


def reloaded(digest: str, lines: int, problem: PolicyError | None, at: int) -> Span:
    """An edit of the policy: what is in force now, and where the first mistake is that keeps the files from it.

    `at` is in nanoseconds since 1970. It is a trace of its own: no run has to do with it.
    """
    first = problem.problems[0] if problem else None
    facts = said.policy_reload(
        policy_outcome="refused" if first else "taken",
        policy_digest=digest,
        policy_lines=lines,
        policy_place=place_of(first) if first else None,
    )
    return Span(
        "policy.reload", f"policy/{digest}/{at}", ROOT, None, at, at, facts, "policy_refused" if first else None
    )


def place_of(problem: Problem) -> str:
    """`policies/policy.csv:12:38`; the file alone, where it is about the whole."""
    return f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file


def meta_about(task: Task, theirs: JsonObject) -> JsonObject:
    """The same for a request about a task: the place in the trace is that of the call that it was made of."""
    own = {"traceparent": traceparent(task.run_id, task.key)}
    return {**{key: value for key, value in theirs.items() if key not in _NOT_OURS_TO_PASS_ON}, **own}


def meta_of(call: Call, theirs: JsonObject) -> JsonObject:
    """`_meta` for the server: the client's, the key that makes a repeat harmless, and our place in the trace."""
    own = {IDEMPOTENCY_KEY: call.idempotency_key, "traceparent": traceparent(call.run_id, call.key)}
    if not theirs:
        return own
    return {**{key: value for key, value in theirs.items() if key not in _NOT_OURS_TO_PASS_ON}, **own}
