"""A question holds all that its answer is bound to."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.admission import Work
from gateway.budget import Limits, Spend
from gateway.call import Ask
from gateway.catalogue import Catalogue
from gateway.gates import Facts
from gateway.parties import CallSettings
from gateway.policy import RunFacts, parse
from gateway.preview import digest_of, preview
from gateway.questions import open_about, question
from gateway.tracing import Place
from tests.builders import ANN, NOON, a_call, a_tool

TOOL = a_tool("shop/refund", {"type": "object", "required": ["amount"]}, trusted=True, destructiveHint=True)
CALL = a_call("shop/refund", '{"amount": 900}')
POLICY = """\
p, *, *, */*, call, , allow, x
o, *, *, shop/*, call, args.amount > 500, needs=2; escalate=role:boss@2h, much
"""
FACTS = Facts(
    Catalogue.of([TOOL]), parse(POLICY), datetime.fromtimestamp(NOON / 1000, UTC), RunFacts(tainted=True),
    server_pin="server-1",
)  # fmt: skip
ASK = Ask("approved", "refunds are looked at", "p.csv:3")
SIXTY = CallSettings(approval_seconds=60)
WORK = Work(Place("r-1", ANN, Limits(), Spend()), driven=True)


def test_it_is_bound_to_all_that_an_answer_is_bound_to() -> None:
    asked = question(CALL, FACTS, ASK, WORK, SIXTY)
    assert asked.call == CALL
    assert (asked.pin, asked.server_pin, asked.session) == (TOOL.pin, "server-1", "r-1")
    assert (asked.needs, asked.escalate_to, asked.escalates) == (2, "role:boss", NOON + 7_200_000)
    assert (asked.created, asked.expires) == (NOON, NOON + 60_000)
    assert asked.risk == ("destructive", "open_world", "trusted", "tainted")
    assert asked.preview_digest == digest_of(preview(asked))
    assert len(asked.id) == 34


def test_the_tool_can_be_looked_at_again_without_its_server() -> None:
    tool = question(CALL, FACTS, ASK, WORK, SIXTY).tool
    assert tool is not None
    assert (tool.path, tool.pin, tool.trusted, tool.input_schema) == (TOOL.path, TOOL.pin, True, TOOL.input_schema)
    assert (tool.destructive, tool.read_only, tool.open_world) == (True, False, True)


def test_what_a_client_does_in_a_session_is_a_run_however_it_calls_itself() -> None:
    client = Work(Place("r-1", ANN, Limits(), Spend()), client="an editor")
    asked = question(CALL, FACTS, ASK, client, SIXTY)
    assert (asked.session, asked.client, client.places) == ("r-1", "an editor", ("r-1", "r-1", "client:an editor"))
    assert (question(CALL, FACTS, ASK, WORK, SIXTY).client, WORK.places) == ("", ("r-1", "r-1"))
    assert replace(WORK, of="r-0").session == "r-0"


@pytest.mark.parametrize(
    ("change", "joins"),
    [({}, True), ({"pin": "other"}, False), ({"server_pin": "other"}, False), ({"state": "approved"}, False)],
)
def test_the_open_question_is_joined_if_it_is_about_this_very_tool(change: dict[str, str], joins: bool) -> None:
    asked = replace(question(CALL, FACTS, ASK, WORK, SIXTY), **change)  # type: ignore[arg-type]
    assert (open_about(CALL, replace(FACTS, approval=asked)) is asked) is joins


def test_an_argument_that_holds_a_secret_of_ours_is_not_shown_and_said_to_be_a_risk() -> None:
    sixty = replace(SIXTY, secrets=lambda: ["tok-0123456789"])
    call = a_call("shop/refund", {"amount": 900, "note": "see tok-0123456789"})
    asked = question(call, FACTS, ASK, WORK, sixty)
    assert asked.risk[-1] == "credential:note"
    assert asked.call == call
    assert "tok-" not in str(preview(asked))
    assert question(CALL, FACTS, ASK, WORK, sixty).risk[-1] == "tainted"
