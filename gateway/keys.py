"""API keys: `tg_<id>_<secret>`, shown once, of which only a hash is kept. Pure, but for the randomness of a new one.

The hash is plain SHA-256. Slow hashes protect what people think up; a secret of 256 random bits can't be tried out,
however fast the hash is, and a request must not wait for one.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.call import Subject
from gateway.identity import Identity

__all__ = ["PREFIX", "ApiKey", "Owner", "Shown", "minted", "shown"]

PREFIX = "tg_"  # by which scanners of secrets, and we, know a key

_KEY = re.compile(r"tg_([0-9a-f]{12})_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a key is, and what for. `expires` is in milliseconds since 1970; None: never."""

    user: str
    tenant: str
    scopes: Sequence[str] = ()
    name: str = ""
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept. Times are milliseconds since 1970 (UTC)."""

    id: str
    hash: str = field(repr=False)
    user: str
    tenant: str
    scopes: tuple[str, ...]
    name: str
    created: int
    expires: int | None = None
    revoked: int | None = None

    def good(self, now: int) -> bool:
        """Whether it lets anybody in now."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def is_for(self, presented: "Shown") -> bool:
        """Whether this is the key that somebody presents; takes the same time whatever is wrong with it."""
        return hmac.compare_digest(self.hash, presented.hash)

    @property
    def identity(self) -> Identity:
        expires = None if self.expires is None else self.expires / 1000
        subject = Subject(self.user, self.tenant, since=self.created / 1000)
        return Identity(subject, frozenset(self.scopes), expires, f"API key {self.id}")

    def to_json(self) -> dict[str, Any]:
        """Without the hash: nobody needs it."""
        names = ("id", "user", "tenant", "scopes", "name", "created", "expires", "revoked")
        return {name: getattr(self, name) for name in names} | {"scopes": list(self.scopes)}


@dataclass(frozen=True, slots=True)
class Shown:
    """A key that somebody presents: its id, and the hash of all of it."""

    id: str
    hash: str = field(repr=False)


def shown(text: str) -> Shown | None:
    """What a text says about itself; None for one that can't be a key."""
    match = _KEY.fullmatch(text)
    return Shown(match[1], hashlib.sha256(text.encode()).hexdigest()) if match else None


def minted(owner: Owner, now: int) -> tuple[str, ApiKey]:
    """A new key: the text for its owner, and what is kept of it."""
    key_id = secrets.token_hex(6)
    text = f"{PREFIX}{key_id}_{secrets.token_hex(32)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    kept = ApiKey(key_id, digest, owner.user, owner.tenant, tuple(owner.scopes), owner.name, now, owner.expires)
    return text, kept
