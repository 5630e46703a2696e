"""What every SDK's client is made with: our HTTP client, no retries, and nothing that the environment says."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

import httpx2

from providers.reply import ProviderError
from providers.request import Endpoint
from providers.wire.backend import who_is
from providers.wire.failures import failed

__all__ = ["MOST_OF_AN_ERROR", "made"]

MOST_OF_AN_ERROR = 64 * 1024  # bytes: what is said in more is not for us
_PATIENCE = 10.0  # seconds for what an error says; its status is known

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
    hooks = {"response": [*([_telling(endpoint.heard)] if endpoint.heard else ()), _refusing]}
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


async def _refusing(response: httpx2.Response) -> None:
    """Raises ProviderError for an error's status: the SDKs would read all that comes with it, however much."""
    if not response.is_success:
        raise failed(response.status_code, response.headers, _read(await _said(response)))


async def _said(response: httpx2.Response) -> bytes:
    """The beginning of a body: what came in time, and is not too much."""
    said = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in response.aiter_bytes(MOST_OF_AN_ERROR):
                said += chunk
                if len(said) >= MOST_OF_AN_ERROR:
                    break
    except (TimeoutError, httpx2.HTTPError):
        pass
    return bytes(said[:MOST_OF_AN_ERROR])


def _read(body: bytes) -> Any:
    """As JSON, or as the text that it is."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
