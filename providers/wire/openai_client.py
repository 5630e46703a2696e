"""OpenAI's SDK, for both of its wire formats. It takes half a second to load, and is loaded here only."""

from collections.abc import Mapping
from typing import Any

from providers.reply import ProviderError
from providers.request import Endpoint
from providers.wire.backend import who_is
from providers.wire.client import made

__all__ = ["OPENAI", "openai_client"]

OPENAI = "https://api.openai.com/v1"  # said, so that no environment variable says another
_NO_KEY = "none"  # what a server of one's own is sent that asks for no key


def openai_client(endpoint: Endpoint) -> Any:
    """A client of the SDK. Raises ProviderError for an endpoint that can't be one."""
    import openai

    if endpoint.host == "direct":
        if not endpoint.api_key and endpoint.base_url is None:
            raise who_is(endpoint).says(ProviderError("auth", "there is no API key"))
        key, url = endpoint.api_key or _NO_KEY, endpoint.base_url or OPENAI
        client = made(endpoint, openai.AsyncOpenAI, api_key=key, base_url=url)
        client.organization = endpoint.options.get("organization")  # else environment variables say them
        client.project = endpoint.options.get("project")
        return client
    if endpoint.host == "vertex":
        return made(endpoint, _vertex)
    keyed = {"api_key": endpoint.api_key} if endpoint.api_key else {}
    if endpoint.host == "bedrock":
        return made(endpoint, openai.AsyncBedrockOpenAI, **keyed, **_at(endpoint, "base_url"))
    return made(endpoint, openai.AsyncAzureOpenAI, **keyed, **_at(endpoint, "azure_endpoint"))


def _at(endpoint: Endpoint, name: str) -> Mapping[str, str]:
    return {name: endpoint.base_url} if endpoint.base_url else {}


def _vertex(*, project: str | None = None, location: str | None = None, **how: Any) -> Any:
    import openai
    from openai.providers.vertex import vertex

    return openai.AsyncOpenAI(provider=vertex(project=project, location=location), **how)
