"""What a call is about, what agreeing to it means, and what it takes of its run's budget."""

from datetime import UTC, datetime

from gateway.budget import Spend
from gateway.catalogue import Catalogue
from gateway.facts import A_CALL, Facts, cost, pin, query_of
from gateway.offer import Offer
from gateway.policy import parse
from tests.builders import a_call, a_tool

TOOL = a_tool("shop/refund")
FACTS = Facts(Catalogue.of([TOOL]), parse("p, *, *, */*, call, , allow, x"), datetime.now(UTC))


def test_a_tool_or_a_prompt_is_known_by_its_definition_and_what_is_read_by_its_uri() -> None:
    prompt = Offer("prompt", "desk", "greet", {"name": "greet"})
    note = Offer("resource", "desk", "note:1", {"uri": "note:1"})
    assert (pin(TOOL), pin(prompt), pin(note)) == (TOOL.pin, prompt.pin, "")


def test_only_the_call_of_a_tool_takes_something() -> None:
    assert (cost("call"), cost("read")) == (A_CALL, Spend())


def test_the_policy_is_asked_about_the_call_as_it_is() -> None:
    call = a_call("shop/refund", '{"amount": 5}')
    query = query_of(call, FACTS)
    assert (query.subject, query.object, query.args, query.tool) == (call.subject, "shop/refund", {"amount": 5}, TOOL)
