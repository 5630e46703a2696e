"""Messages that are signed as Standard Webhooks has it (https://www.standardwebhooks.com), both ways. Pure.

    webhook-id          names the message: the same each time that it is sent again
    webhook-timestamp   seconds since 1970, when it was sent
    webhook-signature   `v1,` and HMAC-SHA256 of `id.timestamp.body` in base64; several, with a space between them

A message of another time is not taken, however well it is signed. That none counts twice is the store's to see.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ID", "SIGNATURE", "TIMESTAMP", "WINDOW", "Flaw", "Hook", "Message", "headers_of", "key_of"]
__all__ += ["verified"]

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
WINDOW = 300  # seconds by which a message may be old, or its clock ahead
_PREFIX, _LEAST, _MOST = "whsec_", 24, 64  # bytes of a key
_NAME = re.compile(r"[!-~]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Hook:
    """Who is told. `pages` is where people reach us, if they do."""

    url: str = field(repr=False)
    key: bytes = field(repr=False)
    pages: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is known of a message by its signature. `sent` is seconds since 1970, by the sender's clock."""

    id: str
    sent: int


class Flaw(ValueError):
    """Why a message is not taken. It does not say what would have been right."""


def key_of(secret: str) -> bytes:
    """The key of `whsec_…`. Raises ValueError, without the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or not _LEAST <= len(key) <= _MOST:
        raise ValueError(f"it is no `{_PREFIX}` and {_LEAST} to {_MOST} bytes in base64")
    return key


def headers_of(key: bytes, message_id: str, now: float, body: bytes) -> Mapping[str, str]:
    stamp = str(int(now))
    return {ID: message_id, TIMESTAMP: stamp, SIGNATURE: f"v1,{_signature(key, message_id, stamp, body)}"}


def verified(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> Message:
    """A message that is whole, of now, and signed with this key. Raises Flaw."""
    message_id, stamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not _NAME.fullmatch(message_id) or not _SECONDS.fullmatch(stamp):
        raise Flaw(f"`{ID}` or `{TIMESTAMP}` is missing, or is none")
    wanted = _signature(key, message_id, stamp, body).encode()
    given = [word.partition(",") for word in headers.get(SIGNATURE, "").split(" ")]
    fits = [hmac.compare_digest(wanted, text.encode("latin-1", "replace")) for kind, _, text in given if kind == "v1"]
    if not any(fits):
        raise Flaw("the signature is not that of this message")
    if abs(now - int(stamp)) > WINDOW:
        raise Flaw(f"the message is not of the last {WINDOW} seconds")
    return Message(message_id, int(stamp))


def _signature(key: bytes, message_id: str, stamp: str, body: bytes) -> str:
    signed = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
