"""Where it listens, and where not. What it says there is in tests/flows."""

import asyncio
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from gateway.errors import ConfigError
from gateway.serve.http import Address, app, serve_http
from gateway.serve.origins import Origins
from tests.fixtures.gateway_app import Setup, opened
from tests.fixtures.served import request


def served(tmp_path: Path, address: Address) -> str:
    """Serves until it is ready; the URL."""
    setup = Setup(tmp_path)
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")
    urls: list[str] = []

    async def ready(url: str) -> None:
        async with httpx2.AsyncClient() as client:
            health = await client.get(url.replace("/mcp", "/health"))
            assert health.json() == {"status": "ok"}
        urls.append(url)
        os.kill(os.getpid(), signal.SIGTERM)

    async def work() -> None:
        async with opened(setup, http=True) as parts:
            await serve_http(parts.served(setup.entry), address, ready)

    asyncio.run(work())
    return urls[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_it_listens_on_loopback_and_says_where(tmp_path: Path, host: str) -> None:
    url = served(tmp_path, Address(host, 0))
    assert url.startswith("http://")
    assert int(url.split("/")[2].rpartition(":")[2]) > 0


def test_an_ipv6_address_stands_in_brackets(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert served(tmp_path, Address("::1", 0)).startswith("http://[::1]:")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "localhost.evil.example"])  # noqa: S104
def test_an_address_that_others_could_reach_is_refused(tmp_path: Path, host: str) -> None:
    setup = Setup(tmp_path)
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")

    async def work() -> None:
        async with opened(setup) as parts:
            with pytest.raises(ConfigError, match="is not loopback"):
                app(parts.served(setup.entry), Address(host))

    asyncio.run(work())


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigError, match="0 takes a free port"):
        served(tmp_path, Address(port=other.getsockname()[1]))


def test_a_port_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="port 70000"):
        served(tmp_path, Address(port=70_000))


def test_a_host_of_ones_own_can_be_let_in(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")
    codes: list[int] = []
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/list",
    }

    async def ready(url: str) -> None:
        async with httpx2.AsyncClient(headers=headers) as client:
            for host, origin in (("gate.test", None), ("gate.test", "https://ide.test"), ("x.test", None)):
                more = {"host": host} | ({"origin": origin} if origin else {})
                answer = await client.post(url, json=request("tools/list", era="modern"), headers=more)
                codes.append(answer.status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    async def work() -> None:
        entry = replace(setup.entry, origins=Origins(("gate.test",), ("https://ide.test",)))
        async with opened(setup, http=True) as parts:
            await serve_http(parts.served(entry), Address(port=0), ready)

    asyncio.run(work())
    assert codes == [200, 200, 421]
