from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from gateway.telemetry import attributes
from gateway.telemetry.attributes import ALLOWED, MAX_LENGTH, permitted

OWN_KEYS = {
    "run_id", "step_id", "model", "tool", "budget_tokens_remaining", "timeout_ms", "retry_count", "policy_decision",
    "human_gate",
}  # fmt: skip


def test_a_run_is_spelled_for_genai_and_for_us() -> None:
    said = attributes.agent_run(
        run_id="run_1", agent="reporter", subject="user:ann", tenant="acme", model="demo", input_tokens=10,
        output_tokens=2, budget_tokens_remaining=90, run_state="succeeded", cost_usd=0.5,
    )  # fmt: skip
    assert said == {
        "gen_ai.operation.name": "invoke_agent",
        "run_id": "run_1",
        "gen_ai.conversation.id": "run_1",
        "gen_ai.agent.name": "reporter",
        "toolgate.subject": "user:ann",
        "toolgate.tenant": "acme",
        "model": "demo",
        "gen_ai.request.model": "demo",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 2,
        "budget_tokens_remaining": 90,
        "toolgate.run.state": "succeeded",
        "toolgate.cost.usd": 0.5,
    }


def test_a_step_names_its_run_and_itself() -> None:
    said = attributes.agent_step(run_id="run_1", step_id="t1", step_kind="tools")
    assert said == {
        "openinference.span.kind": "CHAIN",
        "run_id": "run_1",
        "gen_ai.conversation.id": "run_1",
        "step_id": "t1",
        "toolgate.step.kind": "tools",
    }


def test_a_model_call_has_the_genai_names_of_2026() -> None:
    said = attributes.llm_call(
        run_id="run_1", step_id="t1", model="demo", provider="scripted", stream=True, max_output_tokens=4096,
        response_model="demo-1", response_id="r1", finish_reasons=("tool_calls",), first_chunk_seconds=0.25,
        input_tokens=105, output_tokens=7, cache_read_tokens=90, cache_write_tokens=5, reasoning_tokens=1,
        timeout_ms=120_000, retry_count=1, server_address="127.0.0.1", server_port=443,
    )  # fmt: skip
    assert said == {
        "gen_ai.operation.name": "chat",
        "run_id": "run_1",
        "gen_ai.conversation.id": "run_1",
        "step_id": "t1",
        "model": "demo",
        "gen_ai.request.model": "demo",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 4096,
        "gen_ai.response.model": "demo-1",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 105,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 90,
        "gen_ai.usage.cache_write.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "timeout_ms": 120_000,
        "retry_count": 1,
        "server.address": "127.0.0.1",
        "server.port": 443,
    }


def test_a_tool_call_is_one_merged_genai_and_mcp_span() -> None:
    said = attributes.tool_call(
        run_id="run_1", step_id="t1", tool="shop/refund", call_id="c1", protocol_version="2026-07-28",
        transport="pipe", timeout_ms=60_000, retry_count=0, policy_decision="allow", human_gate="approved",
    )  # fmt: skip
    assert said == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.type": "extension",
        "mcp.method.name": "tools/call",
        "run_id": "run_1",
        "gen_ai.conversation.id": "run_1",
        "step_id": "t1",
        "tool": "shop/refund",
        "gen_ai.tool.name": "shop/refund",
        "gen_ai.tool.call.id": "c1",
        "mcp.protocol.version": "2026-07-28",
        "network.transport": "pipe",
        "timeout_ms": 60_000,
        "retry_count": 0,
        "policy_decision": "allow",
        "human_gate": "approved",
    }


def test_a_policy_check_says_what_decided_but_not_why() -> None:
    said = attributes.policy_check(
        run_id="run_1", tool="shop/refund", policy_decision="deny", policy_gate="permitted",
        policy_rule="policies/policy.csv:12", policy_digest="ab12", human_gate="not_required",
    )  # fmt: skip
    assert said == {
        "openinference.span.kind": "GUARDRAIL",
        "run_id": "run_1",
        "gen_ai.conversation.id": "run_1",
        "tool": "shop/refund",
        "gen_ai.tool.name": "shop/refund",
        "policy_decision": "deny",
        "toolgate.policy.gate": "permitted",
        "toolgate.policy.rule": "policies/policy.csv:12",
        "toolgate.policy.digest": "ab12",
        "human_gate": "not_required",
    }


def test_an_approval_says_how_long_people_took() -> None:
    said = attributes.approval_wait(
        run_id="run_1", step_id="t1", tool="shop/refund", approval_id="a1", human_gate="approved", waited_ms=259_200_000
    )
    assert said["human_gate"] == "approved"
    assert said["toolgate.approval.id"] == "a1"
    assert said["toolgate.approval.waited_ms"] == 259_200_000


def test_what_is_not_known_is_left_out() -> None:
    said = attributes.agent_step(run_id="run_1", step_id="t1", budget_tokens_remaining=None, agent=None)
    assert said.keys() == {"openinference.span.kind", "run_id", "gen_ai.conversation.id", "step_id"}


def test_a_budget_of_nothing_left_is_said_and_not_left_out() -> None:
    assert (
        attributes.agent_step(run_id="run_1", step_id="t1", budget_tokens_remaining=0)["budget_tokens_remaining"] == 0
    )


def test_an_unknown_fact_is_refused_and_named() -> None:
    facts: Any = {"run_id": "run_1", "tool": "shop/refund", "arguments": '{"amount": 900}'}
    with pytest.raises(ValueError, match=r"`tool\.call` has no fact `arguments`; it has `agent`"):
        attributes.tool_call(**facts)


def test_a_missing_fact_is_named() -> None:
    facts: Any = {"run_id": "run_1", "tool": None}
    with pytest.raises(ValueError, match=r"`policy\.check` needs `policy_decision`, `tool`"):
        attributes.policy_check(**facts)


def test_every_fact_of_every_span_has_a_spelling_and_every_spelling_a_fact() -> None:
    facts = {fact for kind in attributes.FACTS.values() for fact in kind.__annotations__}
    assert facts == attributes.SPELLINGS.keys()


def test_no_two_facts_share_a_key() -> None:
    keys = [key for keys in attributes.SPELLINGS.values() for key in keys]
    assert len(keys) == len(set(keys))


def test_the_nine_keys_of_the_runtime_may_all_be_sent() -> None:
    assert OWN_KEYS <= ALLOWED


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "exception.message",
        "exception.stacktrace",
        "mcp.session.id",
    ],
)
def test_content_has_no_key(key: str) -> None:
    assert key not in ALLOWED
    assert permitted({key: "secret"}) == {}


def test_long_texts_are_cut_and_say_so() -> None:
    cut = permitted({"model": "m" * 1000, "gen_ai.response.finish_reasons": ["x" * 1000] * 100})
    model, reasons = cut["model"], cut["gen_ai.response.finish_reasons"]
    assert model == "m" * (MAX_LENGTH - 1) + "…"
    assert isinstance(reasons, tuple)
    assert [len(reason) for reason in reasons] == [MAX_LENGTH] * 32


TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.binary(), st.builds(dict)
)


@given(st.dictionaries(st.sampled_from(sorted(ALLOWED)), ODD | st.lists(ODD)))
def test_whatever_is_put_in_only_what_otlp_can_carry_comes_out(put_in: dict[str, Any]) -> None:
    context = SpanContext(1, 1, is_remote=False)
    span = ReadableSpan("tool.call", context, attributes=permitted(put_in), start_time=1, end_time=2)
    (of_resource,) = encode_spans([span]).resource_spans
    encoded = of_resource.scope_spans[0].spans[0].attributes
    assert {pair.key for pair in encoded} == permitted(put_in).keys()
    assert all(pair.ByteSize() < 64 * 1024 for pair in encoded)
