"""OAuth 2.1 access tokens as JWTs (RFC 9068): checked against the issuer's keys, then mapped to a subject.

A token that was good a moment ago is not checked again: its signature costs more than everything else about a request.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from gateway.auth.jwks import KeySet
from gateway.claims import ClaimRules, Unmapped, identity_of
from gateway.identity import Identity

__all__ = ["REMEMBERED", "TokenRules", "Tokens", "Verified"]

REMEMBERED = 60.0  # seconds for which a good token is not checked again: so long may a withdrawn signing key serve
MOST = 4096  # tokens that are remembered

log = logging.getLogger("toolgate.auth")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens are taken. One of `audiences` must be in a token; `leeway` is in seconds."""

    issuer: str
    audiences: Sequence[str]
    algorithms: Sequence[str]
    claims: ClaimRules
    leeway: float = 30.0


Verified = Callable[[Identity, str], None]


class Tokens:
    """`verified` is told of each good token, and whose it is: only exchanges on his behalf want to know. `clock` is
    monotonic, `now` is since 1970, both in seconds.
    """

    def __init__(
        self,
        rules: TokenRules,
        keys: KeySet,
        *,
        verified: Verified = lambda _identity, _token: None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._rules, self._keys, self._clock, self._now = rules, keys, clock, now
        self._tell = verified
        self._seen: dict[bytes, tuple[float, Identity]] = {}  # by hash: until when, and who

    async def who(self, credential: str) -> Identity | None:
        """Whom a token speaks for; None for one that is not good, or names nobody. Raises Unavailable."""
        digest = hashlib.sha256(credential.encode()).digest()
        until, identity = self._seen.get(digest, (0.0, None))
        if identity is not None and self._clock() < until:
            return self._told(identity, credential) if self._holds(identity) else None
        claims = await self._verified(credential)
        if claims is None:
            return None
        try:
            identity = identity_of(claims, self._rules.claims, self._rules.leeway)
        except Unmapped as error:
            log.warning("a good token of %s is refused: %s", self._rules.issuer, error)
            return None
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[digest] = (self._clock() + REMEMBERED, identity)
        return self._told(identity, credential)

    def _holds(self, identity: Identity) -> bool:
        return identity.expires is None or self._now() < identity.expires

    def _told(self, identity: Identity, credential: str) -> Identity:
        self._tell(identity, credential)
        return identity

    async def _verified(self, credential: str) -> Mapping[str, Any] | None:
        """The claims, if the token is signed by the issuer, for us, and good now."""
        rules = self._rules
        try:
            header = jwt.get_unverified_header(credential)
            algorithm, kid = str(header.get("alg")), header.get("kid")
            if algorithm not in rules.algorithms:
                return None
            key = await self._keys.find(kid, algorithm)
            if key is None:
                return None
            claims: Mapping[str, Any] = jwt.decode(
                credential,
                key.material,
                algorithms=[algorithm],
                audience=list(rules.audiences),
                issuer=rules.issuer,
                leeway=rules.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (PyJWTError, ValueError, TypeError, RecursionError, OverflowError):  # the text may quote the token
            return None
        return claims
