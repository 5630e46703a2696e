"""A client of OpenAI's SDK that speaks Responses, as a provider."""

from typing import Any

from providers import Connected
from providers.openai_responses.decoding import ResponsesDecoder
from providers.openai_responses.encoding import encoded
from providers.request import Endpoint, Request
from providers.wire.backend import Backend, Counter, Format, Home, origin_of, who_is
from providers.wire.line import Line
from providers.wire.openai_client import OPENAI, openai_client

__all__ = ["connect"]

_HOME = Home("openai", OPENAI)
_COUNTED = frozenset(
    {"input", "instructions", "model", "parallel_tool_calls", "reasoning", "text", "tool_choice", "tools"}
)


class ResponsesBackend(Backend):
    """Streams replies, and counts."""

    def __init__(self, endpoint: Endpoint, client: Any) -> None:
        line = Line(client, who_is(endpoint))

        def encode(request: Request) -> dict[str, Any]:
            return encoded(request, origin_of(endpoint, request, _HOME))

        def decoder(request: Request) -> ResponsesDecoder:
            return ResponsesDecoder(request, origin_of(endpoint, request, _HOME))

        super().__init__(line, Format("/responses", encode, decoder), endpoint.extra)
        self._counter = Counter(line, "/responses/input_tokens", encode, _COUNTED)

    async def count(self, request: Request) -> int:
        """The input tokens of a request, cached ones included. Raises ProviderError."""
        return await self._counter.count(request)


def connect(endpoint: Endpoint) -> Connected:
    """A backend that speaks Responses. Raises ProviderError for an endpoint that can't be one."""
    return ResponsesBackend(endpoint, openai_client(endpoint))
