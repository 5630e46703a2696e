import pytest

from providers import File, Image, Message, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.chat import CHAT
from tests.fixtures.fake import CHAT_BODY, SCHEMA, changed


def test_a_body_is_the_request_that_any_model_hears() -> None:
    ask = CHAT.read({**changed(CHAT_BODY, "messages.2.reasoning_content", "Hm."), "max_tokens": 50})
    assert not ask.stream
    assert (ask.request.model, ask.request.system, ask.request.max_output_tokens) == ("qwen-fake", "You help.", 50)
    assert ask.request.tools == (ToolSpec("shop__look", "Looks.", SCHEMA),)
    assert ask.request.messages == (
        Message("user", (Text("go"),)),
        Message("assistant", (Thinking("Hm."), Text("Let me look."), ToolCall("call_1", "shop__look", '{"sku": "A"}'))),
        Message("tool", (ToolResult("call_1", [{"type": "text", "text": "7"}]),)),
    )
    assert len(ask.prompt) == 5


def test_a_system_message_amid_the_conversation_stays_there() -> None:
    late = [*CHAT_BODY["messages"], {"role": "developer", "content": "Be brief."}]
    heard = CHAT.read({**CHAT_BODY, "messages": late}).request
    assert (heard.system, heard.messages[-1]) == ("You help.", Message("system", (Text("Be brief."),)))


def test_pictures_and_files_are_heard() -> None:
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
    ]
    heard = CHAT.read(changed(CHAT_BODY, "messages.1.content", parts)).request.messages[0]
    assert heard.parts == (Text("see"), Image("image/png", "AA"), File("a.pdf", "application/pdf", "AA"))


@pytest.mark.parametrize(
    ("model", "usage", "wants"),
    [("qwen", True, {"usage", "thinking"}), ("qwen", False, {"thinking"}), ("gpt-6", True, {"usage"})],
)
def test_a_client_is_told_what_it_wants(model: str, usage: bool, wants: set[str]) -> None:
    body = {**CHAT_BODY, "model": model, "stream": True, "stream_options": {"include_usage": usage}}
    assert CHAT.read(body).wants == wants
