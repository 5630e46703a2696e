"""What a person sees of a call before he answers: all of it, and nothing that could act by itself."""

import re
from dataclasses import replace
from html import unescape

from gateway.approval import Vote
from gateway.call import Subject
from gateway.identity import Identity
from gateway.serve.people.docket import Shown
from gateway.serve.people.page import HEADERS, answered_page, list_page, log_in_page, message_page, question_page
from tests.builders import a_call, an_approval

BOB = Identity(Subject("user:bob", "acme"))
HOSTILE = "<script>alert(1)</script>\"'\u202e\u200b\x1b[2J"
ASKED = an_approval("A-" + "0" * 32, a_call("shop/refund", {"amount": 900, "note": HOSTILE}), why=HOSTILE)


def test_every_value_is_there_in_full_visible_and_harmless() -> None:
    shown = question_page(Shown(ASKED, may=True), BOB, "token")
    assert "<script" not in shown
    text = unescape(re.sub(r"<[^>]+>", "\n", shown))
    assert "amount = 900" in text
    assert r"<script>alert(1)</script>\"'\u{202e}\u{200b}\u001b[2J" in text
    assert r"<script>alert(1)</script>" + "\"'" + r"\u{202e}\u{200b}\e[2J" in text
    assert "policy.csv:3" in text
    assert "policies/" not in text
    long = an_approval(call=a_call("shop/refund", {"note": "x" * 50_000}))
    assert "x" * 50_000 in question_page(Shown(long, may=True), BOB, "token")


def test_only_who_may_decide_gets_a_form_and_it_is_posted() -> None:
    shown = question_page(Shown(ASKED, may=True), BOB, "token")
    assert f'<form method="post" action="/approvals/{ASKED.id}">' in shown
    assert 'name="token" value="token"' in shown
    for one in (Shown(ASKED, may=False), Shown(replace(ASKED, state="denied"), may=False)):
        assert "<form" not in question_page(one, BOB, "token")


def test_identical_calls_stand_together_and_who_only_asked_is_told_that_others_decide() -> None:
    same = [Shown(replace(ASKED, id=f"A-{number}"), may=True) for number in range(3)]
    other = Shown(an_approval("A-9", a_call("shop/refund", {"amount": 1}, run_id="r-2")), may=False)
    shown = list_page([*same, other], BOB)
    assert shown.count('<a href="/approvals/A-') == 2
    assert "3 times" in shown
    assert "somebody else decides" in shown


def test_where_it_stands_is_said_after_each_answer() -> None:
    up = replace(ASKED, escalate_to="role:boss", decisions=(Vote("user:bob", 1, "escalated"),))
    half = replace(ASKED, needs=2, decisions=(Vote("user:bob", 1, "approved", digest=ASKED.digest),))
    assert "It goes to role:boss now." in answered_page(up, BOB)
    assert "1 more must agree" in answered_page(half, BOB)
    assert "is denied by user:bob" in answered_page(replace(ASKED, state="denied", decided_by="user:bob"), BOB)


def test_no_page_runs_anything_or_can_be_framed() -> None:
    rules = HEADERS["content-security-policy"]
    assert "default-src 'none'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "script" not in rules
    assert "unsafe" not in rules
    assert HEADERS["x-frame-options"] == "DENY"
    for made in (
        question_page(Shown(ASKED, may=True), BOB, "t"),
        answered_page(ASKED, BOB),
        list_page([Shown(ASKED, may=True)], BOB),
        log_in_page("A-1", HOSTILE),
        message_page("No", HOSTILE),
    ):
        assert "<script" not in made
        assert not re.search(r"\son\w+=|javascript:|style=", made)
