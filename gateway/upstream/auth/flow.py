"""One journey to an authorization server, with the MCP SDK's own OAuth providers.

A provider is written to wrap the requests of a client: it holds its lock while one is under way, so calls of one user
would wait for one another, and it logs and raises what servers say. So it is never given a real request. It gets a
stand-in, which nobody sends, and the server's challenge in answer to it; what it asks for on the way (metadata,
registration, tokens) goes out through a client that reaches public addresses only. All of OAuth is the provider's:
discovery, PKCE, state, issuer and resource checks.
"""

import json
import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import LATEST_MODERN_VERSION

__all__ = ["Answer", "AuthFailed", "Journey", "Scratch", "challenged", "error_code"]

# The SDK logs what servers answer, and exceptions that hold the state of a log-in. We say what matters ourselves.
logging.getLogger("mcp.client.auth").setLevel(logging.CRITICAL + 1)

_ERROR_CODE = re.compile(r"[a-z][a-z_]{1,39}")  # RFC 6749 section 5.2 and its registry
_QUOTED = re.compile(r'resource_metadata=(?:"([^"\s]+)"|([^\s,"]+))')
_STATE = "State parameter mismatch"  # the SDK's words, followed by both states


class AuthFailed(Exception):
    """An authorization server, or the way to it, said no. `code` is its own word for it, such as `invalid_grant`.

    Stays in this room: whoever asked for the journey says what it means for him.
    """

    def __init__(self, why: str, code: str = "") -> None:
        self.code = code
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer of an authorization server, without anything that might be a secret."""

    host: str = ""
    status: int = 0
    code: str = ""

    def __str__(self) -> str:
        said = f" `{self.code}`" if self.code else ""
        return f"{self.host} answered HTTP {self.status}{said}"


@dataclass(slots=True)
class Scratch:
    """What a provider stores, in memory (the SDK's `TokenStorage`)."""

    tokens: OAuthToken | None = field(default=None, repr=False)
    client: OAuthClientInformationFull | None = field(default=None, repr=False)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def challenged(request: httpx2.Request, challenge: str, scopes: str) -> httpx2.Response:
    """The server's 401, as the provider is to see it: where its metadata is, and the scopes that the admin wants.

    `challenge` is the WWW-Authenticate header, or empty. RFC 9728 section 5.1.
    """
    found = _QUOTED.search(challenge)
    parts = [f'resource_metadata="{found[1] or found[2]}"'] if found else []
    asked = re.search(r'scope="([^"]*)"', challenge)
    if wanted := scopes or (asked[1] if asked else ""):
        parts.append(f'scope="{wanted}"')
    return httpx2.Response(401, headers={"www-authenticate": "Bearer " + ", ".join(parts)}, request=request)


@dataclass(slots=True)
class Journey:
    """`check` is called before each request, and raises AuthFailed for one that must not be made."""

    client: httpx2.AsyncClient
    check: Callable[[httpx2.Request], None] = lambda _: None
    last: Answer = Answer()

    async def run(self, provider: httpx2.Auth, url: str, challenge: str | None, scopes: str = "") -> None:
        """Lets the provider get a token, which its storage then holds.

        `challenge` None: only what needs no new consent, a refresh. Raises AuthFailed.
        """
        stand_in = httpx2.Request("POST", url, headers={MCP_PROTOCOL_VERSION_HEADER: LATEST_MODERN_VERSION})
        try:
            async with aclosing(provider.async_auth_flow(stand_in)) as flow:
                await self._through(flow, stand_in, challenge, scopes)
        except OAuthFlowError as error:
            raise AuthFailed(self._words(error), self.last.code) from None
        except httpx2.InvalidURL:
            raise AuthFailed("the server names an address that is none") from None
        except httpx2.HTTPError as error:
            raise AuthFailed(str(error) or type(error).__name__) from None
        except ValueError:  # pydantic's among them: metadata or tokens that are none
            raise AuthFailed(f"{self.last.host or 'the server'} sent what can't be read") from None

    async def _through(
        self,
        flow: AsyncGenerator[httpx2.Request, httpx2.Response],
        stand_in: httpx2.Request,
        challenge: str | None,
        scopes: str,
    ) -> None:
        asked = False
        outgoing = await anext(flow)
        while outgoing is not stand_in or "authorization" not in stand_in.headers:
            if outgoing is not stand_in:
                response = await self._sent(outgoing)
            elif challenge is None or asked:
                raise AuthFailed(str(self.last) if self.last.status else "there is no token", self.last.code)
            else:
                response, asked = challenged(stand_in, challenge, scopes), True
            outgoing = await flow.asend(response)

    async def _sent(self, request: httpx2.Request) -> httpx2.Response:
        self.check(request)
        response = await self.client.send(request, follow_redirects=False)
        self.last = Answer(request.url.host, response.status_code, error_code(response))
        return response

    def _words(self, error: Exception) -> str:
        """A token endpoint's or a registration's refusal in short; the SDK's own words for a check that failed."""
        if type(error) is not OAuthFlowError:
            return str(self.last)
        text = str(error)
        return "the browser brought the answer to another log-in" if text.startswith(_STATE) else text[:300]


def error_code(response: httpx2.Response) -> str:
    """The `error` of a refusal (RFC 6749 section 5.2), if it looks like one; nothing else of the body is used."""
    if response.status_code < 400:
        return ""
    try:
        body: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        return ""
    code = body.get("error") if isinstance(body, dict) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
