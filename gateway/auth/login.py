"""The one question, asked once for each request: who is this?"""

import logging
from collections.abc import Awaitable, Callable

from gateway.auth import Headers, Refusal, Unavailable
from gateway.auth.challenge import Challenges
from gateway.identity import Identity
from gateway.keys import PREFIX

__all__ = ["Login"]

MAX_CREDENTIAL = 16 * 1024  # characters; tokens with many groups have some thousand
RETRY_SECONDS = 5

# Who presents this; None when it is no good. Raises Unavailable.
Who = Callable[[str], Awaitable[Identity | None]]

log = logging.getLogger("toolgate.auth")


async def nobody(_credential: str) -> Identity | None:
    """Where this kind of log-in is not taken."""
    return None


class Login:
    """An `Authenticator`. `keys` knows API keys, `tokens` everything else that is presented."""

    def __init__(self, challenges: Challenges, *, keys: Who = nobody, tokens: Who = nobody) -> None:
        self._challenges, self._keys, self._tokens = challenges, keys, tokens

    async def authenticate(self, headers: Headers, path: str) -> Identity | Refusal:
        credential = _bearer(headers)
        if credential is None:
            return self._challenges.missing(path)
        is_key = credential.startswith(PREFIX)
        try:
            identity = await (self._keys if is_key else self._tokens)(credential)
        except Unavailable as error:
            log.warning("a request is refused for now: %s", error)
            return Refusal(503, retry_after=RETRY_SECONDS)
        if identity is None:
            return self._challenges.invalid(path)
        if not self._challenges.opens(path, identity.scopes, key=is_key):
            return self._challenges.insufficient(path)
        return identity


def _bearer(headers: Headers) -> str | None:
    """What is presented; None for nothing, and "" for what can't be read in one way. A query string is not looked at:
    it would be in the logs of every proxy on the way.
    """
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        return None
    scheme, _, credential = given[0].partition(b" ")
    if len(given) > 1 or scheme.lower() != b"bearer" or len(credential) > MAX_CREDENTIAL:
        return ""
    return credential.strip(b" ").decode("latin-1")
