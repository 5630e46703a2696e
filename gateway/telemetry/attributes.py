"""What a span may say, and how it is spelled on the wire. Pure.

One function for each span turns facts into attributes. Each of the runtime's own keys (`run_id`, `step_id`, `model`,
`tool`, `budget_tokens_remaining`, `timeout_ms`, `retry_count`, `policy_decision`, `human_gate`) is always spelled so;
beside it stands the OpenTelemetry name where there is one. GenAI and MCP names are those of the repository
open-telemetry/semantic-conventions-genai as of 2026-11. What no convention has is below `toolgate.`, never `gen_ai.`.

There is no key for arguments, results, messages or error texts: content can't be sent by mistake.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict, Unpack

from gateway.telemetry.span import Attributes, SpanName, Value

__all__ = [
    "ALLOWED",
    "FACTS",
    "MAX_LENGTH",
    "SPELLINGS",
    "AgentRun",
    "AgentStep",
    "ApprovalWait",
    "Facts",
    "HumanGate",
    "LlmCall",
    "PolicyCheck",
    "PolicyReload",
    "ToolCall",
    "agent_run",
    "agent_step",
    "approval_wait",
    "llm_call",
    "permitted",
    "policy_check",
    "policy_reload",
    "tool_call",
]

MAX_LENGTH = 256  # characters of one text
_MAX_ITEMS = 32  # texts of one list

HumanGate = Literal["not_required", "waiting", "approved", "denied", "expired"]


class Facts(TypedDict, total=False):
    """What the spans of one step share: made once, handed to each function as `**facts`."""

    run_id: Required[str]
    step_id: str | None  # None where there is no step: a call that an MCP client made
    agent: str | None
    subject: str | None
    tenant: str | None
    budget_tokens_remaining: int | None  # absent without a limit
    budget_usd_remaining: float | None


class _Tokens(TypedDict, total=False):
    input_tokens: int | None  # with the cached ones
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None


class AgentRun(Facts, _Tokens, total=False):
    """Facts of `agent.run`: the whole run, its sums, and the state in which it ended."""

    model: str | None
    run_state: str | None
    retry_count: int | None


class AgentStep(Facts, total=False):
    """Facts of `agent.step`: one turn of the loop. `step_kind` says what it was for, in one word."""

    step_kind: str | None
    model: str | None
    retry_count: int | None


class LlmCall(Facts, _Tokens, total=False):
    """Facts of `llm.call`: one attempt at a model's reply. Times are as their names say."""

    model: Required[str]
    provider: str | None
    stream: bool | None
    max_output_tokens: int | None
    response_model: str | None
    response_id: str | None
    finish_reasons: Sequence[str] | None
    first_chunk_seconds: float | None
    server_address: str | None
    server_port: int | None
    timeout_ms: int | None
    retry_count: int | None
    effort: str | None
    attempt: int | None  # of this model at this question, from 1
    goes_on_with: str | None  # after a failure: `again`, or the model that is asked next
    delay_seconds: float | None  # before it is asked again


class ToolCall(Facts, total=False):
    """Facts of `tool.call`: a call that was forwarded. One that was denied has a `policy.check` and no `tool.call`."""

    tool: Required[str]  # `server/tool`
    call_id: str | None
    protocol_version: str | None
    transport: Literal["pipe", "tcp"] | None
    timeout_ms: int | None
    retry_count: int | None
    policy_decision: str | None
    human_gate: HumanGate | None
    budgets_low: list[str] | None  # those that count over many runs and are nearly used up: `refunds/tool_calls`
    result_findings: int | None  # what the screens found in the result; absent where there is nothing
    result_finding_kinds: Sequence[str] | None


class PolicyCheck(Facts, total=False):
    """Facts of `policy.check`: what the gates said about one call. `policy_rule` is `file:line`, never the why."""

    tool: Required[str]
    call_id: str | None
    policy_decision: Required[Literal["allow", "ask", "deny"]]
    policy_gate: str | None
    policy_rule: str | None
    policy_digest: str | None
    human_gate: HumanGate | None
    definition_findings: int | None  # what the screens found in the definition of what was asked for
    definition_finding_kinds: Sequence[str] | None


class PolicyReload(TypedDict, total=False):
    """Facts of `policy.reload`: an edit of the policy that was taken or refused; it belongs to no run.

    `policy_digest` is what is in force from then on, `policy_place` where the first mistake is, never what it says.
    """

    policy_outcome: Required[Literal["taken", "refused"]]
    policy_digest: str | None
    policy_lines: int | None
    policy_place: str | None


class ApprovalWait(Facts, total=False):
    """Facts of `approval.wait`: from the question to the answer."""

    tool: Required[str]
    call_id: str | None
    approval_id: str | None
    human_gate: Required[HumanGate]
    waited_ms: int | None


SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "run_id": ("run_id", "gen_ai.conversation.id"),
    "run_state": ("toolgate.run.state",),
    "step_id": ("step_id",),
    "step_kind": ("toolgate.step.kind",),
    "agent": ("gen_ai.agent.name",),
    "subject": ("toolgate.subject",),
    "tenant": ("toolgate.tenant",),
    "model": ("model", "gen_ai.request.model"),
    "provider": ("gen_ai.provider.name",),
    "stream": ("gen_ai.request.stream",),
    "max_output_tokens": ("gen_ai.request.max_tokens",),
    "effort": ("gen_ai.request.reasoning.level",),
    "attempt": ("toolgate.model.attempt",),
    "delay_seconds": ("toolgate.model.delay_seconds",),
    "goes_on_with": ("toolgate.model.goes_on_with",),
    "response_model": ("gen_ai.response.model",),
    "response_id": ("gen_ai.response.id",),
    "finish_reasons": ("gen_ai.response.finish_reasons",),
    "first_chunk_seconds": ("gen_ai.response.time_to_first_chunk",),
    "input_tokens": ("gen_ai.usage.input_tokens",),
    "output_tokens": ("gen_ai.usage.output_tokens",),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_write_tokens": ("gen_ai.usage.cache_write.input_tokens",),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
    "cost_usd": ("toolgate.cost.usd",),
    "server_address": ("server.address",),
    "server_port": ("server.port",),
    "tool": ("tool", "gen_ai.tool.name"),
    "call_id": ("gen_ai.tool.call.id",),
    "protocol_version": ("mcp.protocol.version",),
    "transport": ("network.transport",),
    "budget_tokens_remaining": ("budget_tokens_remaining",),
    "budget_usd_remaining": ("toolgate.budget.usd_remaining",),
    "timeout_ms": ("timeout_ms",),
    "retry_count": ("retry_count",),
    "policy_decision": ("policy_decision",),
    "policy_gate": ("toolgate.policy.gate",),
    "policy_rule": ("toolgate.policy.rule",),
    "policy_digest": ("toolgate.policy.digest",),
    "policy_outcome": ("toolgate.policy.outcome",),
    "policy_lines": ("toolgate.policy.lines",),
    "policy_place": ("toolgate.policy.place",),
    "human_gate": ("human_gate",),
    "approval_id": ("toolgate.approval.id",),
    "waited_ms": ("toolgate.approval.waited_ms",),
    "budgets_low": ("toolgate.budgets.low",),
    "result_findings": ("toolgate.result.findings",),
    "result_finding_kinds": ("toolgate.result.finding_kinds",),
    "definition_findings": ("toolgate.definition.findings",),
    "definition_finding_kinds": ("toolgate.definition.finding_kinds",),
}

_FIXED: Mapping[SpanName, Attributes] = {  # `openinference.span.kind` where GenAI has no operation: Phoenix reads it
    "agent.run": {"gen_ai.operation.name": "invoke_agent"},
    "agent.step": {"openinference.span.kind": "CHAIN"},
    "llm.call": {"gen_ai.operation.name": "chat"},
    "tool.call": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.type": "extension",
        "mcp.method.name": "tools/call",
    },
    "policy.check": {"openinference.span.kind": "GUARDRAIL"},
    "policy.reload": {"openinference.span.kind": "CHAIN"},
    "approval.wait": {"openinference.span.kind": "CHAIN"},
}

FACTS: Mapping[SpanName, type] = {
    "agent.run": AgentRun,
    "agent.step": AgentStep,
    "llm.call": LlmCall,
    "tool.call": ToolCall,
    "policy.check": PolicyCheck,
    "policy.reload": PolicyReload,
    "approval.wait": ApprovalWait,
}

ALLOWED: frozenset[str] = frozenset(
    [
        "error.type",
        *(key for keys in SPELLINGS.values() for key in keys),
        *(key for fixed in _FIXED.values() for key in fixed),
    ]
)
"""Every attribute key that may leave the process, on spans and their events."""


def agent_run(**facts: Unpack[AgentRun]) -> Attributes:
    """Attributes of `agent.run`. This and its siblings raise ValueError for a fact that is unknown or missing."""
    return _spelled("agent.run", facts)


def agent_step(**facts: Unpack[AgentStep]) -> Attributes:
    """Attributes of `agent.step`."""
    return _spelled("agent.step", facts)


def llm_call(**facts: Unpack[LlmCall]) -> Attributes:
    """Attributes of `llm.call`."""
    return _spelled("llm.call", facts)


def tool_call(**facts: Unpack[ToolCall]) -> Attributes:
    """Attributes of `tool.call`."""
    return _spelled("tool.call", facts)


def policy_check(**facts: Unpack[PolicyCheck]) -> Attributes:
    """Attributes of `policy.check`."""
    return _spelled("policy.check", facts)


def policy_reload(**facts: Unpack[PolicyReload]) -> Attributes:
    """Attributes of `policy.reload`."""
    return _spelled("policy.reload", facts)


def approval_wait(**facts: Unpack[ApprovalWait]) -> Attributes:
    """Attributes of `approval.wait`."""
    return _spelled("approval.wait", facts)


def permitted(attributes: Attributes) -> dict[str, Value]:
    """What of these may be sent: allowed keys, texts of at most 256 characters, numbers that OTLP can carry.

    The last look before the wire: one value that protobuf refuses would lose the whole batch.
    """
    cleaned = ((key, _sendable(value)) for key, value in attributes.items() if key in ALLOWED)
    return {key: value for key, value in cleaned if value is not None}


def _spelled(name: SpanName, facts: Mapping[str, object]) -> Attributes:
    known, required = FACTS[name].__annotations__, FACTS[name].__required_keys__  # type: ignore[attr-defined]  # it is a TypedDict
    if unknown := facts.keys() - known.keys():
        raise ValueError(f"`{name}` has no fact {_listed(unknown)}; it has {_listed(known)}")
    if missing := {fact for fact in required if facts.get(fact) is None}:
        raise ValueError(f"`{name}` needs {_listed(missing)}")
    said = {key: value for fact, value in facts.items() if value is not None for key in SPELLINGS[fact]}
    return {**_FIXED[name], **said}  # type: ignore[dict-item]  # the TypedDicts say Value


def _listed(names: Mapping[str, object] | set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _sendable(value: object) -> Value | None:
    match value:
        case bool() | float():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else None
        case str():
            return _text(value)
        case list() | tuple():
            return tuple(_text(item) for item in value[:_MAX_ITEMS] if isinstance(item, str))
        case _:
            return None


def _text(value: str) -> str:
    cut = value if len(value) <= MAX_LENGTH else f"{value[: MAX_LENGTH - 1]}…"
    return cut.encode("utf-8", "replace").decode()
