"""A reply that repeats a secret: it is not in what is kept, and what was signed goes back whole or not at all."""

import json
from typing import Any

import pytest

from providers import Message, Opaque, Part, Reply, Text, Thinking, ToolCall, Usage, message_to_json
from providers.blotted import NO_ARGUMENTS, blotted
from providers.blotting import Blotter

KEY = "sk-hush-hush-hush"
SIGNED = Thinking("Hm.", {"a:m": {"signature": "c2stbm90LWl0"}})
CALL = ToolCall("c1", "look", '{"sku": "A"}', {"a:m": {"id": "fc_1"}})


def reply(*parts: Part, **more: Any) -> Reply:
    return Reply(Message("assistant", parts), "stop", Usage(1, 1), "m", **more)


def without(*parts: Part, **more: Any) -> Reply:
    found = blotted(reply(*parts, **more), Blotter([KEY]))
    kept = json.dumps(message_to_json(found.message)) + found.model + found.response_id + found.reason
    assert KEY not in kept
    assert KEY not in found.message.text
    return found


def test_a_reply_without_a_secret_is_as_it_was_byte_for_byte() -> None:
    parts = (SIGNED, Text("Well."), CALL, Opaque("new", {"a:m": {"data": "AAAA"}}))
    assert without(*parts, response_id="r", reason="end") == reply(*parts, response_id="r", reason="end")


@pytest.mark.parametrize(
    "part",
    [
        Text(f"It is {KEY}."),
        Thinking(f"It is {KEY}.", {"a:m": {"signature": "x"}}),
        ToolCall("c2", "look", json.dumps({"sku": f"a {KEY}"})),
        ToolCall("c2", "look", json.dumps({"sku": KEY}).replace("h", "\\u0068")),
        ToolCall("c2", f"look_{KEY}", "{}"),
        Text("It is", {"a:m": {"citations": [{"cited_text": KEY}]}}),
        Opaque("new", {"a:m": {"data": KEY}}),
        Thinking("", {"a:m": {"item": {"summary": [{KEY: 1}]}}}),
    ],
)
def test_one_that_holds_it_loses_it_and_all_that_was_signed(part: Part) -> None:
    found = without(SIGNED, part, CALL).message
    assert all(not part.meta for part in found.parts)
    assert found.parts[0] == Thinking("Hm.")
    assert found.parts[-1] == ToolCall("c1", "look", '{"sku": "A"}')


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (ToolCall("c", "look", json.dumps({"sku": KEY, "more": 1})), "look"),
        (ToolCall("c", "look", json.dumps({"a": [KEY, 1]}).replace("k", "\\u006b")), "look"),
        (ToolCall("c", "look", json.dumps({KEY: 1})), "look"),
        (ToolCall("c", f"look_{KEY}", "{}"), "look_***"),
        (ToolCall(f"c-{KEY}", "look", '{"sku": "A"}'), "look"),
    ],
)
def test_a_call_that_is_not_as_the_model_wrote_it_can_not_be_made(call: ToolCall, name: str) -> None:
    (told, other) = without(call, CALL).message.tool_calls
    assert (told.name, told.arguments) == (name, NO_ARGUMENTS)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(told.arguments)
    assert (other.name, other.arguments) == (CALL.name, CALL.arguments)


def test_arguments_that_are_broken_anyway_stay_so() -> None:
    broken = '{"a": "\\'
    assert without(ToolCall("c", "look", broken)).message.tool_calls[0].arguments == broken


def test_nor_do_two_parts_make_it_together() -> None:
    found = without(Text(f"It is {KEY[:5]}"), CALL, Text(f"{KEY[5:]}."))
    assert found.message.text == "It is ***."


def test_nor_is_it_told_beside_the_message() -> None:
    found = without(Text("Hi"), response_id=f"r-{KEY}", reason=f"end {KEY}")
    assert (found.response_id, found.reason) == ("r-***", "end ***")
