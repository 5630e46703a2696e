"""What the API refuses for what it says, in its words."""

from typing import Any

import pytest

from providers.fake.responses import RESPONSES
from tests.fixtures.fake import CLOSED, RESPONSES_BODY, changed, refused

_USER, _THOUGHT, _SAID, _CALL, _OUTPUT = RESPONSES_BODY["input"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("input", [_USER, _CALL], "No tool output found for function call call_1."),
        ("input", [_USER, _OUTPUT], "No tool call found for function call output with call_id call_1."),
        ("input", [_USER, _OUTPUT, _CALL], "No tool call found for function call output with call_id call_1."),
        ("input", [_USER, _CALL, _CALL, _OUTPUT], "Duplicate function call"),
        ("input", [_USER, _THOUGHT], "without its required following item"),
        ("input", [_USER, _THOUGHT, _USER], "without its required following item"),
        ("input.1.encrypted_content", ..., "Items are not persisted when `store` is set to false"),
        ("input.1.encrypted_content", "gAAAchanged", "could not be verified"),
        ("previous_response_id", "resp_1", "Previous response with id 'resp_1' not found."),
        ("background", True, "does not answer in the background"),
        ("temperature", 0.2, "'temperature' is not supported with this model"),
        ("tools.0.parameters", {"type": "array"}, "got 'type: \"array\"'"),
        ("tools.0.strict", True, "'additionalProperties' is required to be supplied and to be false"),
        ("tool_choice", {"type": "function", "name": "x"}, "not found in 'tools' parameter: 'x'"),
    ],
)
def test_a_broken_rule_is_refused(path: str, value: Any, message: str) -> None:
    complaint = refused(RESPONSES, changed(RESPONSES_BODY, path, value))
    assert complaint is not None
    assert complaint.status == 400
    assert message in complaint.message


def test_what_a_server_stores_needs_no_seal() -> None:
    body = changed(changed(RESPONSES_BODY, "store", True), "input.1.encrypted_content", ...)
    assert refused(RESPONSES, body) is None


def test_a_strict_tool_with_a_schema_for_it_is_taken() -> None:
    tool = {"type": "function", "name": "a", "parameters": CLOSED, "strict": True}
    assert refused(RESPONSES, {**RESPONSES_BODY, "tools": [tool]}) is None
    assert refused(RESPONSES, {**RESPONSES_BODY, "tools": [{**tool, "parameters": None, "strict": None}]}) is None
