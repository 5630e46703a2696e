"""Replies as the SDK's own types read them."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from providers import Message, Request, Text, Thinking, ToolCall, Usage
from providers.fake.chat import CHAT
from providers.fake.chat.makers import thought_signature
from providers.fake.wire import Ask, Complaint, Told
from tests.fixtures.fake import told

_ALL = Message(
    "assistant",
    (
        Thinking("Hm. Well."),
        Text("Let me look."),
        ToolCall("c1_1", "a__b", '{"x": "long enough"}'),
        ToolCall("c1_2", "c", "{}"),
    ),
)


def _whole(**of: Any) -> Any:
    return CHAT.whole(told(_ALL, **{"finish": "tool_calls", **of}))


def _chunks(**of: Any) -> list[dict[str, Any]]:
    *events, last = CHAT.events(told(_ALL, **{"finish": "tool_calls", **of}))
    assert last.data == "[DONE]"
    assert all(event.name is None for event in events)
    return [dict(event.data) for event in events if isinstance(event.data, dict)]


def _deltas(**of: Any) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in _chunks(**of) if chunk["choices"]]


def _calls(**of: Any) -> list[dict[str, Any]]:
    return [call for delta in _deltas(**of) for call in delta.get("tool_calls", ())]


def test_a_whole_reply_is_what_the_sdk_calls_a_completion() -> None:
    whole = ChatCompletion.model_validate(_whole(usage=Usage(100, 20, 60, 0, 5)), strict=True)
    choice = whole.choices[0]
    assert (whole.id, choice.finish_reason, choice.message.content) == (
        "chatcmpl_fake_000007_0",
        "tool_calls",
        "Let me look.",
    )
    calls = [call.model_dump() for call in choice.message.tool_calls or ()]
    assert [(call["id"], call["function"]["arguments"]) for call in calls] == [
        ("call_c1_1", '{"x": "long enough"}'),
        ("call_c1_2", "{}"),
    ]
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens) == (100, 20, 120)
    assert whole.usage.prompt_tokens_details is not None
    assert whole.usage.prompt_tokens_details.cached_tokens == 60


def test_the_chunks_make_the_same_reply() -> None:
    chunks = _chunks(wants={"usage", "thinking"}, usage=Usage(100, 20))
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look."
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm. Well."
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [(call["index"], call["id"], call["function"]["name"]) for call in calls if "id" in call] == [
        (0, "call_c1_1", "a__b"),
        (1, "call_c1_2", "c"),
    ]
    assert "".join(call["function"]["arguments"] for call in calls if call["index"] == 0) == '{"x": "long enough"}'
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["total_tokens"]) == ([], 120)


def test_nobody_is_told_what_he_did_not_ask_for() -> None:
    assert not any("reasoning_content" in delta for delta in _deltas())
    assert "reasoning_content" not in _whole()["choices"][0]["message"]
    assert not any("usage" in chunk for chunk in _chunks())


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("context_window", "length")],
)
def test_a_reply_ends_for_the_apis_own_reasons(finish: str, reason: str) -> None:
    assert _whole(finish=finish)["choices"][0]["finish_reason"] == reason


def test_a_refusal_has_a_field_of_its_own() -> None:
    message = _whole(finish="refusal")["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "Let me look.")
    assert "".join(delta.get("refusal") or "" for delta in _deltas(finish="refusal")) == "Let me look."


def test_compatible_servers_have_their_ways() -> None:
    assert [call["index"] for call in _calls(odd={"no-index"})] == [None, None]
    assert [call["id"] for call in _calls(odd={"no-id"})] == [None, None]
    assert [(call["index"], call["id"]) for call in _calls(odd={"bare-calls"})] == [(None, None), (None, None)]
    assert [(call["index"], call["id"]) for call in _calls(odd={"same-index"})] == [(0, "call_c1_1"), (0, "call_c1_2")]
    assert [call["function"]["arguments"] for call in _calls(odd={"dict-arguments"})] == [{"x": "long enough"}, {}]
    assert _whole(odd={"stop-with-calls"})["choices"][0]["finish_reason"] == "stop"
    assert _whole(odd={"unknown-stop"})["choices"][0]["finish_reason"] == "brand_new_reason"
    assert "usage" not in _whole(odd={"no-usage"})
    assert not any(chunk.get("usage") for chunk in _chunks(odd={"no-usage"}, wants={"usage"}))


def test_gemini_signs_the_first_call_of_a_reply() -> None:
    request = Request("gemini-3", "", ())
    of = told(_ALL, finish="tool_calls")
    signed = Told(Ask(request, stream=True), of.reply, of.number)
    first, second = CHAT.whole(signed)["choices"][0]["message"]["tool_calls"]
    assert first["extra_content"] == {"google": {"thought_signature": thought_signature("call_c1_1")}}
    assert "extra_content" not in second


def test_arguments_that_are_no_json_are_no_object_either() -> None:
    broken = Message("assistant", (ToolCall("c1_1", "a__b", "{'x'"),))
    call = CHAT.whole(told(broken, odd={"dict-arguments"}))["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == "{'x'"


def test_an_error_amid_a_stream_has_the_apis_form() -> None:
    complaint = Complaint(500, "server", "Broke.")
    (event,) = CHAT.interrupted(complaint, "r")
    assert (event.name, event.data) == (None, CHAT.error(complaint, "r"))
    assert CHAT.counted(3) == {"input_tokens": 3}
