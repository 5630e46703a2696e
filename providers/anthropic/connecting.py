"""A client of Anthropic's SDK, as a provider. The SDK takes a second and more to load, and is loaded here only."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from providers import Connected
from providers.anthropic.decoding import MessagesDecoder
from providers.anthropic.encoding import encoded
from providers.anthropic.pausing import Turn
from providers.reply import Finished, ProviderError, StreamEvent
from providers.request import Endpoint, Request
from providers.wire.backend import Backend, Counter, Format, Home, origin_of, who_is
from providers.wire.client import made
from providers.wire.line import Line

__all__ = ["connect"]

_BASE_URL = "https://api.anthropic.com"  # said, so that no environment variable says another
_HOME = Home("anthropic", _BASE_URL)
_COUNTED = frozenset({"messages", "model", "system", "tools", "tool_choice", "thinking", "output_config"})
_HOSTS = {"azure": "AsyncAnthropicFoundry", "bedrock": "AsyncAnthropicBedrockMantle", "vertex": "AsyncAnthropicVertex"}


class AnthropicBackend(Backend):
    """Streams replies, and counts."""

    def __init__(self, endpoint: Endpoint, client: Any) -> None:
        line = Line(client, who_is(endpoint))

        def encode(request: Request) -> dict[str, Any]:
            return encoded(request, origin_of(endpoint, request, _HOME))

        def decoder(request: Request) -> MessagesDecoder:
            return MessagesDecoder(request, origin_of(endpoint, request, _HOME))

        super().__init__(line, Format("/v1/messages", encode, decoder), endpoint.extra)
        self._counter = Counter(line, "/v1/messages/count_tokens", encode, _COUNTED)
        self._endpoint = endpoint

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        """As of any backend; a reply that pauses is asked to go on, and is one."""
        time = asyncio.get_running_loop().time
        end, origin = time() + request.deadlines.total, origin_of(self._endpoint, request, _HOME)
        turn, asked, more = Turn(self._body(request), origin, request.most_input), request, True
        while more:
            more, decoder = False, MessagesDecoder(request, origin)
            async with aclosing(self._streamed(asked, decoder, turn.body)) as events:
                async for event in events:
                    if isinstance(event, Finished) and turn.goes_on(event.reply, decoder.container):
                        more = True
                    elif (told := turn.told(event)) is not None:
                        yield told
            asked = replace(request, deadlines=replace(request.deadlines, total=end - time()))

    async def count(self, request: Request) -> int:
        """The input tokens of a request, cached ones included. Raises ProviderError."""
        return await self._counter.count(request)


def connect(endpoint: Endpoint) -> Connected:
    """A backend that speaks Messages. Raises ProviderError for an endpoint that can't be one."""
    return AnthropicBackend(endpoint, _client(endpoint))


def _client(endpoint: Endpoint) -> Any:
    import anthropic

    if endpoint.host != "direct":
        keyed = {"api_key": endpoint.api_key} if endpoint.api_key else {}
        placed = {"base_url": endpoint.base_url} if endpoint.base_url else {}
        client = getattr(anthropic, _HOSTS[endpoint.host])
        return made(endpoint, client, open_telemetry=False, **_of_vertex(endpoint, keyed), **placed)
    if not endpoint.api_key:
        raise who_is(endpoint).says(ProviderError("auth", "there is no API key"))
    return made(
        endpoint,
        anthropic.AsyncAnthropic,
        api_key=endpoint.api_key,
        base_url=(endpoint.base_url or _BASE_URL).rstrip("/").removesuffix("/v1"),  # the SDK's paths begin with it
        open_telemetry=False,
    )


def _of_vertex(endpoint: Endpoint, keyed: dict[str, str]) -> dict[str, str]:
    """Vertex calls its key a token."""
    return {"access_token": keyed["api_key"]} if endpoint.host == "vertex" and keyed else keyed
