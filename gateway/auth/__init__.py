"""Who is asking over HTTP: an API key or an OAuth 2.1 access token, in one `Authorization: Bearer` header.

    login       the one question, asked once for each request: somebody, or a refusal
    keys        API keys, looked up in the store
    tokens      access tokens, checked against the issuer's keys
    jwks        those keys: fetched, kept for a while, fetched again when they rotate
    challenge   what a refusal says (RFC 6750, RFC 9728)

Nobody is somebody by default: with a log-in asked for, a request without one is refused, never run as a local user.
What is presented is looked at here and goes nowhere else: into no log, no error, and to no server behind us.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.identity import Identity

__all__ = ["Authenticator", "Headers", "Refusal", "Unavailable"]

Headers = Iterable[tuple[bytes, bytes]]  # as ASGI has them: names in lower case


@dataclass(frozen=True, slots=True)
class Refusal:
    """401, 403, or 503 where it can't be found out who somebody is.

    `challenge` is the value of `WWW-Authenticate`, `retry_after` is in seconds.
    """

    status: int
    challenge: str = ""
    retry_after: int | None = None


class Unavailable(Exception):
    """Whether a key or a token is good can't be found out now. The text is for the log, and holds no secret."""


class Authenticator(Protocol):
    """Asked once for each HTTP request, before anything else looks at its body."""

    async def authenticate(self, headers: Headers, path: str) -> Identity | Refusal:
        """Who is asking for this path. Never raises for what a client sends."""
        ...
