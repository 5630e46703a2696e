"""A provider for compatible endpoints: where it is found, and what it says on a real socket."""

import asyncio
from typing import Any

import pytest

from providers import Endpoint, Finished, ProviderError, ToolSpec
from providers.fake import FakeModel
from providers.openai_chat import connect
from providers.scripted import ScriptedProvider
from providers.scripted.script import parsed
from tests.providers.serving import asked, events

SCRIPT = "steps: [{think: Hm., say: Hello., call: {tool: shop/look, args: {sku: ü}}, usage: {input: 7, output: 5}}]"


def test_a_script_is_heard() -> None:
    async def scenario() -> Any:
        async with FakeModel(ScriptedProvider(parsed(SCRIPT, "s"))).listening() as fake:
            provider = connect(Endpoint("local", "", f"{fake.url}/v1"))
            *_, last = await events(provider, asked(tools=(ToolSpec("shop__look", "", {"type": "object"}),)))
            await provider.aclose()
            assert isinstance(last, Finished)
            return last.reply

    reply = asyncio.run(scenario())
    assert (reply.message.text, reply.finish, reply.usage.total) == ("Hello.", "tool_calls", 12)
    assert reply.message.tool_calls[0].arguments == '{"sku": "ü"}'
    assert not hasattr(connect(Endpoint("local", "", "http://127.0.0.1:1")), "count")


def test_a_profile_says_where_it_is_and_an_endpoint_without_one_must() -> None:
    connect(Endpoint("groq", "gsk_hush", profile="groq"))
    with pytest.raises(ProviderError, match="neither a base URL nor a profile"):
        connect(Endpoint("mine"))


def test_a_profile_that_is_not_known_is_a_failure_that_lists_those_that_are() -> None:
    with pytest.raises(ProviderError, match=r"`grok` is no profile; known: .*`groq`"):
        connect(Endpoint("mine", base_url="http://127.0.0.1:1", profile="grok"))


def test_azure_takes_what_openai_takes() -> None:
    options = {"api_version": "2026-01-01"}
    connect(Endpoint("azure", "hush", "https://my.openai.azure.com", host="azure", options=options))
