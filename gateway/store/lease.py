"""Who drives a run: a lease with a heartbeat, fenced by the store.

A worker that was killed leaves a lease behind; on the same machine it is seen to be dead at once, elsewhere after
`LEASE_SECONDS`. Containers have process numbers of their own, and may share the name of their host: only among
processes that count with the same numbers does a missing one say anything. A worker that was only frozen finds, when it
wakes, that it can record nothing more.

The lease is 9 s, with a beat every 3 s. So a death is noticed 6 to 9 s later; and a driver must have missed two beats,
each of which may be late by as long as a busy machine likes, before he can lose a run that he has. Shorter would be
noticed sooner, and would cost where it hurts: what a driver has sent when he loses his run is in doubt, and a person
is asked. (Against a store that was away, or a machine that slept, for everybody, see `gateway.worker`.)
"""

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path

from gateway.errors import LeaseLost, StoreError, ToolgateError
from gateway.shielded import shielded
from gateway.store import Lease, RunRow, Store

__all__ = ["LEASE_SECONDS", "beating", "is_dead", "leased", "machine", "numbered_by", "owner_name", "process_of"]

LEASE_SECONDS = 9.0
_PID = re.compile(r"[0-9]{1,9}")
_PROCESS = secrets.token_hex(4)  # a container's processes have the same few numbers after every restart


def machine() -> str:
    """Where process numbers mean the same processes: the host's name, and a hash of what is one machine's alone."""
    return f"{socket.gethostname()}{numbered_by()}"


@cache
def numbered_by() -> str:
    """Of a start of Linux its boot and PID namespace, of one of macOS its id; elsewhere the address of a network card:
    many machines have the same name. Where that can't be read, no other process is judged by its number.
    """
    try:
        known = _STARTS.get(sys.platform, _card)()
    except (OSError, ValueError, AttributeError):
        return f"@{secrets.token_hex(6)}"
    return f"@{hashlib.sha256(known.encode()).hexdigest()[:12]}"


def _linux() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    return f"{boot.strip()} {Path('/proc/self/ns/pid').readlink()}"


def _macos() -> str:
    import ctypes

    found, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", found, ctypes.byref(size), None, 0) or not found.value:
        raise OSError("no kern.bootsessionuuid")
    return found.value.decode("ascii")


def _card() -> str:
    from uuid import getnode

    address = getnode()
    if address >> 40 & 1:
        raise ValueError("made up: no card was found")
    return f"{address:x}"


_STARTS: Mapping[str, Callable[[], str]] = {"linux": _linux, "darwin": _macos}


def owner_name() -> str:
    """`machine/pid/random.random`: one for each drive, so that two in one process are fenced from each other too."""
    return f"{machine()}/{os.getpid()}/{_PROCESS}.{secrets.token_hex(4)}"


def process_of(owner: str) -> str:
    """What all owners in one process have in common."""
    return owner.rpartition(".")[0]


def is_dead(owner: str) -> bool:
    """Whether this owner is known to be gone: its process had a number as we have, and is no more.

    Names of old, with the host's name alone, say too little: their leases run out.
    """
    host, _, rest = owner.partition("/")
    pid, _, name = rest.partition("/")
    if host != machine() or not _PID.fullmatch(pid):
        return False
    if int(pid) == os.getpid():
        return not name.startswith(f"{_PROCESS}.")
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, and is somebody else's
        return False
    return False


@contextlib.asynccontextmanager
async def leased(store: Store, run_id: str) -> AsyncIterator[Lease]:
    """Holds the right to drive a run, as `beating` does. Raises LeaseLost when another worker has it."""
    row = await store.run_row(run_id)
    lease = await _acquired(store, row)
    if lease is None:
        raise LeaseLost(f"run `{row.id}` is being driven by {row.owner or 'another worker'}")
    try:
        async with beating(store, lease):
            yield lease
    finally:
        with contextlib.suppress(StoreError):  # then it runs out by itself
            await shielded(store.release(lease))


async def _acquired(store: Store, row: RunRow) -> Lease | None:
    """The store makes it whoever waits for it: who is called off meanwhile gives it back, or nobody could drive it."""
    gone = row.owner if row.owner and is_dead(row.owner) else None
    acquiring = asyncio.ensure_future(store.acquire(row.id, owner_name(), LEASE_SECONDS, gone))
    try:
        return await asyncio.shield(acquiring)
    except asyncio.CancelledError:
        await shielded(_given_back(store, acquiring))
        raise


async def _given_back(store: Store, acquiring: "asyncio.Future[Lease | None]") -> None:
    with contextlib.suppress(ToolgateError):  # then there is none, or it runs out by itself
        if (lease := await acquiring) is not None:
            await store.release(lease)


@contextlib.asynccontextmanager
async def beating(store: Store, lease: Lease) -> AsyncIterator[None]:
    """Keeps a lease for as long as the block lasts, and leaves it then for somebody to release.

    When it is lost in the middle, the body is cancelled, and LeaseLost is what comes out.
    """
    lost: list[LeaseLost] = []
    driver = asyncio.current_task()
    heart = asyncio.create_task(_beat(store, lease, driver, lost))
    try:
        yield
    except asyncio.CancelledError:
        if lost and driver is not None and driver.uncancel() == 0:  # by the heart, and by nobody else
            raise lost[0] from None
        raise
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart


async def _beat(store: Store, lease: Lease, driver: "asyncio.Task[object] | None", lost: list[LeaseLost]) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        try:
            await store.renew(lease, LEASE_SECONDS)
        except LeaseLost as error:
            lost.append(error)
            if driver is not None:
                driver.cancel()
            return
        except StoreError:  # a full disk, a busy file: there are more beats before the lease is over
            continue
