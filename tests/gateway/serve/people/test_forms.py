"""What a person can say on a page, and that it is read as it was shown to him."""

import json
import re
from html import unescape
from typing import Any

import pytest

from gateway.answer import Unclear, answer_of
from gateway.approval import Remember
from gateway.approving import Choices
from gateway.serve.people.forms import LONGEST_EDIT, MOST_PICKS, question_form, said_in
from tests.builders import NOON, a_call, an_approval

HOSTILE = "<b>\"'\u202e\u200b\U000e0041 né\n"
ASKED = an_approval(call=a_call("shop/refund", {"amount": 900, "note": HOSTILE}))
ALL = Choices(remember=True, escalate_to="role:boss")


def buttons(form: str) -> list[str]:
    return re.findall(r'name="decision" value="(\w+)"', form)


def test_a_person_is_offered_what_he_may_say_and_no_more() -> None:
    every = ["approved", "denied", "stopped", "escalated", "changed", "remembered"]
    assert buttons(question_form(ASKED, ALL, "t")) == every
    assert buttons(question_form(ASKED, Choices(), "t")) == ["approved", "denied", "stopped", "changed"]
    assert buttons(question_form(ASKED, ALL, "t", changed=True)) == ["approved", "remembered"]


def test_what_is_changed_by_hand_is_what_was_there_to_the_letter_with_nothing_invisible_in_it() -> None:
    form = question_form(ASKED, ALL, "t")
    (text,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", form, re.DOTALL)
    assert json.loads(unescape(text)) == {"amount": 900, "note": HOSTILE}
    assert r"\u202e\u200b\udb40\udc41 né\n" in text
    assert "&lt;b&gt;" in text


def test_what_is_too_long_to_be_changed_here_is_not_offered() -> None:
    long = an_approval(call=a_call("shop/refund", {"note": "x" * LONGEST_EDIT}))
    assert "changed" not in buttons(question_form(long, ALL, "t"))


def test_a_changed_call_goes_along_as_it_was_shown() -> None:
    form = question_form(ASKED, ALL, "t", changed=True)
    (text,) = re.findall(r'name="arguments" value="([^"]*)"', form)
    assert unescape(text) == ASKED.arguments
    assert "Approve as changed" in form


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"decision": "approved", "by:0": "on", "scope": "run"}, {"decision": "approved"}),
        ({"decision": "denied", "reason": "n\u200bo" + "x" * 900}, {"decision": "denied"}),
        ({"decision": "stopped"}, {"decision": "denied", "stop": True}),
        ({"decision": "escalated"}, {"decision": "escalated"}),
    ],
)
def test_each_button_says_one_thing(form: dict[str, str], said: dict[str, Any]) -> None:
    found = dict(said_in(form, ASKED, "d"))
    reason = found.pop("reason")
    assert found == {**said, "digest": "d"}
    assert len(reason) <= 500
    assert "\u200b" not in reason


@pytest.mark.parametrize(
    ("form", "remember"),
    [
        ({"scope": "run", "by:0": "on", "by:1": "on"}, Remember("run")),
        ({"scope": "session", "by:1": "on"}, Remember("session", ("note",))),
        ({"scope": "until", "until": "8h", "by:0": "on"}, Remember("until", ("amount",), NOON + 8 * 3_600_000)),
    ],
)
def test_what_is_remembered_is_what_was_picked(form: dict[str, str], remember: Remember) -> None:
    said = said_in({"decision": "remembered", **form}, ASKED, "d")
    assert answer_of(said, "a page", NOON).remember == remember


@pytest.mark.parametrize(
    "form", [{"scope": "run"}, {"scope": "always", "by:0": "on"}, {"scope": "until", "by:0": "on"}]
)
def test_what_would_be_remembered_too_widely_or_for_ever_is_no_answer(form: dict[str, str]) -> None:
    with pytest.raises(Unclear):
        answer_of(said_in({"decision": "remembered", **form}, ASKED, "d"), "a page", NOON)


@pytest.mark.parametrize("many", [0, MOST_PICKS + 1])
def test_without_anything_to_pick_a_yes_is_remembered_for_the_very_same_arguments(many: int) -> None:
    asked = an_approval(call=a_call("shop/refund", {f"a{number}": 1 for number in range(many)}))
    said = said_in({"decision": "remembered", "scope": "run"}, asked, "d")
    assert answer_of(said, "a page", NOON).remember == Remember("run")
    assert "the very same arguments" in question_form(asked, ALL, "t")


def test_a_word_that_no_button_has_is_none() -> None:
    for form in ({}, {"decision": "consumed"}):
        with pytest.raises(KeyError):
            said_in(form, ASKED, "d")
