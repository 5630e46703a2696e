"""Who a browser is, and that a form came from our own page: sealed with the gateway's keys, so that any gateway which
has them can read it, and nothing has to be kept.

The cookie holds the key or the token that was presented, and it is asked again each time whether that is good: one that
is revoked opens no page any more. A form's token is bound to the person, his cookie and the approval, and holds the
digest of the call that the page showed, and of the one that he would have in its place.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.identity import Identity
from gateway.keyring import Broken, KeyRing

__all__ = ["FORM_SECONDS", "LONGEST", "SESSION_SECONDS", "Badges", "Page"]

SESSION_SECONDS = 8 * 3600.0
FORM_SECONDS = 3600.0
LONGEST = 2_500  # characters of what is presented: a browser keeps cookies of 4 KB
_SESSION, _FORM = b"toolgate page session", "toolgate page form"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page showed: the digest of the call as it stands, and of the call as he changed it there, if he did."""

    digest: str
    changed: str | None = None


class Badges:
    """`clock` is seconds since 1970."""

    def __init__(self, keys: KeyRing, *, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock

    def cookie(self, credential: str) -> str:
        """What a browser keeps for somebody who presented this."""
        return self._sealed({"credential": credential, "until": self._clock() + SESSION_SECONDS}, _SESSION)

    def credential(self, cookie: str) -> str | None:
        """What was presented; None for a cookie that is not ours, or too old."""
        found = self._opened(cookie, _SESSION)
        return found.get("credential") if found else None

    def token(self, who: Identity, cookie: str, approval_id: str, page: Page) -> str:
        """What a form carries."""
        said: dict[str, object] = {
            "digest": page.digest,
            "changed": page.changed,
            "until": self._clock() + FORM_SECONDS,
        }
        return self._sealed(said, _bound(who, cookie, approval_id))

    def page(self, token: str, who: Identity, cookie: str, approval_id: str) -> Page | None:
        """What the page showed; None where the form is not of this person's own page."""
        found = self._opened(token, _bound(who, cookie, approval_id))
        return Page(found["digest"], found.get("changed")) if found else None

    def _sealed(self, said: dict[str, object], bound: bytes) -> str:
        return base64.urlsafe_b64encode(self._keys.seal(json.dumps(said).encode(), bound)).decode().rstrip("=")

    def _opened(self, text: str, bound: bytes) -> dict[str, str] | None:
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = json.loads(self._keys.unseal(sealed, bound))
        except (Broken, ValueError):
            return None
        return found if found["until"] >= self._clock() else None


def _bound(who: Identity, cookie: str, approval_id: str) -> bytes:
    subject = who.subject
    session = hashlib.sha256(cookie.encode()).hexdigest()
    return json.dumps([_FORM, subject.tenant, subject.user, session, approval_id]).encode()
