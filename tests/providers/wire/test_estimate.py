"""Tokens, where a backend does not count them."""

from hypothesis import given, settings

from providers import Image, Message, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec, Usage
from providers.wire.estimate import estimated, in_full
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


def test_only_what_was_not_told_is_estimated() -> None:
    request = Request("m", "abc", [])
    assert in_full(Usage(70, 0, 7), request, REPLY) == Usage(70, 5, 7, estimated=True)
    assert in_full(Usage(70, 0, 7), request, Message("assistant", ())) == Usage(70, 0, 7)
    assert in_full(Usage(70, 9), request, REPLY) == Usage(70, 9)
    assert in_full(None, request, REPLY) == in_full(Usage(), request, REPLY) == estimated(request, REPLY)


@settings(max_examples=25)
@given(requests())
def test_any_request_is_counted(request: Request) -> None:
    assert estimated(request, REPLY).input >= 0
