"""Our own question to a client: all of what will run, and no way to take another one for it."""

from typing import Any

import pytest

from gateway.answer import answer_of
from gateway.approval import Remember
from gateway.form import APPROVAL, LONGEST, form, reply
from gateway.preview import Background
from gateway.signature import signed
from tests.builders import a_call, an_approval

CALL = a_call("shop/refund", {"amount": 900, "note": "a\u202eb\x1b[2J\u200b"})
ASKED = an_approval(call=CALL)


def test_it_shows_exactly_what_will_run_why_what_it_costs_and_until_when() -> None:
    asked = form(ASKED, Background())
    assert asked
    first, *lines = asked["message"].split("\n")
    assert first == f"[Toolgate approval {ASKED.id}] May this call be made?"
    assert lines[:5] == [
        "call: shop/refund",
        "for: agent:support for user:ann · acme",
        "why: refunds are looked at  [policy.csv:3]",
        "with: amount = 900",
        r'with: note = "a\u{202e}b\u001b[2J\u{200b}"',
    ]
    assert "cost: 1 tool call; the run has made 0" in lines
    assert lines[-2].startswith("until: 20")
    assert lines[-1] == "Approved, it runs once, exactly as shown."
    assert asked["_meta"] == {APPROVAL: {"id": ASKED.id, "digest": ASKED.digest}}


def test_it_has_no_default_that_would_be_a_decision() -> None:
    asked = form(ASKED, Background())
    assert asked
    decision = asked["requestedSchema"]["properties"]["decision"]
    assert decision == {"type": "string", "title": "Your decision", "enum": ["approve", "deny"]}
    assert asked["requestedSchema"]["required"] == ["decision"]


def test_a_call_that_does_not_fit_whole_is_not_asked_about_here() -> None:
    assert form(an_approval(call=a_call("shop/refund", {"note": "x" * LONGEST})), Background()) is None


def test_no_servers_question_can_look_like_ours() -> None:
    ours = form(ASKED, Background())
    assert ours
    theirs = signed("Toolgate", "elicitation/create", ours)
    assert theirs["message"].startswith("Toolgate asks: [Toolgate approval")
    assert APPROVAL not in theirs["_meta"]
    assert ours["message"].startswith("[")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            {"action": "accept", "content": {"decision": "approve", "edit": " ", "remember": "once", "by": ""}},
            ("approved", ""),
        ),
        ({"action": "accept", "content": {"decision": "approve"}}, ("approved", "")),
        ({"action": "accept", "content": {"decision": "deny", "edit": "nonsense", "remember": 1}}, ("denied", "")),
        ({"action": "accept", "content": {"decision": "escalate"}}, ("escalated", "")),
        ({"action": "accept", "content": {"decision": "approve", "edit": "amount 10"}}, None),
        ({"action": "accept", "content": {"decision": "approve", "edit": {"amount": 10}}}, None),
        ({"action": "accept", "content": {"decision": "approve", "edit": "[]"}}, None),
        ({"action": "accept", "content": {"decision": "approve", "by": "amount"}}, None),
        ({"action": "accept", "content": {"decision": "approve", "reason": "fine\x1b[2J"}}, ("approved", r"fine\e[2J")),
        ({"action": "accept", "content": {"decision": "deny", "reason": "too much"}}, ("denied", "too much")),
        ({"action": "accept", "content": {"decision": "stop"}}, None),
        ({"action": "accept", "content": {"decision": "deny", "stop": True}}, ("denied", "")),
        ({"action": "decline"}, ("denied", "")),
        ({"action": "cancel"}, None),
        ({"action": "cancel", "content": {"decision": "approve"}}, None),
        ({"action": "accept"}, None),
        ({"action": "accept", "content": {}}, None),
        ({"action": "accept", "content": {"decision": True}}, None),
        ({"action": "accept", "content": {"decision": ["approve"]}}, None),
        ({"action": "accept", "content": {"decision": "Approve"}}, None),
        ({"action": "accept", "content": "approve"}, None),
        ({"action": ["accept"]}, None),
        ({}, None),
        (None, None),
        ("approve", None),
    ],
)
def test_only_a_filled_in_form_is_a_yes(result: Any, said: Any) -> None:
    assert reply(result) == (None if said is None else {"decision": said[0], "reason": said[1]})


def test_what_goes_with_a_yes_is_read_as_on_any_other_channel() -> None:
    content = {"decision": "approve", "edit": '{"amount": 10}', "remember": "session", "by": "amount, note"}
    read = answer_of({**(reply({"action": "accept", "content": content}) or {}), "digest": "d"}, "a form", 0)
    assert (read.edit, read.remember) == ({"amount": 10}, Remember("session", ("amount", "note")))


def test_only_what_may_be_said_is_offered_and_every_field_is_text() -> None:
    plain, all_of_it = form(ASKED, Background()), form(ASKED, Background(), remember=True, up="role:boss")
    assert plain
    assert all_of_it
    assert list(plain["requestedSchema"]["properties"]) == ["decision", "reason", "edit"]
    fields = all_of_it["requestedSchema"]["properties"]
    assert fields["decision"]["enum"] == ["approve", "deny", "escalate"]
    assert fields["remember"]["enum"][:2] == ["once", "session"]
    assert {field["type"] for field in fields.values()} == {"string"}


def test_a_reason_is_short() -> None:
    said = reply({"action": "decline", "content": {"reason": "x" * 10_000}})
    assert said == {"decision": "denied", "reason": "x" * 500}
