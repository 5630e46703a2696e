"""What the API refuses for its shape, in its words. (Its rules: `test_rules.py`.)"""

from typing import Any

import pytest

from providers.fake.responses import RESPONSES
from tests.fixtures.fake import RESPONSES_BODY, changed, refused

_IMAGE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA"}


def test_a_body_as_clients_write_it_is_taken() -> None:
    assert refused(RESPONSES, RESPONSES_BODY) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("input", "go"),
        ("stream", True),
        ("include", ["reasoning.encrypted_content"]),
        ("reasoning", {"effort": "high", "summary": "auto"}),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "name": "shop__look"}),
        ("text", {"format": {"type": "json_schema", "name": "a", "schema": {}, "strict": True}}),
        ("max_output_tokens", 16),
        ("prompt_cache_key", "k"),
        ("input.0", {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "x"}]}),
        ("input.0.content", [_IMAGE, {"type": "input_file", "filename": "a", "file_data": "data:x/y;base64,AA"}]),
        ("input.2.id", "msg_1"),
        ("input.3.id", "fc_1"),
        ("input.4.output", [{"type": "input_text", "text": "7"}, _IMAGE]),
    ],
)
def test_what_the_api_takes_is_taken(path: str, value: Any) -> None:
    assert refused(RESPONSES, changed(RESPONSES_BODY, path, value)) is None


@pytest.mark.parametrize(
    ("path", "value", "param", "code"),
    [
        ("model", ..., "model", "missing_required_parameter"),
        ("messages", [], "messages", "unknown_parameter"),
        ("max_tokens", 5, "max_tokens", "unknown_parameter"),
        ("max_output_tokens", 5, "max_output_tokens", "invalid_value"),
        ("stop", ["x"], "stop", "unknown_parameter"),
        ("tools.0.strict", ..., "tools[0].strict", "missing_required_parameter"),
        ("tools.0.function", {}, "tools[0].function", "unknown_parameter"),
        ("tools.0.name", "a.b", "tools[0].name", "invalid_value"),
        ("tools.0.name", "x" * 65, "tools[0].name", "invalid_value"),
        ("tool_choice", "any", "tool_choice", "invalid_value"),
        ("input.0.role", "tool", "input[0].role", "invalid_value"),
        ("input.0.content", [{"type": "output_text", "text": "x"}], "input[0].content[0].type", "invalid_value"),
        ("input.2.content", [{"type": "input_text", "text": "x"}], "input[2].content[0].type", "invalid_value"),
        ("input.2.id", "resp_1", "input[2].id", "invalid_value"),
        ("input.3.id", "call_1", "input[3].id", "invalid_value"),
        ("input.3.arguments", {}, "input[3].arguments", "invalid_type"),
        ("input.3.call_id", "x" * 65, "input[3].call_id", "invalid_value"),
        ("input.4.output", ..., "input[4].output", "missing_required_parameter"),
        ("input.4.is_error", True, "input[4].is_error", "unknown_parameter"),
        ("input.4.output", [{"type": "image"}], "input[4].output[0].type", "invalid_value"),
        ("input.1.summary", ..., "input[1].summary", "missing_required_parameter"),
        ("include", ["reasoning"], "include[0]", "invalid_value"),
        ("reasoning", {"effort": "huge"}, "reasoning.effort", "invalid_value"),
    ],
)  # fmt: skip
def test_what_the_api_refuses_is_refused(path: str, value: Any, param: str, code: str) -> None:
    complaint = refused(RESPONSES, changed(RESPONSES_BODY, path, value))
    assert complaint is not None
    assert (complaint.status, complaint.param, complaint.code) == (400, param, code)


def test_counting_takes_less() -> None:
    body = changed(RESPONSES_BODY, "store", ...)
    assert refused(RESPONSES, {"input": "x"}, counting=True) is None
    assert refused(RESPONSES, {**body, "stream": True}, counting=True) is not None
