"""`sslmode=verify-full`: only the server that the authority knows, at the address that it has said."""

import asyncio
import contextlib
import socket
import threading
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.store.postgres.store import PostgresStore
from tests.builders import QUEUED
from tests.fixtures.postgres import Server
from tests.fixtures.sealed import Authority, before


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path, "ours")


def sealed(url: str, postgres: Server, port: int, more: str) -> str:
    """The same store, reached by TLS."""
    there = url.replace(f"@/postgres?host={postgres.folder}", f"@127.0.0.1:{port}/postgres?sslmode=verify-full")
    assert there != url
    return f"{there}&{more}"


def test_a_server_that_its_authority_knows_is_used(tmp_path: Path, postgres: Server, url: str, ours: Authority) -> None:
    with (
        before(postgres.folder, ours.context(tmp_path, "127.0.0.1")) as port,
        contextlib.closing(PostgresStore(sealed(url, postgres, port, f"sslrootcert={ours.file}"))) as store,
    ):
        asyncio.run(store.append("r-1", [QUEUED], lease=None))
    with contextlib.closing(PostgresStore(url)) as store:
        assert asyncio.run(store.run_row("r-1")).status == "queued"


@pytest.mark.parametrize("wrong", ["of another authority", "of another address", "known to nobody"])
def test_any_other_server_is_refused_with_what_to_do(
    tmp_path: Path, postgres: Server, url: str, ours: Authority, wrong: str
) -> None:
    signing = Authority.made(tmp_path, "theirs") if wrong == "of another authority" else ours
    address = "127.0.0.2" if wrong == "of another address" else "127.0.0.1"
    trusted = "sslrootcert=system" if wrong == "known to nobody" else f"sslrootcert={ours.file}"
    with before(postgres.folder, signing.context(tmp_path, address)) as port:
        there = sealed(url, postgres, port, trusted)
        with pytest.raises(StoreError, match=r"can't be opened: .*certificate .*`sslrootcert` says"):
            PostgresStore(there)


def test_a_server_without_tls_is_refused(postgres: Server, url: str, ours: Authority) -> None:
    """Over a socket on this machine there is none; so here it is one that turns everybody away who asks for it."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def refuse() -> None:
            with contextlib.suppress(OSError):
                client, _ = door.accept()
                with client:
                    client.recv(8)
                    client.sendall(b"N")
                    client.recv(1)

        keeper = threading.Thread(target=refuse, daemon=True)
        keeper.start()
        there = sealed(url, postgres, door.getsockname()[1], f"sslrootcert={ours.file}")
        with pytest.raises(StoreError, match="the server speaks no TLS"):
            PostgresStore(there)
        keeper.join()
