"""What every SDK's client is made with: our HTTP client, no retries, and nothing that the environment says."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import httpx2

from providers.reply import ProviderError
from providers.request import Endpoint
from providers.wire.backend import who_is

__all__ = ["made"]

_TIMEOUT = httpx2.Timeout(None, connect=15.0)  # all else is up to the deadlines of a request
_LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom we trust: to read that takes a tenth of a second, once."""
    return httpx2.create_ssl_context()


def made(endpoint: Endpoint, client: Callable[..., Any], **how: Any) -> Any:
    """The SDK's client. Raises ProviderError if the SDK can't make one out of the endpoint's options.

    Redirects are not followed: a header that holds a key would go along.
    """
    hooks = {"response": [_telling(endpoint.heard)]} if endpoint.heard else {}
    http = httpx2.AsyncClient(
        timeout=_TIMEOUT, limits=_LIMITS, follow_redirects=False, verify=_trusted(), event_hooks=hooks
    )
    ours = {"max_retries": 0, "http_client": http, "timeout": _TIMEOUT, "default_headers": dict(endpoint.headers)}
    try:
        built = client(**how, **endpoint.options, **ours)
    except Exception as error:  # noqa: BLE001 - a word that it does not know, a region that is missing, a package
        why = ProviderError("bad_request", f"this endpoint can't be set up: {error}")
        raise who_is(endpoint).says(why) from None
    if endpoint.host == "direct":
        built._custom_headers = dict(endpoint.headers)  # noqa: SLF001 - else an environment variable adds to them
    return built


def _telling(heard: Callable[[Mapping[str, str]], None]) -> Callable[[httpx2.Response], Awaitable[None]]:
    async def tell(response: httpx2.Response) -> None:
        heard(response.headers)

    return tell
