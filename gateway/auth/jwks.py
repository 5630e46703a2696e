"""The keys that an issuer signs with: fetched, kept for a while, fetched again when a token names one that is new.

Only places that the admin named are asked: the issuer's own host, or `jwks_url`; and a private address only if he has
listed it, for whose name it is may say tomorrow where that is. No redirect is followed, and no address that a token
brings (`jku`, `x5u`) is looked at. What comes is bounded in size and in time.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from gateway.auth import Unavailable
from gateway.guarded import OutOfReach, TooLong, guarded_client
from gateway.reach import Reach

__all__ = ["FRESH", "PAUSE", "STALE", "KeySet", "SigningKey", "signing_keys"]

FRESH = 600.0  # seconds after which the keys are fetched again
STALE = 3600.0  # seconds after which keys that could not be fetched again are trusted no more
PAUSE = 10.0  # seconds between two attempts: a stranger's tokens may name as many keys as they like
FETCH_SECONDS = 5.0
MAX_KEYS = 64
MIN_RSA_BITS = 2048

_KINDS: Mapping[str, str] = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}  # how an algorithm's name begins

log = logging.getLogger("toolgate.auth")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key. `algorithm` is what its owner says that it is for, if he does."""

    kid: str | None
    kind: str
    algorithm: str | None
    material: Any = field(repr=False)

    def serves(self, algorithm: str) -> bool:
        return self.kind == _KINDS.get(algorithm[:2]) and self.algorithm in (None, algorithm)


def signing_keys(document: object) -> tuple[SigningKey, ...]:
    """The keys of a JWK set (RFC 7517) that verify signatures; those that we can't read, or that are weak, are left
    out. Symmetric ones always: whoever has one could sign with it. Raises Unavailable for what is no set.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list):
        raise Unavailable("the issuer's keys are no JWK set")
    found = (_signing_key(one) for one in listed[:MAX_KEYS] if isinstance(one, Mapping))
    return tuple(key for key in found if key)


def _signing_key(one: Mapping[str, Any]) -> SigningKey | None:
    kind, kid = one.get("kty"), one.get("kid")
    if kind not in ("RSA", "EC", "OKP") or one.get("use", "sig") != "sig":
        return None
    try:
        material = PyJWK(dict(one)).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if kind == "RSA" and material.key_size < MIN_RSA_BITS:
        return None
    return SigningKey(kid if isinstance(kid, str) else None, kind, one.get("alg"), material)


class KeySet:
    """An issuer's keys. `url` is where they are; without it the issuer's metadata says so (RFC 8414, OpenID Connect
    Discovery), and they must be on its own host. `reach` says which addresses may be asked. `clock` is monotonic, in
    seconds.
    """

    def __init__(
        self, issuer: str, url: str | None = None, *, reach: Reach, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer, self._url, self._reach, self._clock = issuer, url, reach, clock
        self._keys: tuple[SigningKey, ...] = ()
        self._fetched = float("-inf")
        self._next = float("-inf")
        self._fetching = asyncio.Lock()
        self._failed = False  # the last time
        self._aside: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> SigningKey | None:
        """The key that a token is signed with; without `kid`, the only one that fits. Raises Unavailable.

        While the issuer can't be reached, nobody waits for it whose key is known.
        """
        key = self._known(kid, algorithm)
        if key is not None and self._failed and self._clock() - self._fetched <= STALE:
            self._refresh_aside()
            return key
        if key is None or self._clock() - self._fetched > FRESH:
            await self._refresh()
            key = self._known(kid, algorithm)
        return key

    async def fetch(self) -> Sequence[SigningKey]:
        """The keys as they are now. Raises Unavailable."""
        try:
            async with asyncio.timeout(FETCH_SECONDS), guarded_client(self._reach) as client:
                url = self._url or await _discovered(client, self._issuer)
                return signing_keys(await _json(client, url))
        except TimeoutError:
            raise Unavailable(f"the keys of {self._issuer} did not come within {FETCH_SECONDS:g} s") from None

    def _known(self, kid: str | None, algorithm: str) -> SigningKey | None:
        fitting = [key for key in self._keys if key.serves(algorithm) and kid in (None, key.kid)]
        return fitting[0] if fitting and (kid is not None or len(fitting) == 1) else None

    def _refresh_aside(self) -> None:
        if self._clock() >= self._next and (self._aside is None or self._aside.done()):
            self._aside = asyncio.create_task(self._refreshed(), name="toolgate.auth.keys")

    async def _refreshed(self) -> None:
        with contextlib.suppress(Unavailable):
            await self._refresh()

    async def _refresh(self) -> None:
        async with self._fetching:  # of many requests that find a key missing, one fetches
            if self._clock() >= self._next:
                self._next = self._clock() + PAUSE
                try:
                    self._keys = tuple(await self.fetch())
                    self._fetched, self._failed = self._clock(), False
                except Unavailable as error:
                    self._failed = True
                    log.warning("the issuer's keys can't be fetched: %s", error)
        if self._clock() - self._fetched > STALE:
            self._keys = ()
            raise Unavailable(f"the keys of {self._issuer} are not known")


async def _discovered(client: httpx2.AsyncClient, issuer: str) -> str:
    """Where the issuer says that its keys are. Raises Unavailable."""
    why = f"{issuer} does not say that its keys are on its own host: set `jwks_url`"
    for url in _metadata_urls(issuer):
        try:
            found = await _json(client, url)
        except Unavailable as error:
            why = str(error)
            continue
        where = found.get("jwks_uri") if isinstance(found, Mapping) and found.get("issuer") == issuer else None
        if isinstance(where, str) and _origin(where) == _origin(issuer):
            return where
    raise Unavailable(why)


def _metadata_urls(issuer: str) -> tuple[str, ...]:
    """RFC 8414 section 3.1, and OpenID Connect Discovery section 4."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


async def _json(client: httpx2.AsyncClient, url: str) -> Any:
    """What is there. Raises Unavailable."""
    try:
        response = await client.get(url, headers={"accept": "application/json"})
        if response.status_code != 200:
            raise Unavailable(f"{url} answers {response.status_code}")
        return json.loads(response.content)
    except (OutOfReach, TooLong) as error:
        raise Unavailable(f"{url}: {error}") from None
    except httpx2.HTTPError as error:
        raise Unavailable(f"{url} can't be reached: {type(error).__name__}") from None
    except (ValueError, RecursionError):
        raise Unavailable(f"{url} does not answer with JSON") from None
