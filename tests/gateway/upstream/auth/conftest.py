"""An authorization server with an MCP server that takes its tokens, and users with browsers."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from gateway.call import Subject
from gateway.keyring import KeyRing
from gateway.reach import Reach
from gateway.upstream.auth.authority import Authority
from gateway.upstream.auth.vault import Vault
from tests.fixtures.auth_server import AuthServer, serving

ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    """The two servers, well-behaved; `auth.knobs` changes that."""
    with serving() as server:
        yield server


@pytest.fixture
def open_auth() -> Iterator[AuthServer]:
    """An MCP server that wants no token, and says nothing about one."""
    with serving(demands=False) as server:
        yield server


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "logins", KeyRing([b"k" * 32]))


@pytest.fixture
def authority(auth: AuthServer) -> Authority:
    """The server, with its authorization server allowed: both are on loopback."""
    return Authority("tracker", auth.mcp, Reach.of(["127.0.0.1"], [auth.mcp]))


async def browse(url: str) -> httpx2.Response:
    """Goes where the address leads, as a browser would."""
    async with httpx2.AsyncClient(follow_redirects=True, timeout=30) as browser:
        return await browser.get(url)


@pytest.fixture
def browser() -> Callable[[str], Awaitable[None]]:
    """What a log-in shows its address to."""
    tabs: set[asyncio.Task[httpx2.Response]] = set()

    async def show(url: str) -> None:
        tabs.add(asyncio.create_task(browse(url)))

    return show
