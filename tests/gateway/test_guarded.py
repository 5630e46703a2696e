import asyncio
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.guarded import CEILING, GuardedTransport, guarded_client
from gateway.reach import Reach
from tests.gateway.upstream.test_pool import JSON, Seen, served

LOOPBACK = Reach.of(["127.0.0.1"])


def resolving(*rounds: Sequence[str]) -> Any:
    """A resolver that gives these addresses, one after the other; the last ones for ever."""
    left = list(rounds)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


class Recorder(httpx2.AsyncBaseTransport):
    """Where requests go; nothing is sent. `down` addresses refuse the connection."""

    def __init__(self, *down: str, **response: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self._down = down
        self._response = {"status_code": 200, **response}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.url.host in self._down:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(**self._response)


async def get(url: str, transport: httpx2.AsyncBaseTransport) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=transport) as client:
        return await client.get(url)


def test_the_connection_goes_to_the_address_that_was_checked_and_names_the_host() -> None:
    recorder = Recorder()
    guard = GuardedTransport(Reach(), resolving(["93.184.215.14"], ["127.0.0.1"]), recorder)
    asyncio.run(get("https://idp.example:8443/token?x=1", guard))
    (request,) = recorder.requests
    assert str(request.url) == "https://93.184.215.14:8443/token?x=1"
    assert request.headers["host"] == "idp.example:8443"
    assert request.extensions["sni_hostname"] == "idp.example"


def test_a_name_that_resolves_differently_a_moment_later_is_looked_at_again() -> None:
    recorder = Recorder()
    guard = GuardedTransport(Reach(), resolving(["93.184.215.14"], ["169.254.169.254"]), recorder)
    asyncio.run(get("https://idp.example/", guard))
    with pytest.raises(httpx2.ConnectError, match="private address"):
        asyncio.run(get("https://idp.example/", guard))
    assert len(recorder.requests) == 1


def test_of_several_addresses_only_the_public_ones_are_tried_one_after_the_other() -> None:
    recorder = Recorder("93.184.215.14")
    guard = GuardedTransport(Reach(), resolving(["10.0.0.1", "93.184.215.14", "::1", "8.8.8.8"]), recorder)
    assert asyncio.run(get("https://idp.example/", guard)).status_code == 200
    assert [request.url.host for request in recorder.requests] == ["93.184.215.14", "8.8.8.8"]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0/",
        "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://127.1/", "https://169.254.169.254/",
        "http://localhost:1/", "https://[fe80::1]/", "https://10.0.0.1/",
    ],
)  # fmt: skip
def test_whatever_a_private_address_looks_like_nothing_is_sent_to_it(url: str) -> None:
    """With the system's own resolver, which understands numbers in every notation."""
    recorder = Recorder()
    with pytest.raises(httpx2.ConnectError, match=r"is not to be reached|can't be resolved"):
        asyncio.run(get(url, GuardedTransport(Reach(), inner=recorder)))
    assert recorder.requests == []


def test_a_redirect_is_not_followed_and_the_next_hop_is_checked_like_the_first() -> None:
    async def go() -> None:
        recorder = Recorder(status_code=307, headers={"location": "https://169.254.169.254/latest/meta-data"})
        guard = GuardedTransport(Reach(), resolving(["93.184.215.14"], ["169.254.169.254"]), recorder)
        async with httpx2.AsyncClient(transport=guard) as client:
            response = await client.get("https://idp.example/")
            assert response.next_request is not None
            with pytest.raises(httpx2.ConnectError, match="private"):
                await client.send(response.next_request)
        assert len(recorder.requests) == 1

    asyncio.run(go())


def test_a_host_that_nobody_knows_is_named() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with pytest.raises(httpx2.ConnectError, match=r"`idp\.example` can't be resolved"):
        asyncio.run(get("https://idp.example/", GuardedTransport(Reach(), unknown)))


def test_an_answer_is_short_or_cut_off() -> None:
    long = b"x" * (CEILING + 1)

    async def go() -> None:
        head = JSON + b"content-length: %d\r\n\r\n" % len(long)
        async with served(answers_to_get(head + long)) as (url, _), guarded_client(LOOPBACK) as client:
            with pytest.raises(httpx2.ReadError, match="longer than"):
                await client.get(url)

    asyncio.run(go())


def test_a_compressed_answer_is_not_unpacked() -> None:
    recorder = Recorder(headers={"content-encoding": "gzip"}, content=b"")
    with pytest.raises(httpx2.ReadError, match="compressed"):
        asyncio.run(get("https://idp.example/", GuardedTransport(Reach(), resolving(["8.8.8.8"]), recorder)))


def test_no_connection_is_used_for_two_names() -> None:
    async def go() -> Seen:
        answer = JSON + b"content-length: 2\r\n\r\n{}"
        async with served(answers_to_get(answer)) as (url, seen), guarded_client(LOOPBACK) as client:
            for _ in range(3):
                assert (await client.get(url)).json() == {}
        return seen

    assert asyncio.run(go()).connections == 3


def test_no_proxy_of_the_environment_does_the_resolving(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def go() -> None:
        answer = JSON + b"content-length: 2\r\n\r\n{}"
        async with served(answers_to_get(answer)) as (url, _), guarded_client(LOOPBACK) as client:
            assert (await client.get(url)).json() == {}

    asyncio.run(go())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, and its key, in one file."""
    file = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(file), "-out", str(tmp_path / "cert.pem"), "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + (tmp_path / "cert.pem").read_text())
    return file


def test_tls_is_for_the_name_and_not_for_the_address(certificate: Path) -> None:
    """The certificate says `localhost`; the connection goes to 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    inner = httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=certificate))

    async def go(host: str) -> httpx2.Response:
        async with served(answers_to_get(JSON + b"content-length: 2\r\n\r\n{}"), context) as (url, _):
            guard = GuardedTransport(LOOPBACK, resolving(["127.0.0.1"]), inner)
            return await get(url.replace("localhost", host), guard)

    assert asyncio.run(go("localhost")).json() == {}
    with pytest.raises(httpx2.ConnectError, match=r"(?i)hostname mismatch"):
        asyncio.run(go("idp.example"))


def answers_to_get(response: bytes) -> Any:
    """Answers each request that has no body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response)
            await writer.drain()

    return serve
