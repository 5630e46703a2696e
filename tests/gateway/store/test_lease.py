"""Who drives a run: the dead are followed at once, the living never, and the frozen can record nothing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import LeaseLost, StoreError, UnknownRun
from gateway.events import Started
from gateway.store import Lease
from gateway.store import lease as module
from gateway.store.database import DatabaseStore
from gateway.store.lease import is_dead, leased, machine, owner_name
from tests.builders import QUEUED, STARTED, Clock
from tests.fixtures.stores import Place, cue, line_of, store_at, tables, worker

PATIENCE = 60.0  # seconds: only a test that hangs takes them
HOST = machine()


@pytest.fixture
def run(store: DatabaseStore) -> str:
    """A run that anybody may drive."""
    asyncio.run(store.append("r-1", [QUEUED, STARTED], lease=None))
    return "r-1"


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases with a heart that beats every ten milliseconds."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.03)


def owner_of(store: DatabaseStore) -> str | None:
    return asyncio.run(store.run_row("r-1")).owner


# ---- names


def a_dead_process() -> int:
    """The number of a process that was on this machine and is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_every_drive_has_a_name_of_its_own() -> None:
    assert len({owner_name() for _ in range(100)}) == 100
    assert owner_name().startswith(f"{HOST}/{os.getpid()}/")


def test_whoever_lives_is_not_dead() -> None:
    assert not is_dead(owner_name())
    assert not is_dead(f"{HOST}/{os.getppid()}/0123abcd.1")
    assert not is_dead(f"{HOST}/1/0123abcd.1")  # somebody else's, perhaps


def test_a_process_that_is_no_more_is_dead() -> None:
    assert is_dead(f"{HOST}/{a_dead_process()}/0123abcd.1")


def test_one_that_had_our_number_before_us_is_dead() -> None:
    """As in a container, where the first process has the same number after every restart."""
    assert is_dead(f"{HOST}/{os.getpid()}/0123abcd.1")


@pytest.mark.parametrize("process", ["", "one", "-1", "²", "1.0", " 1", str(10**20), "1\n"])
@pytest.mark.parametrize("host", [HOST, "elsewhere", ""])
def test_of_whoever_is_not_known_to_be_dead_nothing_is_assumed(host: str, process: str) -> None:
    assert not is_dead(f"{host}/{process}/x.1")
    assert not is_dead(f"{host}/{process}")
    assert not is_dead(host)


@pytest.mark.skipif(sys.platform != "linux", reason="there are PID namespaces on Linux only")
@pytest.mark.parametrize("other", ["", "@", "@0123456789ab"])
def test_of_whoever_has_the_name_of_our_host_and_other_process_numbers_nothing_is_known(other: str) -> None:
    """A container on its host's network; or an owner who wrote no more than the host's name, as of old."""
    for process in (a_dead_process(), os.getpid()):
        assert not is_dead(f"{socket.gethostname()}{other}/{process}/0123abcd.1")


@pytest.mark.parametrize("unreadable", ["read_text", "readlink"])
@pytest.mark.skipif(sys.platform != "linux", reason="there are PID namespaces on Linux only")
def test_where_nobody_says_who_counts_the_processes_none_is_judged_by_its_number(
    monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    def closed(*_: object) -> str:
        raise PermissionError

    before = owner_name()
    module.numbered_by.cache_clear()
    monkeypatch.setattr(Path, unreadable, closed)
    try:
        assert module.machine() == module.machine() != before.partition("/")[0]
        assert not is_dead(f"{before.partition('/')[0]}/{a_dead_process()}/0123abcd.1")
    finally:
        module.numbered_by.cache_clear()


@pytest.fixture
def named_anew() -> Iterator[Callable[[], str]]:
    """What this machine is called by somebody who looks for the first time."""

    def name() -> str:
        module.numbered_by.cache_clear()
        return module.machine()

    yield name
    module.numbered_by.cache_clear()


class Libc:
    """A Mac's, as far as it says which start of the machine this is; none says nothing."""

    def __init__(self, start: bytes | None) -> None:
        self._start = start

    def sysctlbyname(self, name: bytes, into: Any, _size: object, _new: None, _length: int) -> int:
        if name != b"kern.bootsessionuuid" or self._start is None:
            return -1
        into.value = self._start
        return 0


def test_two_macs_of_one_name_are_two_machines(monkeypatch: pytest.MonkeyPatch, named_anew: Callable[[], str]) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    def name(start: bytes | None) -> str:
        monkeypatch.setattr("ctypes.CDLL", lambda _: Libc(start))
        return named_anew()

    first, again, other = name(b"0C3B-1"), name(b"0C3B-1"), name(b"0C3B-2")
    assert first == again != other
    assert {each.partition("@")[0] for each in (first, other)} == {socket.gethostname()}
    for silent in (None, b""):  # then every process is a machine of its own
        assert name(silent) != name(silent)


def test_elsewhere_machines_are_told_apart_by_their_network_cards(
    monkeypatch: pytest.MonkeyPatch, named_anew: Callable[[], str]
) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd")

    def name(card: int) -> str:
        monkeypatch.setattr("uuid.getnode", lambda: card)
        return named_anew()

    assert name(0x0242AC110002) == name(0x0242AC110002) != name(0x0242AC110003)
    assert name(0x0342AC110002) != name(0x0342AC110002)  # made up, as it is where there is none


def test_of_the_processes_of_another_machine_nothing_is_known() -> None:
    assert not is_dead(f"elsewhere/{a_dead_process()}/x.1")


# ---- holding


def test_a_run_is_driven_by_one_and_let_go_at_the_end(store: DatabaseStore, run: str) -> None:
    async def scenario() -> None:
        async with leased(store, run) as lease:
            assert (await store.run_row(run)).owner == lease.owner
            with pytest.raises(LeaseLost, match=f"run `r-1` is being driven by {lease.owner}"):
                await leased(store, run).__aenter__()
            await store.append(run, [STARTED], lease=lease)
        assert (await store.run_row(run)).owner is None
        async with leased(store, run) as following:
            assert following.epoch == lease.epoch + 1

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [ValueError, KeyError, asyncio.CancelledError])
def test_it_is_let_go_when_the_work_fails(store: DatabaseStore, run: str, error: type[BaseException]) -> None:
    async def scenario() -> None:
        async with leased(store, run):
            raise error

    with pytest.raises(error):
        asyncio.run(scenario())
    assert owner_of(store) is None


def test_who_is_called_off_while_the_store_makes_him_the_driver_leaves_no_lease(
    store: DatabaseStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        asked, answers, acquire = asyncio.Event(), asyncio.Event(), store.acquire
        made: list[asyncio.Task[Lease | None]] = []

        async def slow(*given: Any) -> Lease | None:
            made.append(asyncio.ensure_future(acquire(*given)))  # a store makes it whoever waits for it
            asked.set()
            await answers.wait()
            return await made[0]

        async def drive() -> None:
            async with leased(store, run):
                raise AssertionError("it was called off before")

        monkeypatch.setattr(store, "acquire", slow)
        driver = asyncio.create_task(drive())
        await asked.wait()
        driver.cancel()
        await made[0]
        answers.set()
        with pytest.raises(asyncio.CancelledError):
            await driver
        assert (await store.run_row(run)).owner is None

    asyncio.run(scenario())


def test_an_id_may_be_cut_short(store: DatabaseStore) -> None:
    async def scenario() -> Lease:
        await store.append("r-123456789", [QUEUED], lease=None)
        async with leased(store, "r-1234") as lease:
            return lease

    assert asyncio.run(scenario()).run_id == "r-123456789"


def test_nobody_drives_what_is_not_there(store: DatabaseStore) -> None:
    with pytest.raises(UnknownRun):
        asyncio.run(leased(store, "r-none").__aenter__())


@pytest.mark.usefixtures("fast")
def test_the_heart_beats_as_long_as_the_work_takes(
    store: DatabaseStore, run: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = asyncio.Event()
    renew = store.renew

    async def heard(lease: Lease, seconds: float) -> None:
        await renew(lease, seconds)
        beat.set()

    async def scenario() -> None:
        async with leased(store, run):
            for _ in range(5):
                clock.tick(25)
                for _ in range(2):  # the first is perhaps on its way since before the tick
                    beat.clear()
                    await beat.wait()
                assert (await store.run_row(run)).lease_until == clock.now + 30

    monkeypatch.setattr(store, "renew", heard)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


# ---- losing


@pytest.mark.usefixtures("fast")
def test_whoever_loses_a_lease_is_stopped_and_told(store: DatabaseStore, run: str) -> None:
    async def drive() -> None:
        async with leased(store, run) as lease:
            assert await store.acquire(run, "here/9/thief", 60.0, gone=lease.owner)
            await asyncio.Event().wait()

    async def scenario() -> None:
        with pytest.raises(LeaseLost, match="driven by another worker now"):
            await drive()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0  # whoever drives on after it is not half cancelled
        assert (await store.run_row(run)).owner == "here/9/thief"

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


@pytest.mark.usefixtures("fast")
def test_whoever_is_cancelled_is_cancelled_even_if_the_lease_is_lost_too(store: DatabaseStore, run: str) -> None:
    async def drive(begun: asyncio.Event) -> None:
        async with leased(store, run) as lease:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # while it tidies up, somebody takes the run
                await store.acquire(run, "here/9/thief", 60.0, gone=lease.owner)
                await asyncio.Event().wait()

    async def scenario() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(drive(begun))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        assert task.cancelled()

    asyncio.run(scenario())


@pytest.mark.usefixtures("fast")
def test_a_store_that_fails_for_a_moment_stops_nobody(
    store: DatabaseStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew, beats = store.renew, list[Lease]()

    async def scenario() -> None:
        again = asyncio.Event()

        async def faltering(lease: Lease, seconds: float) -> None:
            beats.append(lease)
            if len(beats) < 3:
                raise StoreError("the store could not write: database or disk is full")
            await renew(lease, seconds)
            again.set()

        monkeypatch.setattr(store, "renew", faltering)
        async with leased(store, run):
            await again.wait()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_lease_that_cant_be_given_back_hides_no_error(
    store: DatabaseStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_lease: Lease) -> None:
        raise StoreError("the store could not write: database or disk is full")

    async def scenario() -> None:
        async with leased(store, run):
            raise ValueError("what really happened")

    monkeypatch.setattr(store, "release", refuse)
    with pytest.raises(ValueError, match="what really happened"):
        asyncio.run(scenario())


# ---- other processes


@pytest.fixture
def shared(place: Place) -> Iterator[DatabaseStore]:
    """A store with the real clock, as other processes have it, and a run in it."""
    opened = store_at(place)
    asyncio.run(opened.append("r-1", [QUEUED, STARTED], lease=None))
    yield opened
    opened.close()


def test_a_worker_that_was_killed_is_followed_at_once(shared: DatabaseStore, place: Place) -> None:
    with worker("hold", place, "r-1") as process:
        owner = line_of(process)
        assert owner_of(shared) == owner
        process.kill()
        process.wait()

    async def scenario() -> None:
        async with leased(shared, "r-1") as lease:
            assert lease.epoch == 2

    until = asyncio.run(shared.run_row("r-1")).lease_until
    asyncio.run(scenario())
    assert asyncio.run(shared.run_row("r-1")).updated < until  # it would have had the lease for much longer


def test_a_worker_that_lives_is_not_followed(shared: DatabaseStore, place: Place) -> None:
    with worker("hold", place, "r-1") as process:
        owner = line_of(process)
        with pytest.raises(LeaseLost, match=f"is being driven by {owner}"):
            asyncio.run(leased(shared, "r-1").__aenter__())
        cue(process)
        assert line_of(process) == "released"
    assert owner_of(shared) is None


def test_a_worker_that_was_frozen_can_record_nothing_when_it_wakes(shared: DatabaseStore, place: Place) -> None:
    with worker("freeze", place, "r-1", "here/1/frozen", 0.3) as process:
        assert line_of(process) == "ready"
        cue(process)
        assert line_of(process) == "done done"  # and its lease is long now
        os.kill(process.pid, signal.SIGSTOP)
        new = asyncio.run(shared.acquire("r-1", "here/2/new", 60.0, gone="here/1/frozen"))
        assert new is not None
        asyncio.run(shared.append("r-1", [Started(new.owner)], lease=new))
        before = tables(place)
        os.kill(process.pid, signal.SIGCONT)
        for _ in range(3):
            cue(process)
            assert line_of(process) == "LeaseLost LeaseLost"
    assert tables(place) == before


def test_a_worker_that_is_frozen_for_longer_than_its_lease_is_followed(shared: DatabaseStore, place: Place) -> None:
    with worker("freeze", place, "r-1", "here/1/frozen", 0.2) as process:
        assert line_of(process) == "ready"
        os.kill(process.pid, signal.SIGSTOP)
        new = asyncio.run(asyncio.wait_for(_as_soon_as_possible(shared), PATIENCE))
        os.kill(process.pid, signal.SIGCONT)
        cue(process)
        assert line_of(process) == "LeaseLost LeaseLost"
    assert asyncio.run(shared.append("r-1", [Started(new.owner)], lease=new)) == 3


async def _as_soon_as_possible(store: DatabaseStore) -> Lease:
    while (lease := await store.acquire("r-1", "here/2/new", 60.0)) is None:  # noqa: ASYNC110 - nothing else tells
        await asyncio.sleep(0.01)
    return lease
