"""The gateway's own credentials at a server's authorization server, the same for everybody (RFC 6749 section 4.4).

The secret goes to the issuer that the admin named and nowhere else, wherever the server may point.
"""

import time
from collections.abc import Callable, Sequence

from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider

from gateway.call import Subject
from gateway.errors import UpstreamUnavailable
from gateway.guarded import guarded_client
from gateway.upstream.auth.authority import Authority, ClientKeys
from gateway.upstream.auth.credentials import LOOK
from gateway.upstream.auth.flow import AuthFailed, Journey, Scratch
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.scopes import named, scopes_in, united
from gateway.upstream.auth.user_tokens import OpenClient

__all__ = ["ClientCredentials", "granted", "must_be_free"]


class ClientCredentials:
    """A `Source` with one token, in memory: whoever loses it asks for another."""

    per_subject = False

    def __init__(
        self,
        authority: Authority,
        keys: ClientKeys,
        open_client: OpenClient = guarded_client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.server = authority.server
        self._authority = authority
        self._keys = keys
        self._open_client = open_client
        self._clock = clock
        self._grant: Grant | None = None
        self._challenge: str | None = None
        self._wider = ""  # what the server has asked for beyond its first challenge

    def current(self, subject: Subject | None) -> Grant | None:
        del subject
        return self._grant

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        """A new token; None before the server has said where its metadata is."""
        del subject, old
        self._challenge = challenge if challenge is not None else self._challenge
        if self._challenge is None:
            return None
        return await self._got(self._challenge, self._wider)

    def mend(self, subject: Subject | None) -> str:
        del subject
        return LOOK

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        """A token for more, unless the admin has said what it is to be for."""
        del subject
        must_be_free(self._authority, scopes)
        known = united(old.scope if old else "", " ".join(scopes_in(self._challenge or "")), self._wider)
        if set(scopes) <= set(known.split()):
            return None
        wider = united(known, *scopes)
        grant = await self._got(self._challenge or "", wider)
        self._wider = wider  # not before it was granted: else no token would ever be
        return grant

    async def _got(self, challenge: str, wider: str) -> Grant:
        try:
            self._grant = await self._asked(challenge, self._authority.scopes or wider)
        except AuthFailed as error:
            raise UpstreamUnavailable(self.server, f"there is no token for it: {error}") from None
        return self._grant

    async def _asked(self, challenge: str, scopes: str) -> Grant:
        scratch = Scratch()
        provider = ClientCredentialsOAuthProvider(
            self._authority.resource,
            scratch,
            self._keys.id,
            self._keys.secret or "",
            self._keys.method,
            scopes or None,
            issuer=self._authority.issuer,
        )
        async with self._open_client(self._authority.reach) as client:
            await Journey(client).run(provider, self._authority.resource, challenge, scopes)
        return granted(scratch, self._authority.issuer or "", self._clock())


def must_be_free(authority: Authority, scopes: Sequence[str]) -> None:
    """A server that asks for more gets no more than the admin has written down, where he has.

    Raises UpstreamUnavailable, which says what to write.
    """
    if authority.scopes:
        where = f"`scopes` of `[servers.{authority.server}]` in toolgate.toml"
        raise UpstreamUnavailable(authority.server, f"it wants {named(scopes)}, and {where} is `{authority.scopes}`")


def granted(scratch: Scratch, issuer: str, now: float) -> Grant:
    """What a provider has stored, as a grant that needs no renewal: it is asked for anew. Raises AuthFailed."""
    if scratch.tokens is None:
        raise AuthFailed("no token came")
    ends = None if scratch.tokens.expires_in is None else now + scratch.tokens.expires_in
    return Grant(scratch.tokens.access_token, now, ends, scratch.tokens.scope, issuer=issuer)
