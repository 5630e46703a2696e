"""The server, asked over sockets by clients that we did not write: the SDKs of Anthropic and OpenAI."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from providers.fake import HEADER, FakeModel, greeting
from providers.scripted.faults import parsed
from tests.fixtures.fake import ANTHROPIC_BODY, CHAT_BODY, RESPONSES_BODY, played

_STEPS = """
  - think: Hm. Well.
    say: Let me look.
    call: {tool: shop/look, args: {sku: "A long name", n: 3}}
  - say: "There are ${results[0]}."
"""
_USER: Any = {"role": "user", "content": "go"}
_BODIES = {
    "/v1/messages": ANTHROPIC_BODY,
    "/v1/responses": RESPONSES_BODY,
    "/v1/chat/completions": CHAT_BODY,
}
_HEADERS = {"authorization": "Bearer k", "anthropic-version": "2026-10-21"}
PATHS = tuple(_BODIES)


def _run(scenario: Callable[[FakeModel], Awaitable[None]], fake: FakeModel | None = None) -> None:
    async def whole() -> None:
        async with (fake or FakeModel(played(_STEPS))).listening() as listening, asyncio.timeout(30):
            await scenario(listening)

    asyncio.run(whole())


@asynccontextmanager
async def _client(fake: FakeModel) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=fake.url, headers=_HEADERS, timeout=30) as client:
        yield client


def test_anthropics_sdk_holds_a_conversation() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=fake.url, max_retries=0) as client:
            asked: dict[str, Any] = {
                "model": "m",
                "max_tokens": 100,
                "tools": [{"name": "shop__look", "input_schema": {"type": "object"}}],
                "thinking": {"type": "adaptive"},
            }
            whole = await client.messages.create(messages=[_USER], **asked)
            async with client.messages.stream(messages=[_USER], **asked) as stream:
                streamed = await stream.get_final_message()
            thinking, text, call = (block.model_dump(exclude_none=True) for block in whole.content)
            assert [block.model_dump(exclude_none=True) for block in streamed.content] == [thinking, text, call]
            assert (text["text"], call["input"]) == ("Let me look.", {"sku": "A long name", "n": 3})
            answered = {"type": "tool_result", "tool_use_id": call["id"], "content": "7"}
            reply: Any = {"role": "assistant", "content": [thinking, text, call]}
            said: Any = [_USER, reply, {"role": "user", "content": [answered]}]
            last = await client.messages.create(messages=said, **asked)
            assert last.content[0].model_dump()["text"] == "There are 7."
            del asked["max_tokens"]
            assert (await client.messages.count_tokens(messages=said, **asked)).input_tokens > 50
            assert [model.id async for model in client.models.list()] == ["fake-model"]

    _run(scenario)


def test_openais_sdk_holds_a_conversation_by_responses() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{fake.url}/v1", max_retries=0) as client:
            tool = {"type": "function", "name": "shop__look", "parameters": {"type": "object"}, "strict": False}
            asked: dict[str, Any] = {
                "model": "gpt-6",
                "tools": [tool],
                "store": False,
                "include": ["reasoning.encrypted_content"],
                "reasoning": {"summary": "auto"},
            }
            whole = await client.responses.create(input="go", **asked)
            async with client.responses.stream(input="go", **asked) as stream:
                streamed = await stream.get_final_response()
            assert streamed.output_text == whole.output_text == "Let me look."
            items: list[Any] = [item.model_dump(exclude_none=True) for item in whole.output]
            assert json.loads(items[-1]["arguments"]) == {"sku": "A long name", "n": 3}
            answered = {"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "7"}
            said: Any = [_USER, *items, answered]
            assert (await client.responses.create(input=said, **asked)).output_text == "There are 7."
            assert (await client.responses.input_tokens.count(model="gpt-6", input=said)).input_tokens > 50

    _run(scenario)


def test_openais_sdk_holds_a_conversation_by_chat_completions() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{fake.url}/v1", max_retries=0) as client:
            tool = {"type": "function", "function": {"name": "shop__look", "parameters": {"type": "object"}}}
            asked: dict[str, Any] = {"model": "qwen", "tools": [tool]}
            whole = (await client.chat.completions.create(messages=[_USER], **asked)).choices[0].message
            async with client.chat.completions.stream(messages=[_USER], **asked) as stream:
                streamed = (await stream.get_final_completion()).choices[0].message
            reply = whole.model_dump(exclude_none=True, exclude={"annotations"})
            assert streamed.content == reply["content"] == "Let me look."
            assert json.loads(reply["tool_calls"][0]["function"]["arguments"]) == {"sku": "A long name", "n": 3}
            answered = {"role": "tool", "tool_call_id": reply["tool_calls"][0]["id"], "content": "7"}
            said: Any = [_USER, reply, answered]
            last = await client.chat.completions.create(messages=said, **asked)
            assert last.choices[0].message.content == "There are 7."
            assert [model.id async for model in client.models.list()] == ["fake-model"]

    _run(scenario)


@pytest.mark.parametrize("path", PATHS)
def test_a_header_names_the_fault_of_one_request(path: str) -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            failed = await client.post(path, json=_BODIES[path], headers={HEADER: "429 retry_after=900"})
            assert (failed.status_code, failed.headers["retry-after"]) == (429, "900")
            assert (await client.post(path, json=_BODIES[path])).status_code == 200
            mistaken = await client.post(path, json=_BODIES[path], headers={HEADER: "nonsense"})
            assert mistaken.status_code == 400
            assert "there is no fault `nonsense`" in mistaken.text

    _run(scenario)


def test_a_fault_of_the_server_befalls_each_conversation_as_often_as_it_says() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            other = {**CHAT_BODY, "model": "other"}
            bodies = [CHAT_BODY, other, CHAT_BODY, other]
            answers = [await client.post("/v1/chat/completions", json=body) for body in bodies]
            assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
            spared = await client.post("/v1/chat/completions", json={**CHAT_BODY, "model": "x"}, headers={HEADER: ""})
            assert spared.status_code == 200

    _run(scenario, FakeModel(played(_STEPS), fault=parsed("503 times=1")))


def test_what_was_asked_can_be_read_and_forgotten() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            await client.post("/v1/chat/completions", json=CHAT_BODY)
            await client.post("/v1/chat/completions", json={"model": 7})
            await fake.record.until(2)
            fine, bad = (await client.get("/fake/requests")).json()["requests"]
            assert (fine["format"], fine["body"], fine["status"], fine["ended"]) == ("chat", CHAT_BODY, 200, "whole")
            assert fine["headers"]["authorization"] == "Bearer ***"
            assert (bad["status"], "messages" in bad["error"]) == (400, True)
            await client.delete("/fake/requests")
            assert (await client.get("/fake/requests")).json() == {"requests": []}
            assert (await client.get("/fake/nothing")).status_code == 404

    _run(scenario)


def test_a_test_can_have_everything_fail_from_now_on() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            assert (await client.put("/fake/fault", content="nonsense")).status_code == 400
            await client.put("/fake/fault", content="529")
            assert (await client.post("/v1/responses", json=RESPONSES_BODY)).status_code == 529
            await client.put("/fake/fault", content="")
            assert (await client.post("/v1/responses", json=RESPONSES_BODY)).status_code == 200

    _run(scenario)


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_goes_amid_a_stream_is_seen_to_go(path: str) -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            body = {**_BODIES[path], "stream": True}
            async with client.stream("POST", path, json=body, headers={HEADER: "hang after=2"}) as response:
                await anext(response.aiter_bytes())
        (heard,) = await fake.record.until(1)
        assert (heard.ended, heard.events, heard.fault) == ("left", 2, "hang")

    _run(scenario)


def test_a_client_that_goes_while_the_model_thinks_is_seen_to_go() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            asking = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT_BODY))
            await fake.record.begun(1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        (heard,) = await fake.record.until(1)
        assert (heard.ended, heard.events) == ("left", 0)

    _run(scenario, FakeModel(played("  - {say: x, delay_ms: 3600000, repeat: 2}")))


def test_models_are_there_by_name_and_unknown_ones_are_not() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            assert (await client.get("/v1/models/a")).json()["id"] == "a"
            missing = await client.get("/v1/models/x")
            assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
            assert (await client.get("/v1/nothing")).status_code == 404
            assert (await client.get("/v1/messages")).status_code == 405

    _run(scenario, FakeModel(played(_STEPS), models=("a", "b")))


def test_without_a_key_there_is_no_answer() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with httpx2.AsyncClient(base_url=fake.url) as client:
            assert (await client.post("/v1/responses", json=RESPONSES_BODY)).status_code == 401

    _run(scenario)


def test_without_a_script_it_says_one_sentence_to_whatever_it_is_asked() -> None:
    async def scenario(fake: FakeModel) -> None:
        async with _client(fake) as client:
            answer = (await client.post("/v1/chat/completions", json=CHAT_BODY)).json()
            assert answer["choices"][0]["message"]["content"] == "Hello from a fake model."

    _run(scenario, FakeModel(greeting()))


def test_a_fake_on_ipv6_says_where_it_is() -> None:
    async def scenario() -> str:
        async with FakeModel(greeting()).listening("::1") as fake:
            return fake.url

    try:
        url = asyncio.run(scenario())
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert url.startswith("http://[::1]:")
