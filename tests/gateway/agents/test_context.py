"""What a model is told in one turn, and how much of it there is."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents import Agent, Asking
from gateway.agents.compaction import BYTES_A_TOKEN
from gateway.agents.context import assemble, estimated_tokens, room_of, running_low
from gateway.agents.offering import Offer, Offered
from gateway.conversation import AnswerRejected
from gateway.events import Budgeted
from gateway.run import Run
from providers import Request, ToolSpec, message_from_json
from tests.builders import QUEUED, STARTED, admitted, asked, folded, limited, made, play, replied, said, wanted
from tests.builders import wanted as calling

AGENT = Agent("support", "Be kind.", max_output_tokens=1_000)


def request_of(run: Run, agent: Agent = AGENT, tools: tuple[ToolSpec, ...] = (), demanded: str = "") -> Request:
    shown = Offered(tools)
    return assemble(
        agent,
        run,
        "demo-1",
        Offer(shown, shown, demanded=demanded),
        [message_from_json(message) for message in run.messages],
    )


def test_a_request_has_the_agents_instructions_and_the_whole_conversation() -> None:
    run = folded(QUEUED, STARTED, *wanted(1, "shop/refund"), *made(1))
    request = request_of(run)
    assert (request.model, request.system, request.max_output_tokens) == ("demo-1", "Be kind.", 1_000)
    assert [message.role for message in request.messages] == ["user", "assistant", "tool"]


def test_a_reply_is_as_long_as_what_is_left_of_the_tokens() -> None:
    run = folded(limited(tokens=700), STARTED)
    request = request_of(run)
    assert request.max_output_tokens == 700 - estimated_tokens(request, run)
    run = play(asked(1), replied(1, "shop/refund", tokens=400), *made(1), run=run)
    request = request_of(run)
    assert request.max_output_tokens == 300 - estimated_tokens(request, run)


def test_what_other_effects_hold_back_is_not_left() -> None:
    run = folded(limited(tokens=700), STARTED, asked(1, tokens=100))
    assert request_of(run).max_output_tokens == 600 - estimated_tokens(request_of(run), run)


@pytest.mark.parametrize("tokens", [0, 1, 20])
def test_where_nothing_is_left_the_store_says_so_and_not_the_provider(tokens: int) -> None:
    """A request for no tokens would be an error of the provider's; one more than is left does not fit the budget."""
    run = folded(limited(tokens=tokens), STARTED)
    request = request_of(run)
    assert request.max_output_tokens == 1
    assert estimated_tokens(request, run) + request.max_output_tokens > tokens


def test_an_agents_reply_is_never_longer_than_it_says() -> None:
    assert request_of(folded(limited(tokens=10**9), STARTED)).max_output_tokens == 1_000


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())), st.booleans())
def test_a_request_is_never_estimated_at_less_than_a_third_of_its_bytes(said: str, system: str, has_tool: bool) -> None:
    run = folded(replace(QUEUED, input=said), STARTED)
    tool = ToolSpec("shop__refund", system, {"type": "object", "title": said})
    request = request_of(run, replace(AGENT, instructions=system), (tool,) if has_tool else ())
    parts = [said, system, *([system, json.dumps(tool.input_schema)] if has_tool else [])]
    total = sum(len(part.encode(errors="surrogatepass")) for part in parts)
    assert estimated_tokens(request, run) * BYTES_A_TOKEN >= total


def test_an_agent_is_a_subject_that_policies_name() -> None:
    assert AGENT.subject == "agent:support"


def test_while_there_is_enough_the_model_is_told_nothing_of_budgets() -> None:
    assert request_of(folded(limited(turns=10, tool_calls=10), STARTED)).system == "Be kind."


def test_what_runs_low_is_told_to_the_model() -> None:
    run = folded(limited(tool_calls=1), STARTED, *wanted(1, "shop/refund"), *made(1))
    assert running_low(run).startswith("Little is left of the budget: 0 tool calls of 1 tool call.")
    left = {"budget": "refunds", "unit": "nanos", "left": 10**9, "limit": 10**10}
    call = wanted(1, "shop/refund")
    low = Budgeted("t1/call/1", {"budget:refunds|": {"nanos": 1}}, [left | {"low": True}])
    run = folded(QUEUED, STARTED, *call, admitted(1), low)
    request = request_of(run)
    assert request.system == "Be kind."  # what changes from turn to turn stands at the end: caches go by the beginning
    assert request.messages[-1].text.startswith("Little is left of the budget: $1 of $10 (`refunds`).")
    enough = Budgeted("t1/call/1", {}, [left | {"low": False}])
    assert request_of(folded(QUEUED, STARTED, *call, admitted(1), low, enough)).messages[-1].role != "user"


TOOL = ToolSpec("shop__refund", "Refunds.", {"type": "object"})


def test_a_model_is_asked_as_its_agent_says() -> None:
    agent = replace(AGENT, asking=Asking("high", parallel=False, stop=("END",)))
    request = request_of(folded(QUEUED, STARTED), agent, (TOOL,))
    assert (request.effort, request.parallel, request.stop, request.tool_choice) == ("high", False, ("END",), "auto")
    usual = request_of(folded(QUEUED, STARTED), AGENT, (TOOL,))
    assert (usual.effort, usual.parallel, usual.stop, usual.tool_choice) == (None, True, (), "auto")


@pytest.mark.parametrize(
    ("wanted", "demanded", "first", "later"),
    [
        ("auto", "", "auto", "auto"),
        ("any", "", "any", "auto"),
        ("none", "", "none", "none"),
        ("shop/refund", "shop__refund", "shop__refund", "auto"),
        ("shop/gone", "", "auto", "auto"),
    ],
)
def test_a_call_is_demanded_of_the_first_reply_to_the_user_and_of_no_other(
    wanted: str, demanded: str, first: str, later: str
) -> None:
    agent = replace(AGENT, asking=Asking(tool_choice=wanted))
    begun = (QUEUED, STARTED)
    assert request_of(folded(*begun), agent, (TOOL,), demanded).tool_choice == first
    called = folded(*begun, *calling(1, "shop/refund"), *made(1))
    assert request_of(called, agent, (TOOL,), demanded).tool_choice == later
    assert request_of(folded(*begun), agent).tool_choice == "auto"  # without tools there is nothing to choose


# ---- the form of the answer


def test_the_form_of_an_answer_is_asked_for_and_counted() -> None:
    schema = {"type": "object", "description": "x" * 3_000}
    plain = folded(QUEUED, STARTED)
    run = folded(replace(QUEUED, output_schema=schema), STARTED)
    request = request_of(run)
    assert request.output_schema == schema
    assert request_of(plain).output_schema is None
    assert estimated_tokens(request, run) > estimated_tokens(request_of(plain), plain) + 1_000
    without, with_form = room_of(AGENT, plain, (), 10_000), room_of(AGENT, run, (), 10_000)
    assert with_form.mark < without.mark


def test_a_model_that_has_to_answer_again_need_not_call_a_tool_first() -> None:
    agent = replace(AGENT, asking=Asking(tool_choice="any"))
    tool = (ToolSpec("look", "", {}),)
    queued = replace(QUEUED, output_schema={"type": "object"})
    assert request_of(folded(queued, STARTED), agent, tool).tool_choice == "any"
    rejected = folded(queued, STARTED, *said(1, "No."), AnswerRejected(1, "", "not JSON"))
    assert request_of(rejected, agent, tool).tool_choice == "auto"
    forbidden = replace(agent, asking=Asking(tool_choice="none"))
    assert request_of(rejected, forbidden, tool).tool_choice == "none"
