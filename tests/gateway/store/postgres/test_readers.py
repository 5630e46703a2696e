"""Connections that read: a few, replaced when they are lost."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from gateway.errors import StoreError
from gateway.store.postgres.address import address
from gateway.store.postgres.readers import MOST, Readers
from gateway.store.postgres.session import Session


class Counted:
    def __init__(self, url: str) -> None:
        self.url, self.made = url, list[Session]()

    def __call__(self) -> Session:
        self.made.append(Session(address(self.url)))
        return self.made[-1]


@pytest.fixture
def connect(url: str) -> Counted:
    return Counted(url)


@pytest.fixture
def readers(connect: Counted) -> Iterator[Readers]:
    opened = Readers(connect, address(connect.url))
    yield opened
    opened.close()


def test_a_connection_is_used_again(readers: Readers, connect: Counted) -> None:
    assert [readers.read("SELECT ? + 1", (n,)) for n in range(3)] == [[(1,)], [(2,)], [(3,)]]
    assert len(connect.made) == 1


def test_a_connection_that_was_lost_is_replaced_for_who_reads(readers: Readers, connect: Counted) -> None:
    (pid,) = readers.read("SELECT pg_backend_pid()", ())[0]
    with_another = Session(address(connect.url))
    with_another.script(f"SELECT pg_terminate_backend({pid}, 10000)")
    with_another.close()
    assert readers.read("SELECT pg_backend_pid() <> ?", (pid,)) == [(True,)]
    connect.made[-1].close()
    assert readers.read("SELECT 1", ()) == [(1,)]
    assert len(connect.made) == 3


def test_what_can_not_be_read_is_an_error_and_the_connection_is_kept(readers: Readers, connect: Counted) -> None:
    with pytest.raises(StoreError, match=r"can't be read: relation .nothing. does not exist"):
        readers.read("SELECT 1 FROM nothing", ())
    assert readers.read("SELECT 1", ()) == [(1,)]
    assert len(connect.made) == 1


@pytest.mark.parametrize("name", ["\x00", "\udc80"])
def test_a_name_that_is_no_text_is_nobodys(readers: Readers, name: str) -> None:
    assert readers.read("SELECT 1 WHERE ? = 'x'", (name,)) == []


def test_whoever_waits_does_so_in_a_thread_and_the_rest_goes_on(readers: Readers, connect: Counted) -> None:
    async def scenario() -> list[str]:
        looks = (readers.apart(lambda: str(readers.read("SELECT pg_sleep(0.01)", ()))) for _ in range(3 * MOST))
        names = readers.apart(lambda: threading.current_thread().name)
        return [*await asyncio.gather(*looks), await names]

    *found, name = asyncio.run(scenario())
    assert len(found) == 3 * MOST
    assert name.startswith("toolgate-store-read")
    assert len(connect.made) <= MOST


def test_after_the_end_nobody_reads(readers: Readers) -> None:
    readers.close()
    with pytest.raises(StoreError, match="closed"):
        readers.read("SELECT 1", ())
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(readers.apart(lambda: 1))
