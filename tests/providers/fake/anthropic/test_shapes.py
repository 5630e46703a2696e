"""What the API refuses for its shape, in its words. (Its rules: `test_rules.py`.)"""

from typing import Any

import pytest

from providers.fake.anthropic import ANTHROPIC
from tests.fixtures.fake import ANTHROPIC_BODY, changed, refused

_EXTRA = "Extra inputs are not permitted"


def test_a_body_as_clients_write_it_is_taken() -> None:
    assert refused(ANTHROPIC, ANTHROPIC_BODY) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stream", True),
        ("system", [{"type": "text", "text": "You help.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]),
        ("tool_choice", {"type": "tool", "name": "shop__look", "disable_parallel_tool_use": True}),
        ("thinking", {"type": "adaptive", "display": "summarized"}),
        ("thinking", {"type": "enabled", "budget_tokens": 2048}),
        ("output_config", {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}}),
        ("max_tokens", 0),
        ("cache_control", {"type": "ephemeral"}),
        ("metadata", {"user_id": "u"}),
        ("messages.0.content", [{"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}]),
        ("messages.2.content.0.content", [{"type": "text", "text": "7"}]),
        ("messages.2.content.0.is_error", True),
        ("messages.1.content.0", {"type": "redacted_thinking", "data": "gAAAxx"}),
        ("messages.0.role", "system"),
    ],
)
def test_what_the_api_takes_is_taken(path: str, value: Any) -> None:
    assert refused(ANTHROPIC, changed(ANTHROPIC_BODY, path, value)) is None


@pytest.mark.parametrize(
    ("path", "value", "param", "message"),
    [
        ("model", ..., "model", "Field required"),
        ("max_tokens", ..., "max_tokens", "Field required"),
        ("messages", [], "messages", "should have at least 1 item"),
        ("temperature", 0.5, "temperature", _EXTRA),
        ("frequency_penalty", 1, "frequency_penalty", _EXTRA),
        ("tools.0.parameters", {}, "tools.0.parameters", _EXTRA),
        ("tools.0.name", "shop.look", "tools.0.name", "should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
        ("tools.0.name", "x" * 129, "tools.0.name", "should match pattern"),
        ("tools.0.input_schema", ..., "tools.0.input_schema", "Field required"),
        ("tool_choice", "auto", "tool_choice", "should be a valid object"),
        ("tool_choice", {"type": "required"}, "tool_choice.type", "`required` is not one of"),
        ("messages.0.role", "tool", "messages.0.role", "`tool` is not one of"),
        ("messages.0.name", "ann", "messages.0.name", _EXTRA),
        ("messages.0.content", "", "messages.0.content", "should have at least 1 character"),
        ("messages.0.content", [{"type": "text", "text": ""}], "messages.0.content.0.text", "at least 1 character"),
        ("messages.0.content", [{"type": "input_text", "text": "x"}], "messages.0.content.0.type", "is not one of"),
        ("messages.1.content.2.input", "{}", "messages.1.content.2.input", "should be a valid object"),
        ("messages.1.content.2.id", "a b", "messages.1.content.2.id", "should match pattern"),
        ("messages.1.content.0.signature", ..., "messages.1.content.0.signature", "Field required"),
        ("messages.1.content.0", {"type": "document", "source": {}}, "messages.1.content.0.type", "is not one of"),
        ("messages.2.content.0.is_error", "no", "messages.2.content.0.is_error", "should be a valid boolean"),
        ("messages.2.content.0.content", [{"type": "json"}], "messages.2.content.0.content.0.type", "is not one of"),
        ("thinking", {"type": "enabled", "budget_tokens": 10}, "thinking.budget_tokens", "or equal to 1024"),
        ("output_config", {"effort": "none"}, "output_config.effort", "`none` is not one of"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_refused(path: str, value: Any, param: str, message: str) -> None:
    complaint = refused(ANTHROPIC, changed(ANTHROPIC_BODY, path, value))
    assert complaint is not None
    assert (complaint.status, complaint.param) == (400, param)
    assert message in complaint.message


def test_counting_takes_less() -> None:
    body = changed(ANTHROPIC_BODY, "max_tokens", ...)
    assert refused(ANTHROPIC, body, counting=True) is None
    assert refused(ANTHROPIC, ANTHROPIC_BODY, counting=True) is not None
