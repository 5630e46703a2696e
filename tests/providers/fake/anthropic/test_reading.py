from typing import Any

import pytest

from providers import File, Image, Message, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.anthropic import ANTHROPIC
from providers.fake.seals import signature
from tests.fixtures.fake import ANTHROPIC_BODY, SCHEMA, changed

_SEVEN = ToolResult("toolu_1", [{"type": "text", "text": "7"}])


def test_a_body_is_the_request_that_any_model_hears() -> None:
    ask = ANTHROPIC.read({**ANTHROPIC_BODY, "stream": True})
    assert (ask.stream, ask.wants) == (True, frozenset())
    assert (ask.request.model, ask.request.system, ask.request.max_output_tokens) == ("claude-fake", "You help.", 4096)
    assert ask.request.tools == (ToolSpec("shop__look", "Looks.", SCHEMA),)
    assert ask.request.messages == (
        Message("user", (Text("go"),)),
        Message(
            "assistant",
            (
                Thinking("Hm.", {"signature": signature("Hm.")}),
                Text("Let me look."),
                ToolCall("toolu_1", "shop__look", '{"sku": "A"}'),
            ),
        ),
        Message("tool", (_SEVEN,)),
    )


def test_what_the_user_says_beside_results_is_a_message_of_its_own() -> None:
    result = ANTHROPIC_BODY["messages"][2]["content"][0]
    body = changed(ANTHROPIC_BODY, "messages.2.content", [result, {"type": "text", "text": "and?"}])
    assert ANTHROPIC.read(body).request.messages[2:] == (Message("tool", (_SEVEN,)), Message("user", (Text("and?"),)))


def test_pictures_and_files_are_heard() -> None:
    png = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    link = {"type": "image", "source": {"type": "url", "url": "https://a.example/b"}}
    pdf = {
        "type": "document",
        "title": "a.pdf",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
    }
    heard = ANTHROPIC.read(changed(ANTHROPIC_BODY, "messages.0.content", [png, link, pdf])).request.messages[0]
    assert heard.parts == (
        Image("image/png", "AA"),
        Image("", url="https://a.example/b"),
        File("a.pdf", "application/pdf", "AA"),
    )
    returned = ANTHROPIC.read(changed(ANTHROPIC_BODY, "messages.2.content.0.content", [png, pdf])).request.messages[2]
    assert returned.parts == (
        ToolResult(
            "toolu_1",
            [
                {"type": "image", "data": "AA", "mimeType": "image/png"},
                {"type": "resource", "data": "AA", "mimeType": "application/pdf"},
            ],
        ),
    )


@pytest.mark.parametrize(
    ("path", "value", "pieces"),
    [
        ("stream", False, 0),
        ("cache_control", {"type": "ephemeral"}, 7),
        ("tools.0.cache_control", {"type": "ephemeral"}, 1),
        ("messages.1.content.1.cache_control", {"type": "ephemeral"}, 5),
    ],
)
def test_a_prompt_is_cached_up_to_its_last_breakpoint(path: str, value: Any, pieces: int) -> None:
    prompt = ANTHROPIC.read(changed(ANTHROPIC_BODY, path, value)).prompt
    assert len(prompt) == pieces
    assert not any("cache_control" in piece for piece in prompt)


def test_thinking_that_is_not_to_be_shown_is_not() -> None:
    ask = ANTHROPIC.read({**ANTHROPIC_BODY, "thinking": {"type": "adaptive", "display": "omitted"}})
    assert ask.wants == {"silent_thinking"}
