"""Who makes a refused call again and again is refused all that he asks for in this session."""

from typing import Any

import pytest

from gateway.events import Denied, Held, Returned
from gateway.insistence import MOST, Insistence
from gateway.steps import MAX_REFUSALS


def denied(arguments: str = "{}", **changes: Any) -> Denied:
    return Denied(
        **{"key": "call/1", "path": "shop/refund", "arguments": arguments, "gate": "approved", "why": "no"} | changes
    )


def after(*facts: object) -> Insistence:
    made = Insistence()
    for fact in facts:
        made.heard(fact)
    return made


def test_the_first_refusal_tells_him_and_those_that_follow_count() -> None:
    assert after(*[denied()] * MAX_REFUSALS).why == ""
    ended = after(*[denied(key=f"call/{n}") for n in range(MAX_REFUSALS + 1)])
    assert "3 times again that people had refused: `shop/refund`" in ended.why
    refusal = ended.refusal("call/9", "shop/look", {"a": 1}, "call")
    assert (refusal.gate, refusal.why, refusal.arguments) == ("approved", ended.why, '{"a": 1}')


@pytest.mark.parametrize(
    "other",
    [
        {"gate": "permitted"},
        {"gate": "within_budget"},
        {"arguments": '{"a":1}'},
        {"path": "shop/other"},
        {"action": "read"},
        {"whole": {"bytes": 70_000, "sha256": "x"}},
    ],
)
def test_only_the_very_same_call_counts_and_only_the_no_of_people(other: dict[str, Any]) -> None:
    facts = [denied(), denied(**other), denied(), denied(**other), denied(), denied(**other)]
    assert after(*facts, Returned("call/7", {}, {}), Held("call/8", "shop/refund", "A-1", "why")).why == ""


def test_what_is_told_apart_has_an_end() -> None:
    many = [denied(str(number)) for number in range(MOST + 10)]
    assert after(*many, *many[-1:] * 9).why == ""
    assert after(*many, *many[:1] * MAX_REFUSALS).why != ""
