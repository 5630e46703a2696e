from providers import File, Image, Message, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.responses import RESPONSES
from tests.fixtures.fake import RESPONSES_BODY, SCHEMA, changed

_CALL = ToolCall("call_1", "shop__look", '{"sku": "A"}')


def test_a_body_is_the_request_that_any_model_hears() -> None:
    shown = changed(RESPONSES_BODY, "input.1.summary", [{"type": "summary_text", "text": "Hm."}])
    ask = RESPONSES.read({**shown, "max_output_tokens": 50})
    assert (ask.stream, ask.wants) == (False, frozenset())
    assert (ask.request.model, ask.request.system, ask.request.max_output_tokens) == ("gpt-6-fake", "You help.", 50)
    assert ask.request.tools == (ToolSpec("shop__look", "Looks.", SCHEMA),)
    assert ask.request.messages == (
        Message("user", (Text("go"),)),
        Message("assistant", (Thinking("Hm."), Text("Let me look."), _CALL)),
        Message("tool", (ToolResult("call_1", [{"type": "text", "text": "7"}]),)),
    )
    assert len(ask.prompt) == 7


def test_results_that_follow_one_another_are_one_message_and_users_words_are_not() -> None:
    user, _, _, call, output = RESPONSES_BODY["input"]
    twice = [user, user, call, {**call, "call_id": "call_2"}, output, {**output, "call_id": "call_2"}]
    heard = RESPONSES.read({**RESPONSES_BODY, "input": twice}).request.messages
    assert [(message.role, len(message.parts)) for message in heard] == [
        ("user", 1),
        ("user", 1),
        ("assistant", 2),
        ("tool", 2),
    ]


def test_one_text_is_what_the_user_says() -> None:
    assert RESPONSES.read({"model": "m", "input": "go"}).request.messages == (Message("user", (Text("go"),)),)


def test_pictures_and_files_are_heard() -> None:
    image = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}
    heard = RESPONSES.read(changed(RESPONSES_BODY, "input.0.content", [image, file])).request.messages[0]
    assert heard.parts == (Image("image/png", "AA"), File("a.pdf", "application/pdf", "AA"))
    text = {"type": "input_text", "text": "7"}
    (returned,) = (
        RESPONSES.read(changed(RESPONSES_BODY, "input.4.output", [text, image, file])).request.messages[2].parts
    )
    assert isinstance(returned, ToolResult)
    assert list(returned.content) == [
        {"type": "text", "text": "7"},
        {"type": "image", "data": "AA", "mimeType": "image/png"},
        {"type": "resource", "data": "AA", "mimeType": "application/pdf"},
    ]


def test_a_client_is_told_what_it_wants() -> None:
    body = {**RESPONSES_BODY, "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}}
    assert RESPONSES.read(body).wants == {"sealed", "summary"}
