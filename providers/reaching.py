"""Whether an endpoint answers, takes our key, and knows a model: its list of models is asked for, which costs nothing.

All three wire formats have the same list: `GET /models` answers `{"data": [{"id": ...}]}`. Anthropic's comes in pages.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2

from providers import Endpoint, ProviderError, ProviderErrorKind

__all__ = ["MOST", "reached"]

_AT = {"anthropic": "https://api.anthropic.com/v1", "openai": "https://api.openai.com/v1"}
_VERSION = {"anthropic-version": "2026-10-21"}
_KINDS: Mapping[int, ProviderErrorKind] = {401: "auth", 403: "permission", 429: "rate_limit", 529: "overloaded"}
_NO_LIST = frozenset({404, 405, 501})
MOST_PAGES = 20  # of one list
_PAGE = 1000  # models on one of Anthropic's
MOST = 8 * 1024 * 1024  # bytes of a list of models


async def reached(provider: str, endpoint: Endpoint, seconds: float = 10.0) -> frozenset[str] | None:
    """The names of the endpoint's models; None where it answers and has no such list. Raises ProviderError.

    `seconds` is for all of it. Of an answer no more than `MOST` bytes are read, and nothing that comes with an error.
    """
    headers = {**endpoint.headers, **({"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {})}
    headers |= _VERSION if provider == "anthropic" else {}
    try:
        async with asyncio.timeout(seconds):
            return await _listed(provider, endpoint, headers)
    except TimeoutError:
        raise ProviderError("timeout", f"no answer within {seconds:g} s") from None
    except httpx2.HTTPError as error:
        raise ProviderError("network", f"it can't be reached ({type(error).__name__})") from None


async def _listed(provider: str, endpoint: Endpoint, headers: Mapping[str, str]) -> frozenset[str] | None:
    """All pages of it, up to 20."""
    found: frozenset[str] = frozenset()
    after = ""
    for _ in range(MOST_PAGES):
        status, body = await _asked(_url(provider, endpoint, after), headers)
        if status in _NO_LIST and not after:
            return None
        if status != 200:
            raise _refused(status)
        names, last = _page(body)
        found, after = found | names, last if provider == "anthropic" else ""
        if not after:
            return found
    raise ProviderError("protocol", f"its list of models has more than {MOST_PAGES} pages")


async def _asked(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """The status, and the body if it is a list's."""
    body = bytearray()
    async with (
        httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        if answer.status_code == 200:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MOST:
                    raise ProviderError("protocol", f"its list of models is longer than {MOST} bytes")
        return answer.status_code, bytes(body)


def _url(provider: str, endpoint: Endpoint, after: str) -> str:
    """Anthropic's SDK adds the version to the address itself, and takes one that has it already."""
    if provider == "anthropic":
        base = (endpoint.base_url or _AT[provider]).rstrip("/").removesuffix("/v1")
        page = {"limit": _PAGE} | ({"after_id": after} if after else {})
        return f"{base}/v1/models?{urlencode(page)}"
    return f"{(endpoint.base_url or _AT.get(provider, '')).rstrip('/')}/models"


def _refused(status: int) -> ProviderError:
    kind = _KINDS.get(status, "server" if status >= 500 else "protocol")
    why = {"auth": "it does not take the key", "permission": "the key may not ask it"}.get(kind, "it refuses")
    return ProviderError(kind, f"{why} (HTTP {status})", status=status)


def _page(body: bytes) -> tuple[frozenset[str], str]:
    """The names, and behind which the next page begins; nothing where this is the last one."""
    try:
        said: Any = json.loads(body)
        names = frozenset(str(each["id"]).removeprefix("models/") for each in said["data"])  # as Gemini writes them
        last = said.get("last_id") if said.get("has_more") is True else None
        return names, last if isinstance(last, str) else ""
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ProviderError("protocol", "what it answers is no list of models: is the URL right?") from None
