"""Where users' grants are kept: one sealed file for each user and server, readable with our keys only.

A grant is bound to its tenant, user, server and resource: the file's name is a digest of the four, and the seal holds
that digest. A server whose address changes has no grant; a file that is copied over another's does not open.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.call import Subject
from gateway.errors import StoreError
from gateway.keyring import Broken, KeyRing
from gateway.replacing import replace_file, turn
from gateway.upstream.auth.grant import Grant

__all__ = ["Binding", "Kept", "Vault"]

_PURPOSE = b"toolgate grant "
_LOCK_PAUSE, _LOCK_PATIENCE = 0.05, 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose grant it is, and for what. `resource` is the server's address, without user info and fragment."""

    tenant: str
    user: str
    server: str
    resource: str

    @classmethod
    def of(cls, subject: Subject, server: str, resource: str) -> "Binding":
        return cls(subject.tenant, subject.user, server, resource)

    @property
    def digest(self) -> str:
        """The same for the same four, and for no others: JSON keeps them apart."""
        return hashlib.sha256(json.dumps([self.tenant, self.user, self.server, self.resource]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """A grant and whose it is."""

    binding: Binding
    grant: Grant


class Vault:
    """Grants in a folder of their own, shared by all processes of one operating-system user."""

    def __init__(self, folder: Path, keys: KeyRing) -> None:
        self._folder = folder
        self._keys = keys
        self._seen: dict[Binding, tuple[tuple[int, int, int], Grant]] = {}

    def read(self, binding: Binding) -> Grant | None:
        """The grant, if there is one that we can read. Raises StoreError for one that does not open."""
        path = self._path(binding)
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if binding in self._seen and self._seen[binding][0] == stamp:
                return self._seen[binding][1]
            grant = self._opened(path).grant
        except FileNotFoundError:
            self._seen.pop(binding, None)
            return None
        self._seen[binding] = (stamp, grant)
        return grant

    def write(self, binding: Binding, grant: Grant) -> None:
        """Takes the place of what was there, in one step. Raises OSError."""
        with self._turn():
            self._put(binding, grant)

    def swap(self, binding: Binding, old: Grant, new: Grant | None) -> bool:
        """Puts `new` (None: nothing) in the place of `old`. False, and nothing is done, where something else is there
        by now, or nothing: somebody has logged in or out meanwhile. Raises OSError.
        """
        with self._turn():
            if self.read(binding) != old:
                return False
            if new is None:
                self._path(binding).unlink(missing_ok=True)
            else:
                self._put(binding, new)
            return True

    def remove(self, binding: Binding) -> bool:
        """Whether there was one. Raises OSError."""
        if not self._folder.is_dir():
            return False
        with self._turn(), contextlib.suppress(FileNotFoundError):
            self._path(binding).unlink()
            return True
        return False

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Nobody else writes meanwhile, which takes milliseconds."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with turn(self._folder, "another process keeps the log-ins to itself"):
            yield

    def _put(self, binding: Binding, grant: Grant) -> None:
        text = json.dumps({"binding": asdict(binding), "grant": grant.to_json()}).encode()
        sealed = self._keys.seal(text, _PURPOSE + binding.digest.encode())
        replace_file(self._path(binding), sealed, 0o600)

    def all(self) -> Iterator[Kept]:
        """Every grant that opens, in no particular order."""
        for path in sorted(self._folder.glob("*.grant")):
            with contextlib.suppress(StoreError, FileNotFoundError):
                yield self._opened(path)

    @asynccontextmanager
    async def locked(self, binding: Binding) -> AsyncIterator[None]:
        """Nobody else renews this grant meanwhile, in no process: a refresh token may be good for one use only.

        Raises StoreError when another one holds it for half a minute.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder / f"{binding.digest}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await _locked(handle)
            yield
        finally:
            os.close(handle)  # which unlocks it

    def _path(self, binding: Binding) -> Path:
        return self._folder / f"{binding.digest}.grant"

    def _opened(self, path: Path) -> Kept:
        try:
            text = self._keys.unseal(path.read_bytes(), _PURPOSE + path.stem.encode())
            value = json.loads(text)
            return Kept(Binding(**value["binding"]), Grant.from_json(value["grant"]))
        except (Broken, ValueError, TypeError, KeyError):
            hint = "log in again, or bring back the key that sealed it"
            raise StoreError(f"the kept log-in {path.name[:12]}... can't be opened: {hint}") from None


async def _locked(handle: int) -> None:
    end = asyncio.get_running_loop().time() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if asyncio.get_running_loop().time() > end:
                raise StoreError("another process has been renewing this log-in for half a minute") from None
            await asyncio.sleep(_LOCK_PAUSE)
