"""What the API refuses for what it says, in its words."""

from typing import Any

import pytest

from providers.fake.chat import CHAT
from providers.fake.chat.makers import SKIPPED, thought_signature
from tests.fixtures.fake import CHAT_BODY, CLOSED, SCHEMA, changed, refused

_GPT = {**CHAT_BODY, "model": "gpt-6-fake"}
_SYSTEM, _USER, _REPLY, _RESULT = CHAT_BODY["messages"]


def _message(body: Any) -> str:
    complaint = refused(CHAT, body)
    assert complaint is not None
    assert complaint.status == 400
    return complaint.message


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([_USER, _REPLY], "did not have response messages: call_1"),
        ([_USER, _REPLY, _USER], "did not have response messages: call_1"),
        ([_USER, _REPLY, _USER, _RESULT], "did not have response messages: call_1"),
        ([_USER, _RESULT], "must be a response to a preceeding message with 'tool_calls'"),
        ([_USER, _REPLY, _RESULT, _RESULT], "must be a response to a preceeding message with 'tool_calls'"),
        ([_USER, _REPLY, {**_RESULT, "tool_call_id": "x"}], "must be a response to a preceeding message"),
        ([_USER, {"role": "assistant", "content": None}, _USER], "expected a string, got null"),
        ([_USER, {"role": "assistant"}, _USER], "expected a string, got null"),
    ],
)
def test_calls_and_results_belong_together(messages: Any, message: str) -> None:
    assert message in _message({**CHAT_BODY, "messages": messages})


def test_what_goes_with_something_else_does_not_go_alone() -> None:
    alone = changed(CHAT_BODY, "tools", ...)
    assert "only allowed when 'stream' is enabled" in _message({**CHAT_BODY, "stream_options": {"include_usage": True}})
    assert "only allowed when 'tools' are specified" in _message({**alone, "tool_choice": "auto"})
    assert "only allowed when 'tools' are specified" in _message({**alone, "parallel_tool_calls": True})
    chosen = {"type": "function", "function": {"name": "x"}}
    assert "not found in 'tools' parameter: 'x'" in _message({**CHAT_BODY, "tool_choice": chosen})


def test_a_tools_schema_is_an_objects() -> None:
    schema = {"type": "array"}
    assert "got 'type: \"array\"'" in _message(changed(CHAT_BODY, "tools.0.function.parameters", schema))
    assert "got 'type: \"None\"'" in _message(changed(CHAT_BODY, "tools.0.function.parameters", {}))
    assert refused(CHAT, changed(CHAT_BODY, "tools.0.function.parameters", ...)) is None


def test_a_strict_tool_needs_a_schema_for_it() -> None:
    function = {"name": "a", "strict": True}
    assert "additionalProperties" in _message(
        changed(CHAT_BODY, "tools.0.function", {**function, "parameters": SCHEMA})
    )
    assert refused(CHAT, changed(CHAT_BODY, "tools.0.function", {**function, "parameters": CLOSED})) is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("max_tokens", 10, "Use 'max_completion_tokens' instead."),
        ("reasoning_effort", "high", "Function tools with reasoning_effort are not supported"),
        ("temperature", 0.2, "'temperature' is not supported with this model"),
        ("reasoning", {"effort": "low"}, "Unknown parameter: 'reasoning'."),
        ("tool_choice", "any", "Invalid 'tool_choice'"),
        ("messages.2.reasoning_content", "Hm.", "Unknown parameter: 'messages[2].reasoning_content'."),
        ("messages.2.tool_calls.0.extra_content", {}, "Unknown parameter: 'messages[2].tool_calls[0].extra_content'."),
    ],
)
def test_openais_own_models_refuse_more(path: str, value: Any, message: str) -> None:
    assert message in _message(changed(_GPT, path, value))
    assert refused(CHAT, changed(CHAT_BODY, path, value)) is None


def test_openais_earlier_models_take_what_their_successors_refuse() -> None:
    assert refused(CHAT, {**CHAT_BODY, "model": "gpt-4o", "max_tokens": 10, "temperature": 0.2}) is None


def test_openais_own_models_think_without_tools() -> None:
    assert refused(CHAT, changed({**_GPT, "reasoning_effort": "high"}, "tools", ...)) is None
    assert refused(CHAT, {**_GPT, "reasoning_effort": "none", "temperature": 0.2}) is None
    assert refused(CHAT, {**_GPT, "model": "gpt-5", "reasoning_effort": "high"}) is None


def test_gemini_wants_back_what_it_signed() -> None:
    body = {**CHAT_BODY, "model": "gemini-3"}
    assert "is missing a `thought_signature`" in _message(body)
    place = "messages.2.tool_calls.0.extra_content"
    for signed in (thought_signature("call_1"), SKIPPED):
        assert refused(CHAT, changed(body, place, {"google": {"thought_signature": signed}})) is None
    assert "is missing" in _message(changed(body, place, {"google": {"thought_signature": thought_signature("x")}}))
    later = [*CHAT_BODY["messages"], {"role": "assistant", "content": "So."}, _USER]
    assert refused(CHAT, {**body, "messages": later}) is None


def test_mistral_wants_its_own_ids() -> None:
    body = {**CHAT_BODY, "model": "mistral-large"}
    assert "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9." in _message(body)
    nine = changed(changed(body, "messages.2.tool_calls.0.id", "abcdefghi"), "messages.3.tool_call_id", "abcdefghi")
    assert refused(CHAT, nine) is None
    behind = {**nine, "messages": [*nine["messages"], _USER]}
    assert _message(behind) == "Unexpected role 'user' after role 'tool'"
