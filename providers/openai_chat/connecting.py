"""A client of OpenAI's SDK that speaks Chat Completions, as a provider. Such endpoints don't count beforehand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from providers import Connected
from providers.openai_chat.decoding import ChatDecoder
from providers.openai_chat.encoding import encoded, tools_of
from providers.openai_chat.profiles import PROFILES
from providers.reply import ProviderError
from providers.request import Endpoint, Request, ToolSpec
from providers.wire.backend import Backend, Format, Home, origin_of, who_is
from providers.wire.line import Line
from providers.wire.openai_client import openai_client
from providers.wire.remembered import remembered

__all__ = ["connect"]


class ChatBackend(Backend):
    """Streams replies."""

    def __init__(self, endpoint: Endpoint, client: Any) -> None:
        profile = PROFILES[endpoint.profile]
        home = Home(endpoint.profile, profile.base_url)

        @remembered
        def tools(specs: Sequence[ToolSpec]) -> list[dict[str, Any]]:
            return tools_of(specs, profile)

        def encode(request: Request) -> dict[str, Any]:
            return encoded(request, origin_of(endpoint, request, home), profile, tools(request.tools))

        def decoder(request: Request) -> ChatDecoder:
            return ChatDecoder(request, origin_of(endpoint, request, home), profile)

        super().__init__(Line(client, who_is(endpoint)), Format("/chat/completions", encode, decoder), endpoint.extra)


def connect(endpoint: Endpoint) -> Connected:
    """A backend that speaks Chat Completions. Raises ProviderError for an endpoint that can't be one.

    A profile knows where it is found; an endpoint without one needs a `base_url`. Azure is OpenAI's own.
    """
    profile = endpoint.profile or ("openai" if endpoint.host != "direct" else "")
    if profile not in PROFILES:
        known = ", ".join(f"`{name}`" for name in PROFILES if name)
        raise who_is(endpoint).says(ProviderError("bad_request", f"`{profile}` is no profile; known: {known}"))
    url = endpoint.base_url or (PROFILES[profile].base_url if endpoint.host == "direct" else None)
    if url is None and endpoint.host == "direct":
        raise who_is(endpoint).says(ProviderError("bad_request", "there is neither a base URL nor a profile"))
    placed = replace(endpoint, base_url=url, profile=profile)
    return ChatBackend(placed, openai_client(placed))
