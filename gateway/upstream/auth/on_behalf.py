"""Acting for a user with a token that he brought: exchanged for one that is good for this server, and only for him.

Two ways: a token exchange (RFC 8693) at the server's authorization server; or an identity assertion (ID-JAG, MCP's
enterprise-managed authorization), which the identity provider issues in such an exchange, and which the server's
authorization server takes for an access token.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider

from gateway.call import Subject
from gateway.errors import LogInNeeded, UpstreamUnavailable
from gateway.guarded import guarded_client
from gateway.upstream.auth.authority import Authority, ClientKeys
from gateway.upstream.auth.client_credentials import granted, must_be_free
from gateway.upstream.auth.credentials import LOOK
from gateway.upstream.auth.exchange import ACCESS_TOKEN, ID_JAG, exchange
from gateway.upstream.auth.flow import AuthFailed, Journey, Scratch
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.scopes import united
from gateway.upstream.auth.subject_tokens import SubjectTokens
from gateway.upstream.auth.user_tokens import OpenClient

__all__ = ["Assertion", "OnBehalf", "TokenExchange"]

UNSAID = 300.0  # seconds that a token is used for when nobody said how long it holds

# The subject's token, the scopes to ask for (separated by spaces; empty: whatever is given) and the time, for a grant.
# Raises AuthFailed.
Trade = Callable[[httpx2.AsyncClient, str, str, float], Awaitable[Grant]]


class OnBehalf:
    """A `Source` that keeps each subject's grant in memory, no longer than the token that it was traded for holds."""

    per_subject = True

    def __init__(
        self,
        authority: Authority,
        tokens: SubjectTokens,
        trade: Trade,
        open_client: OpenClient = guarded_client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.server = authority.server
        self._authority = authority
        self._tokens = tokens
        self._trade = trade
        self._open_client = open_client
        self._clock = clock
        self._grants: dict[tuple[str, str], Grant] = {}
        self._wider: dict[tuple[str, str], str] = {}  # what the server has asked for, of those who have a grant

    def current(self, subject: Subject | None) -> Grant | None:
        if subject is None or self._tokens.of(subject) is None:  # he has to be here for us to act for him
            return None
        return self._grants.get(subject.person)

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        del old, challenge
        who = subject.person if subject else ("", "")
        return await self._traded(subject, self._wider.get(who, ""))

    def mend(self, subject: Subject | None) -> str:
        del subject
        return LOOK

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        """A grant for more, unless the admin has said what it is to be for."""
        must_be_free(self._authority, scopes)
        before = self._wider.get(subject.person, "") if subject else ""
        known = united(old.scope if old else "", before)
        return None if set(scopes) <= set(known.split()) else await self._traded(subject, united(known, *scopes))

    async def _traded(self, subject: Subject | None, wider: str) -> Grant:
        held = self._tokens.of(subject) if subject else None
        if subject is None or held is None:
            who = f"`{subject.user}`" if subject else "nobody"
            raise LogInNeeded(self.server, f"it takes a token of whoever asks, and {who} has brought none that holds")
        now = self._clock()
        try:
            async with self._open_client(self._authority.reach) as client:
                grant = await self._trade(client, held.text, self._authority.scopes or wider, now)
        except AuthFailed as error:
            raise UpstreamUnavailable(
                self.server, f"the token of `{subject.user}` was not exchanged: {error}"
            ) from None
        self._forget(now)
        self._grants[subject.person] = grant
        self._wider = {who: scopes for who, scopes in self._wider.items() if who in self._grants}
        if wider:
            self._wider[subject.person] = wider
        return grant

    def _forget(self, now: float) -> None:
        """Grants that have ended: users come and go."""
        self._grants = {who: grant for who, grant in self._grants.items() if grant.fresh(now)}


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """A trade: RFC 8693 at `authority.issuer`. `token_type` is the subject token's, as a URN."""

    authority: Authority
    keys: ClientKeys
    token_type: str
    audience: str | None = None

    async def __call__(self, client: httpx2.AsyncClient, token: str, scopes: str, now: float) -> Grant:
        form = {
            "subject_token": token,
            "subject_token_type": self.token_type,
            "requested_token_type": ACCESS_TOKEN,
            "resource": self.authority.resource,
        }
        form |= {"audience": self.audience} if self.audience else {}
        form |= {"scope": scopes} if scopes else {}
        issuer = self.authority.issuer or ""
        body = await exchange(client, issuer, self.keys, form)
        scope = body["scope"] if isinstance(body.get("scope"), str) else None
        return Grant(body["access_token"], now, now + _seconds(body), scope, issuer=issuer)


@dataclass(frozen=True, slots=True)
class Assertion:
    """A trade in two steps: an ID-JAG from `idp`, with `idp_keys`; then a token from `authority.issuer` for it."""

    authority: Authority
    keys: ClientKeys
    token_type: str
    idp: str
    idp_keys: ClientKeys

    async def __call__(self, client: httpx2.AsyncClient, token: str, scopes: str, now: float) -> Grant:
        async def assertion(audience: str, resource: str) -> str:
            form = {
                "subject_token": token,
                "subject_token_type": self.token_type,
                "requested_token_type": ID_JAG,
                "audience": audience,
                "resource": resource,
            }
            form |= {"scope": scopes} if scopes else {}
            return str((await exchange(client, self.idp, self.idp_keys, form))["access_token"])

        scratch, issuer = Scratch(), self.authority.issuer or ""
        provider = IdentityAssertionOAuthProvider(
            self.authority.resource,
            scratch,
            self.keys.id,
            self.keys.secret or "",
            issuer,
            assertion,
            scopes or None,
            self.keys.method,
        )
        await Journey(client).run(provider, self.authority.resource, "", scopes)
        grant = granted(scratch, issuer, now)
        return grant if grant.expires else Grant(grant.access_token, now, now + UNSAID, grant.scope, issuer=issuer)


def _seconds(body: Mapping[str, Any]) -> float:
    said = body.get("expires_in")
    return float(said) if isinstance(said, (int, float)) and 0 < said < 1e9 else UNSAID
