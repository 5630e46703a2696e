"""A provider for Responses, on a real socket."""

import asyncio
from typing import Any

from providers import Endpoint, Finished, ToolSpec
from providers.fake import FakeModel
from providers.openai_responses import connect
from providers.openai_responses.connecting import ResponsesBackend
from providers.scripted import ScriptedProvider
from providers.scripted.script import parsed
from tests.providers.serving import asked, events

SCRIPT = "steps: [{think: Hm., say: Hello., call: {tool: shop/look, args: {sku: ü}}, usage: {input: 7, output: 5}}]"
LOOK = ToolSpec("shop__look", "", {"type": "object"})


def test_a_script_is_heard_and_counted() -> None:
    async def scenario() -> Any:
        async with FakeModel(ScriptedProvider(parsed(SCRIPT, "s"))).listening() as fake:
            provider = connect(Endpoint("openai", "sk-hush-hush", f"{fake.url}/v1"))
            assert isinstance(provider, ResponsesBackend)
            request = asked(tools=(LOOK,), effort="high")
            *_, last = await events(provider, request)
            assert await provider.count(request) > 0
            await provider.aclose()
            assert isinstance(last, Finished)
            return last.reply

    reply = asyncio.run(scenario())
    assert (reply.message.text, reply.finish, reply.usage.total) == ("Hello.", "tool_calls", 12)
    assert reply.message.tool_calls[0].arguments == '{"sku": "ü"}'
