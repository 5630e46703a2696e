"""What the API refuses for what it says, in its words."""

from typing import Any

import pytest

from providers.fake.anthropic import ANTHROPIC
from providers.fake.seals import signature
from tests.fixtures.fake import ANTHROPIC_BODY, changed, refused

_MARK = {"cache_control": {"type": "ephemeral"}}
_USER = {"role": "user", "content": "go"}
_CALL = {"type": "tool_use", "id": "toolu_2", "name": "shop__look", "input": {}}
_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7"}
_OTHER = {**_RESULT, "tool_use_id": "toolu_9"}
_TEXT = {"type": "text", "text": "and then?"}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("messages.0", {"role": "assistant", "content": "Hi."}, 'first message must use the "user" role'),
        ("messages", [_USER, {"role": "assistant", "content": "So"}], "does not support assistant message prefill"),
        ("messages.2.content", "never mind", "without `tool_result` blocks immediately after: toolu_1"),
        ("messages.2.content", [_TEXT, _RESULT], "without `tool_result` blocks immediately after: toolu_1"),
        ("messages.2.content", [_RESULT, _OTHER], "unexpected `tool_use_id` found in `tool_result` blocks: toolu_9"),
        ("messages.2.content", [_RESULT, _RESULT], "each tool_use must have a single result"),
        ("messages.1.content", [_CALL, _CALL], "`tool_use` ids must be unique"),
        ("messages.1.content.1", _CALL, "without `tool_result` blocks immediately after: toolu_2"),
        ("messages.1.content.0.thinking", "Ha.", "Invalid `signature` in `thinking` block"),
        ("messages.1.content.0.signature", signature("Ha."), "Invalid `signature` in `thinking` block"),
        ("messages.1.content.0", {"type": "redacted_thinking", "data": "x"}, "Invalid `data` in `redacted_thinking`"),
        ("tools.0.input_schema", {"type": "object", "anyOf": []}, "does not support oneOf, allOf, or anyOf"),
        ("tools.0.input_schema", {"type": "string"}, "should be 'object'"),
        ("tools.0.input_schema", {}, "Field required"),
        ("tools.0.input_schema", {"type": "object", "properties": {"a b": {}}}, "Property keys should match pattern"),
        ("tools", [{"name": "a", "input_schema": {"type": "object"}}] * 2, "Tool names must be unique."),
        ("tool_choice", {"type": "tool", "name": "x"}, "Tool 'x' not found in provided tools"),
        ("thinking", {"type": "enabled", "budget_tokens": 4096}, "`max_tokens` must be greater than"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_refused(path: str, value: Any, message: str) -> None:
    complaint = refused(ANTHROPIC, changed(ANTHROPIC_BODY, path, value))
    assert complaint is not None
    assert complaint.status == 400
    assert message in complaint.message


def test_calls_may_be_answered_and_the_user_go_on_in_one_message() -> None:
    assert refused(ANTHROPIC, changed(ANTHROPIC_BODY, "messages.2.content", [_RESULT, _TEXT])) is None


def test_a_choice_of_tools_needs_tools() -> None:
    body = changed({**ANTHROPIC_BODY, "tool_choice": {"type": "auto"}}, "tools", ...)
    complaint = refused(ANTHROPIC, body)
    assert complaint is not None
    assert complaint.message == "tool_choice may only be specified while providing tools"


def test_who_thinks_is_not_forced_to_call() -> None:
    body = {**ANTHROPIC_BODY, "thinking": {"type": "enabled", "budget_tokens": 1024}, "tool_choice": {"type": "any"}}
    complaint = refused(ANTHROPIC, body)
    assert complaint is not None
    assert "Thinking may not be enabled when tool_choice forces tool use." in complaint.message


def test_with_thinking_enabled_a_reply_with_calls_begins_with_thinking() -> None:
    enabled = {**ANTHROPIC_BODY, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert refused(ANTHROPIC, enabled) is None
    called = [block for block in ANTHROPIC_BODY["messages"][1]["content"] if block["type"] != "thinking"]
    complaint = refused(ANTHROPIC, changed(enabled, "messages.1.content", called))
    assert complaint is not None
    assert complaint.param == "messages.1.content.0.type"
    assert "Expected `thinking` or `redacted_thinking`, but found `text`" in complaint.message
    adaptive = {**ANTHROPIC_BODY, "thinking": {"type": "adaptive"}}
    assert refused(ANTHROPIC, changed(adaptive, "messages.1.content", called)) is None


def test_four_breakpoints_are_enough() -> None:
    marked = [{"type": "text", "text": "x", **_MARK}] * 3
    assert refused(ANTHROPIC, {**ANTHROPIC_BODY, "system": marked, **_MARK}) is None
    complaint = refused(ANTHROPIC, {**ANTHROPIC_BODY, "system": [*marked, marked[0]], **_MARK})
    assert complaint is not None
    assert complaint.message == "A maximum of 4 blocks with cache_control may be provided. Found 5."


def test_what_a_schema_calls_cache_control_is_no_breakpoint() -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"cache_control": 1} for n in range(9)}}
    assert refused(ANTHROPIC, changed(ANTHROPIC_BODY, "tools.0.input_schema", schema)) is None
