"""Keys that seal what we keep or hand out: AES-256-GCM, several keys at once, so that they can be changed.

The first key seals, every key unseals. To change keys, put a new one in front, and take the old one away when nothing
that it sealed is needed any more. Keys come from `TOOLGATE_KEYS`, or from a file that only its owner may read.

A sealed text: version (1 byte), key id (8), salt (16), nonce (12), ciphertext and tag. Each text has a key of its own,
derived from the salt (HMAC-SHA256), so that random nonces never repeat, however much is sealed (NIST SP 800-38D limits
one key to 2^32 of them).
"""

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.errors import ConfigError

__all__ = ["VARIABLE", "Broken", "KeyRing", "load_keyring", "new_key"]

VARIABLE = "TOOLGATE_KEYS"
KEY = 32  # bytes
_VERSION, _ID, _SALT, _NONCE = b"\x01", 8, 16, 12
_HEAD = 1 + _ID + _SALT + _NONCE
_HINT = "a key is 32 random bytes in base64, such as `openssl rand -base64 32` prints"


class Broken(ValueError):
    """Bytes that none of our keys sealed for this purpose: changed, cut, moved, or sealed with a key that is gone."""


class KeyRing:
    """One or more keys of 32 bytes. Shows none of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY for key in keys):
            raise ValueError(f"a key ring needs keys of {KEY} bytes")
        self._first = keys[0]
        self._keys = {_key_id(key): key for key in reversed(keys)}

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def seal(self, text: bytes, bound_to: bytes) -> bytes:
        """Encrypts with the first key. Only who says the same `bound_to` can open it: purpose, owner, place."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        head = _VERSION + _key_id(self._first) + salt + nonce
        return head + AESGCM(_derived(self._first, salt)).encrypt(nonce, text, head + bound_to)

    def unseal(self, sealed: bytes, bound_to: bytes) -> bytes:
        """The text that `seal` was given. Raises Broken."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        head = sealed[:_HEAD]
        key = self._keys.get(head[1 : 1 + _ID])
        if len(head) < _HEAD or head[:1] != _VERSION or key is None:
            raise Broken("it was not sealed with any of these keys")
        salt, nonce = head[1 + _ID : 1 + _ID + _SALT], head[-_NONCE:]
        try:
            return AESGCM(_derived(key, salt)).decrypt(nonce, sealed[_HEAD:], head + bound_to)
        except InvalidTag:
            raise Broken("it was changed, or it was sealed for something else") from None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"toolgate key id" + key).digest()[:_ID]


def _derived(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, b"toolgate seal" + salt, "sha256")


def new_key() -> str:
    """A key as it is written into a file or into `TOOLGATE_KEYS`."""
    return base64.b64encode(secrets.token_bytes(KEY)).decode()


def load_keyring(file: Path, environ: Mapping[str, str]) -> KeyRing:
    """The keys of `TOOLGATE_KEYS` (separated by commas or spaces), else those of the file, which is made if need be.

    Raises ConfigError for keys that can't be used, or a file that others may read.
    """
    given = environ.get(VARIABLE, "")
    if given.strip():
        return _ring(given, f"environment {VARIABLE}")
    if not file.exists():
        _write_new(file)
    return _ring(_private_text(file), str(file))


def _ring(text: str, place: str) -> KeyRing:
    words = [word for line in text.splitlines() for word in re.split(r"[,\s]+", line.partition("#")[0]) if word]
    if not words:
        raise ConfigError.at(place, "there is no key in it", hint=_HINT)
    return KeyRing([_key(word, place) for word in words])


def _key(word: str, place: str) -> bytes:
    """One key. The word itself is not repeated in an error: it may be half of a key."""
    with contextlib.suppress(ValueError):
        key = base64.b64decode(word.replace("-", "+").replace("_", "/").rstrip("=") + "=", validate=True)
        if len(key) == KEY:
            return key
    raise ConfigError.at(place, "it holds a word that is no key", hint=_HINT)


def _write_new(file: Path) -> None:
    """Makes the file with one key; of two who make it at the same time, one is first and both use his."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as opened:
            opened.write(f"# The keys of Toolgate's secrets. The first one seals, all unseal.\n{new_key()}\n")
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _private_text(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        status = os.fstat(opened.fileno())
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            hint = f"make it yours alone: `chmod 600 {file}`; if others have read it, change its keys"
            raise ConfigError.at(str(file), "this file of keys may be read by others, so it is not used", hint=hint)
        return opened.read()
