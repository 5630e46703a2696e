"""A request as Chat Completions want it: whatever the conversation, the SDK's types and the API's rules hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from providers import File, Image, Message, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.fake.chat import CHAT
from providers.openai_chat import PROFILES
from providers.openai_chat.encoding import encoded, tools_of
from tests.providers.conversations import ORIGIN, Types, requests

TYPES = Types(CompletionCreateParamsStreaming)
LOOK = ToolSpec("shop__look", "Looks.", {"type": "object"})
PICTURE = {"type": "image", "mimeType": "image/png", "data": "aGk="}


def said(*messages: Message, profile: str = "", model: str = "local", **more: Any) -> dict[str, Any]:
    request = Request(model, "Be brief.", messages, **more)
    return encoded(request, ORIGIN, PROFILES[profile], tools_of(request.tools, PROFILES[profile]))


def user(text: str) -> Message:
    return Message("user", (Text(text),))


@given(requests(), st.sampled_from(["openai", "groq", "ollama", "mistral", "moonshot"]))
def test_any_conversation_is_a_request_that_their_types_and_their_rules_accept(request: Request, profile: str) -> None:
    tools = tools_of(request.tools, PROFILES[profile])
    sent = json.loads(json.dumps(encoded(request, ORIGIN, PROFILES[profile], tools), ensure_ascii=False).encode())
    TYPES.accept(sent)
    if profile == "openai" or not sent["model"].startswith("gpt"):
        CHAT.read(sent)


@given(requests(), st.sampled_from(sorted(PROFILES)))
def test_any_conversation_can_be_written_for_every_profile(request: Request, profile: str) -> None:
    tools = tools_of(request.tools, PROFILES[profile])
    body = json.loads(json.dumps(encoded(request, ORIGIN, PROFILES[profile], tools), ensure_ascii=False).encode())
    for message in body["messages"]:
        for call in message.get("tool_calls", ()):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


def test_a_request_says_what_is_asked() -> None:
    body = said(user("Hi"), tools=(LOOK,), max_output_tokens=99, stop=("END",), parallel=False, cache_key="run-1")
    assert body == {
        "model": "local",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 99,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["END"],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "shop__look",
                    "description": "Looks.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
    }


def test_openai_itself_takes_more() -> None:
    body = said(user("Hi"), profile="openai", max_output_tokens=99, parallel=False, cache_key="run-1", tools=(LOOK,))
    assert (body["max_completion_tokens"], body["messages"][0]["role"]) == (99, "developer")
    assert (body["parallel_tool_calls"], body["prompt_cache_key"]) == (False, "run-1")


@pytest.mark.parametrize(
    ("profile", "choice", "written"),
    [
        ("openai", "any", "required"),
        ("mistral", "any", "required"),
        ("ollama", "any", None),
        ("openai", "none", "none"),
        ("openai", "shop__look", {"type": "function", "function": {"name": "shop__look"}}),
        ("lmstudio", "shop__look", "required"),
        ("moonshot", "shop__look", None),
    ],
)
def test_a_tool_is_demanded_in_the_words_of_the_profile(profile: str, choice: str, written: Any) -> None:
    assert said(user("Hi"), profile=profile, tools=(LOOK,), tool_choice=choice).get("tool_choice") == written


@pytest.mark.parametrize(
    ("profile", "model", "effort"),
    [
        ("groq", "gpt-oss", {"reasoning_effort": "high"}),
        ("openrouter", "any", {"reasoning": {"effort": "high"}}),
        ("vllm", "any", {}),
        ("openai", "gpt-6-sol", {"reasoning_effort": "none"}),
        ("openai", "gpt-5.2", {"reasoning_effort": "high"}),
    ],
)
def test_effort_is_asked_for_where_there_is_a_word_for_it(profile: str, model: str, effort: dict[str, Any]) -> None:
    body = said(user("Hi"), profile=profile, model=model, effort="high", tools=(LOOK,))
    assert {name: value for name, value in body.items() if name.startswith("reasoning")} == effort


@pytest.mark.parametrize(("profile", "most"), [("openai", "max"), ("openrouter", "xhigh"), ("gemini", "high")])
def test_the_most_effort_is_the_most_that_there_is_a_word_for(profile: str, most: str) -> None:
    body = said(user("Hi"), profile=profile, effort="max")
    assert most in (body.get("reasoning_effort"), body.get("reasoning", {}).get("effort"))


def test_an_answer_has_the_form_that_is_asked_for() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    written = said(user("Hi"), output_schema=schema)["response_format"]
    assert written == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": False}}
    assert said(user("Hi"), profile="deepseek", output_schema=schema)["response_format"] == {"type": "json_object"}


def test_images_that_tools_returned_follow_their_results() -> None:
    calls = Message("assistant", (ToolCall("a", "x", "{}"), ToolCall("b", "x", "[")))
    results = Message("tool", (ToolResult("b", [PICTURE]), ToolResult("a", [{"type": "text", "text": "1"}], True)))
    said_call, first, second, pictures = said(user("Hi"), calls, results)["messages"][2:]
    assert said_call["tool_calls"][1]["function"]["arguments"] == '{"malformed_arguments": "["}'
    assert (first["content"], second["content"]) == ("Error: 1", "(image: it follows the results)")
    assert pictures["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def test_what_can_not_be_seen_is_described() -> None:
    parts = (Image("image/png", "aGk="), File("a.pdf", "application/pdf", "aGk="), Text("What is this?"))
    content = said(Message("user", parts), profile="deepseek")["messages"][1]["content"]
    assert content == (
        "(image, image/png, 0.0 kB: it can't be shown)\n\n"
        "(file `a.pdf`, application/pdf, 0.0 kB: it can't be shown)\n\n"
        "What is this?"
    )


def test_gemini_gets_its_signatures_back_and_a_word_for_calls_that_it_did_not_make() -> None:
    own = {"extra_content": {"google": {"thought_signature": "AbC/="}}}
    reply = Message("assistant", (ToolCall("a", "x", "{}", {ORIGIN: own}), ToolCall("b", "x", "{}")))
    theirs = Message("assistant", (ToolCall("c", "x", "{}"), ToolCall("d", "x", "{}")))
    messages = said(user("Hi"), reply, theirs, profile="gemini")["messages"]
    first, second = messages[2]["tool_calls"]
    assert first["extra_content"] == own["extra_content"]
    assert "extra_content" not in second
    third, fourth = messages[5]["tool_calls"]
    assert third["extra_content"] == {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert "extra_content" not in fourth


def test_what_was_thought_goes_back_where_it_is_wanted_and_only_as_long_as_the_turn_lasts() -> None:
    thought = Thinking("Hm.", {ORIGIN: {}})
    step = Message("assistant", (thought, ToolCall("a", "x", "{}"))), Message("tool", (ToolResult("a", []),))
    messages = said(user("Hi"), *step, user("And?"), *step, profile="deepseek")["messages"]
    assert [message.get("reasoning_content") for message in messages if message["role"] == "assistant"] == [None, "Hm."]
    assert "Hm." not in json.dumps(said(user("Hi"), *step, profile="vllm"))


def test_reasoning_details_go_back_as_they_came() -> None:
    details = [{"type": "reasoning.encrypted", "data": "gAAA=", "index": 0}]
    reply = Message("assistant", (Thinking("Hm.", {ORIGIN: {"reasoning_details": details}}), Text("Yes.")))
    assert said(user("Hi"), reply, user("So?"), profile="openrouter")["messages"][2]["reasoning_details"] == details


def test_mistral_has_ids_of_nine_letters() -> None:
    calls = Message("assistant", (ToolCall("toolu_01", "x", "{}"),))
    _, call, result = said(user("Hi"), calls, profile="mistral")["messages"][1:]
    assert len(call["tool_calls"][0]["id"]) == 9
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]


def test_where_the_user_may_not_speak_behind_a_tool_the_assistant_does_in_between() -> None:
    calls = Message("assistant", (ToolCall("c1", "x", "{}"),))
    results = Message("tool", (ToolResult("c1", ({"type": "text", "text": "1"},)),))
    roles = [each["role"] for each in said(user("Hi"), calls, results, user("Go on"), profile="mistral")["messages"]]
    assert roles[-4:] == ["assistant", "tool", "assistant", "user"]
    roles = [each["role"] for each in said(user("Hi"), calls, results, user("Go on"), profile="groq")["messages"]]
    assert roles[-3:] == ["assistant", "tool", "user"]


def test_gemini_is_told_schemas_in_the_words_that_it_knows() -> None:
    odd = ToolSpec(
        "t", "", {"type": "object", "properties": {"n": {"type": ["integer", "null"], "exclusiveMinimum": 0}}}
    )
    body = said(user("Hi"), profile="gemini", tools=(odd,))
    assert body["tools"][0]["function"]["parameters"]["properties"]["n"] == {"type": "integer", "nullable": True}


@pytest.mark.parametrize(
    ("profile", "schema", "tools", "form"),
    [
        ("openai", {"type": "array"}, (), None),
        ("deepseek", {"type": "object"}, (), {"type": "json_object"}),
        ("deepseek", {"type": "array"}, (), None),
        ("gemini", {"type": "object"}, (LOOK,), None),
    ],
)
def test_a_form_that_can_not_be_given_is_asked_for_in_words(profile: str, schema: Any, tools: Any, form: Any) -> None:
    body = said(user("Hi"), profile=profile, tools=tools, output_schema=schema)
    assert body.get("response_format") == form
    assert body["messages"][0]["content"].endswith(json.dumps(schema))


def test_where_the_form_is_given_nothing_is_said_of_it() -> None:
    body = said(user("Hi"), profile="gemini", output_schema={"type": "object"})
    assert body["response_format"]["type"] == "json_schema"
    assert "JSON Schema" not in json.dumps(body["messages"])
