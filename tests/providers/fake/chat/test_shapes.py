"""What the API refuses for its shape, in its words. (Its rules: `test_rules.py`.)"""

from typing import Any

import pytest

from providers.fake.chat import CHAT
from tests.fixtures.fake import CHAT_BODY, changed, refused

_CALL = "messages[2].tool_calls[0]"
_IMAGE = {"type": "image_url", "image_url": {"url": "AA"}}


def test_a_body_as_clients_write_it_is_taken() -> None:
    assert refused(CHAT, CHAT_BODY) is None
    assert refused(CHAT, {**CHAT_BODY, "model": "gpt-6"}) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stream", True),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "shop__look"}}),
        ("parallel_tool_calls", False),
        ("max_completion_tokens", 100),
        ("max_tokens", 100),
        ("reasoning_effort", "none"),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": True}}),
        ("stop", ["a", "b"]),
        ("stop", "a"),
        ("messages.0.role", "developer"),
        ("messages.2.content", None),
        ("messages.2.reasoning_content", "Hm."),
        ("messages.2.reasoning_details", [{"type": "reasoning.text"}]),
        ("reasoning", {"effort": "low"}),
        ("tool_choice", "any"),
        ("messages.2.tool_calls.0.extra_content", {"google": {"thought_signature": "x"}}),
        ("messages.3.content", [{"type": "text", "text": "7"}]),
        ("messages.1.content", [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]),
        ("messages.1.content", [{"type": "file", "file": {"filename": "a", "file_data": "data:x/y;base64,AA"}}]),
    ],
)
def test_what_compatible_servers_take_is_taken(path: str, value: Any) -> None:
    assert refused(CHAT, changed(CHAT_BODY, path, value)) is None


@pytest.mark.parametrize(
    ("path", "value", "param", "code"),
    [
        ("model", ..., "model", "missing_required_parameter"),
        ("messages", [], "messages", "invalid_value"),
        ("foo", 1, "foo", "unknown_parameter"),
        ("input", "x", "input", "unknown_parameter"),
        ("tools", [], "tools", "invalid_value"),
        ("tools.0.function.name", "shop/look", "tools[0].function.name", "invalid_value"),
        ("tools.0.function.name", "x" * 65, "tools[0].function.name", "invalid_value"),
        ("tools.0.name", "x", "tools[0].name", "unknown_parameter"),
        ("tools.0.type", "mcp", "tools[0].type", "invalid_value"),
        ("tool_choice", "maybe", "tool_choice", "invalid_value"),
        ("messages.1.role", "tool_result", "messages[1].role", "invalid_value"),
        ("messages.1.meta", {}, "messages[1].meta", "unknown_parameter"),
        ("messages.1.content", ..., "messages[1].content", "missing_required_parameter"),
        ("messages.2.tool_calls", [], "messages[2].tool_calls", "invalid_value"),
        ("messages.2.tool_calls.0.function.arguments", {}, f"{_CALL}.function.arguments", "invalid_type"),
        ("messages.2.tool_calls.0.id", None, f"{_CALL}.id", "invalid_type"),
        ("messages.3.content", [_IMAGE], "messages[3].content[0].type", "invalid_value"),
        ("messages.3.is_error", True, "messages[3].is_error", "unknown_parameter"),
        ("messages.1.content", [_IMAGE], "messages[1].content[0].image_url.url", "invalid_value"),
        ("reasoning_effort", "huge", "reasoning_effort", "invalid_value"),
        ("stop", ["a"] * 5, "stop", "invalid_value"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_refused(path: str, value: Any, param: str, code: str) -> None:
    complaint = refused(CHAT, changed(CHAT_BODY, path, value))
    assert complaint is not None
    assert (complaint.status, complaint.param, complaint.code) == (400, param, code)
