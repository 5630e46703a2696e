"""A request as Anthropic's Messages wants it: whatever the conversation, its SDK's types and its rules hold."""

import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given

from providers import File, Image, Message, Opaque, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.anthropic.encoding import encoded
from providers.fake.anthropic import ANTHROPIC
from tests.providers.conversations import MODEL, ORIGIN, Types, requests

TYPES = Types(MessageCreateParamsStreaming)
LOOK = ToolSpec("shop__look", "Looks.", {"type": "object", "properties": {"sku": {"type": "string"}}})


def said(*messages: Message, **more: Any) -> dict[str, Any]:
    return encoded(Request(MODEL, "Be brief.", messages, **more), ORIGIN)


def user(text: str) -> Message:
    return Message("user", (Text(text),))


@given(requests())
def test_any_conversation_is_a_request_that_their_types_and_their_rules_accept(request: Request) -> None:
    body = encoded(request, ORIGIN)
    sent = json.loads(json.dumps(body).encode())  # valid JSON, valid Unicode
    json.dumps(body, ensure_ascii=False).encode()
    TYPES.accept(sent)
    ANTHROPIC.read(sent)


def test_a_request_says_what_is_asked() -> None:
    body = said(user("Hi"), tools=(LOOK,), max_output_tokens=99, stop=("END",), effort="xhigh", parallel=False)
    assert body == {
        "model": MODEL,
        "max_tokens": 99,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
        ],
        "tools": [
            {
                "name": "shop__look",
                "description": "Looks.",
                "input_schema": {"type": "object", "properties": {"sku": {"type": "string"}}},
                "cache_control": {"type": "ephemeral"},
            }
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "output_config": {"effort": "xhigh"},
        "thinking": {"type": "adaptive"},
    }


@pytest.mark.parametrize(
    ("choice", "written"),
    [("any", {"type": "any"}), ("none", {"type": "none"}), ("shop__look", {"type": "tool", "name": "shop__look"})],
)
def test_a_tool_can_be_demanded_or_forbidden(choice: str, written: dict[str, str]) -> None:
    assert said(user("Hi"), tools=(LOOK,), tool_choice=choice)["tool_choice"] == written


def test_who_must_call_a_tool_does_not_think() -> None:
    body = said(user("Hi"), tools=(LOOK,), tool_choice="any", effort="high")
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "high"}


def test_no_effort_is_no_thinking_and_an_answer_has_the_form_that_is_asked_for() -> None:
    body = said(user("Hi"), effort="none", output_schema={"type": "object", "properties": {"a": {"type": "string"}}})
    assert body["thinking"] == {"type": "disabled"}
    assert body["output_config"]["format"]["schema"]["properties"] == {"a": {"type": "string"}}


def test_what_this_model_thought_goes_back_byte_for_byte_and_what_another_one_thought_does_not() -> None:
    signature, sealed = "EqQB+/é==", {"type": "redacted_thinking", "data": "gAAA="}
    thought = Thinking("Hm.\n", {ORIGIN: {"signature": signature}})
    theirs = Thinking("Aha.", {"openai:gpt-6": {"item": {"type": "reasoning"}}})
    reply = Message("assistant", (thought, Opaque("redacted_thinking", {ORIGIN: sealed}), theirs, Text("Yes.")))
    assert said(user("Hi"), reply, user("So?"))["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.\n", "signature": signature},
        sealed,
        {"type": "text", "text": "Yes."},
    ]


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    reply = Message("assistant", (Text("Yes."), Thinking("Hm.", {ORIGIN: {"signature": "s"}})))
    assert said(user("Hi"), reply, user("So?"))["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]


def test_results_come_first_all_together_with_images_and_files_in_them() -> None:
    calls = Message("assistant", (ToolCall("a", "x", '{"n": 1}'), ToolCall("b", "x", "")))
    picture = {"type": "image", "mimeType": "image/png", "data": "aGk="}
    page = {"type": "resource", "resource": {"uri": "f:///a.pdf", "mimeType": "application/pdf", "blob": "aGk="}}
    results = Message("tool", (ToolResult("b", [picture, page]), ToolResult("a", [], is_error=True)))
    body = said(user("Hi"), calls, results, user("And?"), tools=(LOOK,))
    assert body["messages"][1]["content"][0] == {"type": "tool_use", "id": "a", "name": "x", "input": {"n": 1}}
    a, b, text = body["messages"][2]["content"]
    assert (a["tool_use_id"], a["is_error"], a["content"]) == ("a", True, [{"type": "text", "text": "(empty)"}])
    assert [block["type"] for block in b["content"]] == ["image", "document"]
    assert text["text"] == "And?"


def test_what_is_given_is_shown_as_it_can_be() -> None:
    parts = (
        Image("image/png", url="https://example.com/a.png"),
        Image("image/tiff", "aGk="),
        File("a.txt", "text/plain", "aGk="),
        File("a.zip", "application/zip", "aGk="),
    )
    picture, odd, text, packed = said(Message("user", parts))["messages"][0]["content"]
    assert picture["source"] == {"type": "url", "url": "https://example.com/a.png"}
    assert odd["text"] == "(image, image/tiff, 0.0 kB: it can't be shown)"
    assert text["source"]["data"] == "hi"
    assert "`a.zip`" in packed["text"]


def test_what_is_cached_is_what_stays_and_four_marks_are_the_most() -> None:
    talk = [user("1"), Message("assistant", (Text("2"),)), user("3"), Message("assistant", (Text("4"),)), user("5")]
    body = said(*talk, tools=(LOOK,))
    marked = [message["content"][-1].get("cache_control") for message in body["messages"]]
    assert marked == [None, None, {"type": "ephemeral"}, None, {"type": "ephemeral"}]
    earlier = said(*talk[:3], tools=(LOOK,))
    assert earlier["tools"] == body["tools"]
    assert [message["role"] for message in earlier["messages"]] == ["user", "assistant", "user"]


def test_at_most_twenty_tools_are_strict_and_only_those_that_can_be() -> None:
    closed = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    tools = tuple(ToolSpec(f"t{number:02}", "", closed, strict=True) for number in range(22))
    open_one = replace(LOOK, strict=True)
    body = said(user("Hi"), tools=(*tools, open_one))
    assert sum(tool.get("strict", False) for tool in body["tools"]) == 20
    assert "strict" not in body["tools"][-1]


def test_calls_of_a_conversation_have_tools_beside_them_though_none_are_offered() -> None:
    body = said(user("Hi"), Message("assistant", tuple(ToolCall(name, name, "{}") for name in ("old", "o d", "o.d"))))
    assert [tool["name"] for tool in body["tools"]] == ["o_d", "old"]
    assert body["tool_choice"] == {"type": "none"}


def test_a_form_that_says_all_is_given_and_what_it_does_not_say_is_asked_for_in_words() -> None:
    whole = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    body = said(user("Hi"), output_schema=whole)
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": whole}
    assert "JSON Schema" not in str(body.get("system"))
    open_one = {"type": "object", "properties": {"a": {"type": "string"}}}
    body = said(user("Hi"), output_schema=open_one)
    assert body["output_config"]["format"]["schema"] == whole
    assert "JSON Schema" not in str(body.get("system"))
    limited = {**whole, "properties": {"a": {"type": "string", "maxLength": 3}}}
    body = said(user("Hi"), output_schema=limited)
    assert body["output_config"]["format"]["schema"] == whole
    assert '"maxLength": 3' in body["system"][-1]["text"]
    body = said(user("Hi"), output_schema={"type": "array"})
    assert "output_config" not in body
    assert body["system"][-1]["text"].endswith('{"type": "array"}')
