"""What is read, got or completed must be what was judged, in the form that the protocol gives it."""

from typing import Any

import pytest

from gateway.call import Action
from gateway.offer import Offer
from gateway.params import misfit

PROMPT = Offer(
    "prompt", "desk", "greet", {"name": "greet", "arguments": [{"name": "who", "required": True}, {"name": "how"}]}
)
NOTE = Offer("resource", "desk", "note:1", {"uri": "note:1"})
NOTES = Offer("template", "desk", "note:{id}", {"uriTemplate": "note:{id}"})
ARGUMENT = {"name": "who", "value": "a"}
OF_PROMPT, OF_NOTES = {"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": "note:{id}"}

FITS: list[tuple[Action, Offer, dict[str, Any]]] = [
    ("read", NOTE, {"uri": "note:1"}),
    ("get", PROMPT, {"who": "ann"}),
    ("get", PROMPT, {"who": "ann", "how": "", "unknown": "x"}),
    ("get", Offer("prompt", "desk", "odd", {"arguments": "none"}), {}),
    ("get", Offer("prompt", "desk", "odd", {"arguments": [None, {"required": "yes"}]}), {}),
    ("complete", PROMPT, {"ref": OF_PROMPT, "argument": ARGUMENT}),
    ("complete", PROMPT, {"ref": {**OF_PROMPT, "title": "x"}, "argument": ARGUMENT, "context": {"arguments": {}}}),
    ("complete", NOTES, {"ref": OF_NOTES, "argument": ARGUMENT}),
]
MISFITS: list[tuple[Action, Offer, dict[str, Any], str]] = [
    ("read", NOTE, {"uri": "note:2"}, "by its URI"),
    ("read", NOTE, {"uri": "note:1", "more": 1}, "by its URI"),
    ("read", NOTE, {}, "by its URI"),
    ("get", PROMPT, {}, "needs the argument `who`"),
    ("get", PROMPT, {"who": 1}, "`who` must be a text"),
    ("get", PROMPT, {"who": "a", "how": None}, "`how` must be a text"),
    ("complete", PROMPT, {"ref": OF_NOTES, "argument": ARGUMENT}, "in `ref`"),
    ("complete", PROMPT, {"ref": {**OF_PROMPT, "name": "other"}, "argument": ARGUMENT}, "in `ref`"),
    ("complete", NOTES, {"ref": {**OF_NOTES, "uri": "note:1"}, "argument": ARGUMENT}, "in `ref`"),
    ("complete", PROMPT, {"argument": ARGUMENT}, "in `ref`"),
    ("complete", PROMPT, {"ref": OF_PROMPT}, "needs an argument"),
    ("complete", PROMPT, {"ref": OF_PROMPT, "argument": {"name": "who", "value": 1}}, "needs an argument"),
    ("call", NOTE, {}, "not a tool"),
]


@pytest.mark.parametrize(("action", "offer", "arguments"), FITS)
def test_what_is_as_it_was_offered_fits(action: Action, offer: Offer, arguments: dict[str, Any]) -> None:
    assert misfit(action, offer, arguments) is None


@pytest.mark.parametrize(("action", "offer", "arguments", "why"), MISFITS)
def test_what_is_about_something_else_or_not_in_form_does_not(
    action: Action, offer: Offer, arguments: dict[str, Any], why: str
) -> None:
    assert why in (misfit(action, offer, arguments) or "")
