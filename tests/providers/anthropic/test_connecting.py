"""A provider for Anthropic's Messages: on a real socket, and through the SDK's own clients elsewhere."""

import asyncio
from typing import Any

import pytest

from providers import Endpoint, Finished, ProviderError, ToolSpec
from providers.anthropic import connect
from providers.anthropic.connecting import AnthropicBackend
from providers.fake import FakeModel
from providers.scripted import ScriptedProvider
from providers.scripted.script import parsed
from tests.providers.serving import asked, events, head, serving

SCRIPT = "steps: [{think: Hm., say: Hello., call: {tool: shop/look, args: {sku: ü}}, usage: {input: 7, output: 5}}]"
LOOK = ToolSpec("shop__look", "", {"type": "object"})


def test_a_script_is_heard_and_counted() -> None:
    async def scenario() -> Any:
        async with FakeModel(ScriptedProvider(parsed(SCRIPT, "s"))).listening() as fake:
            provider = connect(Endpoint("anthropic", "sk-hush-hush", fake.url))
            assert isinstance(provider, AnthropicBackend)
            request = asked(tools=(LOOK,), effort="high")
            *_, last = await events(provider, request)
            assert await provider.count(request) > 0
            await provider.aclose()
            assert isinstance(last, Finished)
            return last.reply

    reply = asyncio.run(scenario())
    assert (reply.message.text, reply.finish, reply.usage.total) == ("Hello.", "tool_calls", 12)
    assert reply.message.tool_calls[0].arguments == '{"sku": "ü"}'


def test_nothing_comes_from_the_environment_and_no_trace_goes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ambient = {
        "ANTHROPIC_API_KEY": "sk-ambient",
        "ANTHROPIC_AUTH_TOKEN": "token-ambient",
        "ANTHROPIC_BASE_URL": "https://ambient.example",
        "ANTHROPIC_CUSTOM_HEADERS": "x-ambient: yes",
        "ANTHROPIC_OPEN_TELEMETRY": "true",
    }
    for name, value in ambient.items():
        monkeypatch.setenv(name, value)

    async def scenario() -> str:
        async with serving(head(500)) as served:
            provider: Any = connect(Endpoint("anthropic", "sk-hush-hush", served.url, {"x-mine": "yes"}))
            assert provider._line.client._tracer is None  # noqa: SLF001 - spans go nowhere here, so that none is seen
            with pytest.raises(ProviderError):
                await events(provider)
            await provider.aclose()
            (top, _) = served.requests[0]
            return top.lower()

    top = asyncio.run(scenario())
    assert "authorization: bearer sk-hush-hush" in top
    assert "x-mine: yes" in top
    assert "ambient" not in top
    assert "traceparent" not in top


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_a_url_may_end_as_those_of_others_do(end: str) -> None:
    async def scenario() -> str:
        async with serving(head(500)) as served:
            provider = connect(Endpoint("anthropic", "sk-hush-hush", f"{served.url}/there{end}"))
            with pytest.raises(ProviderError):
                await events(provider)
            await provider.aclose()
            return served.requests[0][0].partition("\r\n")[0]

    assert asyncio.run(scenario()) == "POST /there/v1/messages HTTP/1.1"


def test_the_api_itself_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ambient")
    with pytest.raises(ProviderError, match="no API key") as failed:
        connect(Endpoint("anthropic"))
    assert failed.value.kind == "auth"


@pytest.mark.parametrize(
    ("endpoint", "client"),
    [
        (Endpoint("a", "hush", host="azure", options={"resource": "mine"}), "AsyncAnthropicFoundry"),
        (Endpoint("b", "hush", host="bedrock", options={"aws_region": "eu-west-1"}), "AsyncAnthropicBedrockMantle"),
        (Endpoint("v", "hush", host="vertex", options={"region": "global", "project_id": "p"}), "AsyncAnthropicVertex"),
    ],
)
def test_elsewhere_it_is_asked_through_the_sdk_s_own_client(endpoint: Endpoint, client: str) -> None:
    provider: Any = connect(endpoint)
    assert type(provider._line.client).__name__ == client  # noqa: SLF001 - which of them it is shows nowhere else


def test_what_a_host_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_ML_REGION", raising=False)
    with pytest.raises(ProviderError, match=r"can't be set up.*region"):
        connect(Endpoint("v", host="vertex"))
