"""Tokens, where a backend does not count them."""

from hypothesis import given, settings

from providers import Image, Message, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.wire.estimate import estimated
from tests.providers.conversations import requests

REPLY = Message("assistant", (Thinking("abc"), Text("defghi"), ToolCall("c", "xyz", "{}")))


def test_text_and_json_are_counted_in_bytes() -> None:
    tool = ToolSpec("abc", "def", {})
    request = Request("m", "abc", [Message("user", (Text("üüü"),))], tools=(tool,))
    usage = estimated(request, REPLY)
    assert (usage.input, usage.output, usage.estimated) == (6, 5, True)


def test_a_picture_is_as_much_as_a_page_however_large_its_file_is() -> None:
    picture = {"type": "image", "mimeType": "image/png", "data": "x" * 1_000_000}
    blob = {"type": "resource", "resource": {"blob": "x" * 1_000_000}}
    for part in (Image("image/png", "x" * 1_000_000), ToolResult("c", [picture]), ToolResult("c", [blob])):
        assert estimated(Request("m", "", [Message("user", (part,))]), REPLY).input == 1600


@settings(max_examples=25)
@given(requests())
def test_any_request_is_counted(request: Request) -> None:
    assert estimated(request, REPLY).input >= 0
