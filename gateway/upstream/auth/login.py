"""A user's log-in to one server, in his browser: authorization code with PKCE, all of it the MCP SDK's.

Nothing is kept before it is whole: an old log-in stays until a new one is there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
import mcp_types as types
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.utils import issuers_match
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata
from mcp.shared.inbound import MCP_METHOD_HEADER, MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import AnyUrl

from gateway.errors import UpstreamUnavailable
from gateway.guarded import guarded_client
from gateway.upstream.auth.authority import Authority
from gateway.upstream.auth.flow import AuthFailed, Journey, Scratch
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.redirect import Redirect, listening
from gateway.upstream.auth.scopes import scopes_in, united
from gateway.upstream.auth.user_tokens import OpenClient

__all__ = ["LogIn"]

_ENVELOPE = {types.PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION, types.CLIENT_CAPABILITIES_META_KEY: {}}
_PROBE = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": _ENVELOPE}}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class LogIn:
    """One log-in. `show` is given the address to open in a browser. Times are seconds.

    `metadata_url` is a Client ID Metadata Document: who we are, where the authorization server can read it. `port` is
    for clients whose redirect address is registered; 0 takes a free one. `headers` go to the server itself.
    `more` are scopes, separated by spaces, that are asked for besides those that are configured, or that it asks for.
    """

    authority: Authority
    show: Callable[[str], Awaitable[None]]
    headers: Mapping[str, str]
    metadata_url: str | None = None
    port: int = 0
    more: str = ""
    patience: float = 300.0
    open_client: OpenClient = guarded_client

    async def run(self) -> Grant:
        """The grant. Raises UpstreamUnavailable, also for a user who says no; TimeoutError for one who says nothing."""
        server = self.authority.server
        try:
            async with listening(self.port) as redirect, self.open_client(self.authority.reach) as client:
                return await self._granted(redirect, client)
        except AuthFailed as error:
            raise UpstreamUnavailable(server, f"the log-in failed: {error}") from None
        except httpx2.HTTPError as error:
            raise UpstreamUnavailable(server, str(error) or type(error).__name__) from None
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            raise UpstreamUnavailable(server, f"can't listen on port {self.port}: {error.strerror}") from None

    async def _granted(self, redirect: Redirect, client: httpx2.AsyncClient) -> Grant:
        challenge = await self._challenge(client)
        scratch = Scratch(client=self._registered(redirect.url))
        provider = self._provider(redirect, scratch)
        journey = Journey(client, lambda request: self._pinned(provider, settled=request.method == "POST"))
        await journey.run(provider, self.authority.resource, challenge, self._scopes(challenge))
        grant = _grant(provider, scratch, time.time(), without_secret=self.authority.client is not None)
        await self._must_be_taken(client, grant)
        return grant

    def _scopes(self, challenge: str) -> str:
        """What to ask for; empty: the provider chooses from what the server says."""
        first = self.authority.scopes
        return united(first or " ".join(scopes_in(challenge)), self.more) if self.more else first

    async def _challenge(self, client: httpx2.AsyncClient) -> str:
        """What the server says to somebody whom it does not know; empty when it takes anybody, at least for this."""
        return (await self._probed(client, {})).headers.get("www-authenticate", "")

    async def _must_be_taken(self, client: httpx2.AsyncClient, grant: Grant) -> None:
        if (await self._probed(client, grant.headers)).status_code == 401:
            raise AuthFailed("the server does not take the token that it sent us for")

    async def _probed(self, client: httpx2.AsyncClient, more: Mapping[str, str]) -> httpx2.Response:
        """A request without any effect. Only the head of the answer is looked at."""
        headers = {
            "accept": "application/json, text/event-stream",
            MCP_PROTOCOL_VERSION_HEADER: LATEST_MODERN_VERSION,
            MCP_METHOD_HEADER: "server/discover",
        }
        async with client.stream(
            "POST", self.authority.url, json=_PROBE, headers={**headers, **self.headers, **more}
        ) as response:
            return response

    def _registered(self, redirect_url: str) -> OAuthClientInformationFull | None:
        """Who we are, if the admin says so; else the provider finds a way: a metadata document, or a registration."""
        keys = self.authority.client
        if keys is None:
            return None
        return OAuthClientInformationFull(
            client_id=keys.id,
            client_secret=keys.secret,
            redirect_uris=[AnyUrl(redirect_url)],
            token_endpoint_auth_method=keys.method if keys.secret else "none",
            issuer=self.authority.issuer,
        )

    def _provider(self, redirect: Redirect, scratch: Scratch) -> OAuthClientProvider:
        metadata = OAuthClientMetadata(
            redirect_uris=[AnyUrl(redirect.url)],
            client_name="Toolgate",
            token_endpoint_auth_method="none",  # noqa: S106 - a native client has no secret to authenticate with
        )

        async def to_browser(url: str) -> None:
            self._pinned(provider, settled=True)
            _must_be_fit(provider, url)
            redirect.expect(url)
            await self.show(url)

        async def from_browser() -> AuthorizationCodeResult:
            async with asyncio.timeout(self.patience):
                found = await redirect.answer()
            return AuthorizationCodeResult(code=found["code"], state=found.get("state"), iss=found.get("iss"))

        provider = OAuthClientProvider(
            self.authority.resource, metadata, scratch, to_browser, from_browser, self.metadata_url
        )
        return provider

    def _pinned(self, provider: OAuthClientProvider, *, settled: bool) -> None:
        """Where the admin has named the issuer, no other is asked, let alone given the client's secret.

        `settled`: by now it must be known who the authorization server is; a server that names none would be it.
        """
        wanted, context = self.authority.issuer, provider.context
        named = context.auth_server_url
        if context.oauth_metadata is not None:
            named = str(context.oauth_metadata.issuer)
        if wanted and named and not issuers_match(named, wanted):
            raise AuthFailed(f"the server names the authorization server `{named}`, not the configured `{wanted}`")
        if wanted and settled and context.oauth_metadata is None:
            raise AuthFailed(f"the server does not name the configured authorization server `{wanted}`")


def _must_be_fit(provider: OAuthClientProvider, url: str) -> None:
    """Before a browser is sent there: over https, and to a server that does PKCE.

    MCP 2025-11-25, Authorization Code Protection: without `code_challenge_methods_supported`, a client must not go on.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise AuthFailed(f"the authorization server's page at `{parts.hostname}` is not https")
    metadata = provider.context.oauth_metadata
    if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
        raise AuthFailed("the authorization server does not say that it supports PKCE with S256")


def _grant(provider: OAuthClientProvider, scratch: Scratch, now: float, *, without_secret: bool) -> Grant:
    """What is kept. A secret of the configuration stays there, where it can be changed."""
    context, tokens = provider.context, scratch.tokens
    if tokens is None:
        raise AuthFailed("no token came")
    metadata, resource = context.oauth_metadata, context.protected_resource_metadata
    hidden = {"client_secret"} if without_secret else set()
    return Grant(
        access_token=tokens.access_token,
        obtained=now,
        expires=None if tokens.expires_in is None else now + tokens.expires_in,
        scope=tokens.scope,
        refresh_token=tokens.refresh_token,
        issuer=str(metadata.issuer) if metadata else (context.auth_server_url or ""),
        client=scratch.client.model_dump(mode="json", exclude_none=True, exclude=hidden) if scratch.client else None,
        issuer_metadata=metadata.model_dump(mode="json", exclude_none=True) if metadata else None,
        resource_metadata=resource.model_dump(mode="json", exclude_none=True) if resource else None,
    )
