"""Each user's own log-in: granted once in a browser (`toolgate login`), kept sealed, renewed without asking again."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.utils import issuers_match
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)

from gateway.call import Subject
from gateway.errors import LogInNeeded, UpstreamUnavailable
from gateway.guarded import guarded_client
from gateway.reach import Reach
from gateway.upstream.auth.authority import Authority
from gateway.upstream.auth.credentials import LOOK
from gateway.upstream.auth.flow import AuthFailed, Journey, Scratch
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.scopes import named
from gateway.upstream.auth.vault import Binding, Vault

__all__ = ["UserTokens", "log_in_command", "renewed_grant"]

OpenClient = Callable[[Reach], httpx2.AsyncClient]

_LONG_AGO = 1.0  # Unix seconds; 0 would mean to the SDK that the token never ends
_CLIENT = ("invalid_client", "unauthorized_client")  # RFC 6749 section 5.2


def log_in_command(server: str, subject: Subject, scopes: Sequence[str] = ()) -> str:
    """What this subject has to type, to be granted these scopes besides."""
    tenant = "" if subject.tenant == "default" else f" --tenant {shlex.quote(subject.tenant)}"
    more = "".join(f" --scope {shlex.quote(scope)}" for scope in scopes)
    return f"toolgate login {server} --as {shlex.quote(subject.user)}{tenant}{more}"


class UserTokens:
    """A `Source` that never asks a person: where a log-in is missing or has ended, it says which command brings it."""

    per_subject = True

    def __init__(
        self,
        authority: Authority,
        vault: Vault,
        open_client: OpenClient = guarded_client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.server = authority.server
        self._authority = authority
        self._vault = vault
        self._open_client = open_client
        self._clock = clock

    def current(self, subject: Subject | None) -> Grant | None:
        return self._vault.read(self._binding(subject)) if subject else None

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        """The grant that another process has brought meanwhile, or a renewed one: what is renewed takes the place of
        what it was made of, and not of what somebody has logged in with since, or of nothing where he has logged out.
        """
        del challenge  # a renewal goes where the grant came from, whatever the server names now
        if subject is None:
            raise LogInNeeded(self.server, "it acts for its users, and nobody is asking")
        binding = self._binding(subject)
        self._read(binding, subject)  # of whom nothing is known, no lock is kept
        async with self._vault.locked(binding):
            kept = self._read(binding, subject)
            if kept != old and kept.fresh(self._clock()):
                return kept
            if kept.refresh_token is None or not _same_client(kept, self._authority):
                raise self._needed(subject, "is logged in no more")
            grant = await self._renewed(kept)
            if not self._vault.swap(binding, kept, grant):
                return self._read(binding, subject)
            if grant is None:
                raise self._needed(subject, "is logged in no more")
            return grant

    def _read(self, binding: Binding, subject: Subject) -> Grant:
        kept = self._vault.read(binding)
        if kept is None:
            raise self._needed(subject, "is not logged in")
        return kept

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        """Only a person can grant more."""
        del old
        if subject is None:
            raise LogInNeeded(self.server, "it acts for its users, and nobody is asking")
        command = log_in_command(self.server, subject, scopes)
        raise LogInNeeded(self.server, f"it wants {named(scopes)} of `{subject.user}`: log in with `{command}`")

    def mend(self, subject: Subject | None) -> str:
        return f"log in with `{log_in_command(self.server, subject)}`" if subject else LOOK

    async def _renewed(self, kept: Grant) -> Grant | None:
        """None: the log-in has ended."""
        try:
            async with self._open_client(self._authority.reach) as client:
                return await renewed_grant(kept, self._authority, Journey(client), self._clock())
        except AuthFailed as error:
            # A configured client that is refused is the admin's affair; one that registered itself is forgotten there.
            if error.code == "invalid_grant" or (error.code in _CLIENT and self._authority.client is None):
                return None
            raise UpstreamUnavailable(self.server, f"its log-in could not be renewed: {error}") from None

    def _binding(self, subject: Subject) -> Binding:
        return Binding.of(subject, self.server, self._authority.resource)

    def _needed(self, subject: Subject, what: str) -> LogInNeeded:
        command = log_in_command(self.server, subject)
        return LogInNeeded(self.server, f"`{subject.user}` {what}: log in with `{command}`")


async def renewed_grant(kept: Grant, authority: Authority, journey: Journey, now: float) -> Grant:
    """Has the refresh token exchanged where it was issued (RFC 6749 section 6). Raises AuthFailed."""
    tokens = OAuthToken(access_token=kept.access_token, refresh_token=kept.refresh_token, scope=kept.scope)
    scratch = Scratch(tokens, _client(kept, authority))
    provider = OAuthClientProvider(authority.resource, OAuthClientMetadata(redirect_uris=None), scratch)
    provider.context.token_expiry_time = _LONG_AGO
    if kept.issuer_metadata is not None:  # the SDK forgets between two processes where its tokens come from
        provider.context.oauth_metadata = OAuthMetadata.model_validate(kept.issuer_metadata)
    if kept.resource_metadata is not None:
        prm = ProtectedResourceMetadata.model_validate(kept.resource_metadata)
        provider.context.protected_resource_metadata = prm
    await journey.run(provider, authority.resource, challenge=None)
    new = scratch.tokens or tokens
    ends = None if new.expires_in is None else now + new.expires_in
    return replace(
        kept,
        access_token=new.access_token,
        refresh_token=new.refresh_token,
        scope=new.scope,
        obtained=now,
        expires=ends,
    )


def _same_client(kept: Grant, authority: Authority) -> bool:
    """Whether the log-in belongs to the issuer and the client that are configured now."""
    if kept.client is None or (authority.issuer and not issuers_match(kept.issuer, authority.issuer)):
        return False
    return authority.client is None or kept.client.get("client_id") == authority.client.id


def _client(kept: Grant, authority: Authority) -> OAuthClientInformationFull:
    """Who asks for the renewal: as it was at the log-in, with the secret that is configured now."""
    info = OAuthClientInformationFull.model_validate(kept.client)
    if authority.client is not None and authority.client.secret is not None:
        info.client_secret = authority.client.secret
        info.token_endpoint_auth_method = authority.client.method
    return info
