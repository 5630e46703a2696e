import asyncio
import dataclasses
from typing import Any

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.upstream.auth.authority import Authority, ClientKeys
from gateway.upstream.auth.client_credentials import ClientCredentials
from gateway.upstream.auth.credentials import Credentials
from tests.fixtures.auth_server import SECRET, AuthServer
from tests.gateway.upstream.auth.conftest import ANN, BOB

KEYS = ClientKeys("machine", SECRET)


@pytest.fixture
def pinned(authority: Authority, auth: AuthServer) -> Authority:
    return dataclasses.replace(authority, issuer=auth.issuer, scopes="read")


def challenge(auth: AuthServer) -> str:
    return f'Bearer resource_metadata="{auth.mcp.removesuffix("/mcp")}/.well-known/oauth-protected-resource/mcp"'


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_gateways_own_token_is_everybodys(auth: AuthServer, pinned: Authority, method: Any) -> None:
    async def go() -> None:
        credentials = Credentials(ClientCredentials(pinned, dataclasses.replace(KEYS, method=method)))
        assert credentials.per_subject is False
        assert await credentials.headers(ANN) == {}  # before the server has said what it wants
        headers = await credentials.renewed(ANN, {}, challenge(auth))
        assert headers
        assert await credentials.headers(BOB) == await credentials.headers(None) == headers

    asyncio.run(go())
    (form,) = auth.asked("/token")
    assert (form["grant_type"], form["resource"], form["scope"]) == ("client_credentials", auth.mcp, "read")


def test_a_token_that_is_about_to_end_is_replaced(auth: AuthServer, pinned: Authority) -> None:
    async def go() -> None:
        now = [1000.0]
        source = ClientCredentials(pinned, KEYS, clock=lambda: now[0])
        credentials = Credentials(source, clock=lambda: now[0])
        first = await credentials.renewed(None, {}, challenge(auth))
        now[0] += 3595
        assert await credentials.headers(None) not in ({}, first)

    asyncio.run(go())


def test_many_calls_at_once_ask_for_one_token(auth: AuthServer, pinned: Authority) -> None:
    async def go() -> None:
        credentials = Credentials(ClientCredentials(pinned, KEYS))
        await asyncio.gather(*(credentials.renewed(ANN, {}, challenge(auth)) for _ in range(10)))

    asyncio.run(go())
    assert len(auth.asked("/token")) == 1


@pytest.mark.parametrize("issuer", ["https://idp.example", "http://127.0.0.1:9"])
def test_the_secret_goes_to_the_configured_issuer_and_nowhere_else(
    auth: AuthServer, pinned: Authority, issuer: str
) -> None:
    credentials = Credentials(ClientCredentials(dataclasses.replace(pinned, issuer=issuer), KEYS))
    with pytest.raises(UpstreamUnavailable) as wrong:
        asyncio.run(credentials.renewed(None, {}, challenge(auth)))
    assert "issuer mismatch" in wrong.value.why
    assert SECRET not in wrong.value.why
    assert auth.asked("/token") == []


def test_a_secret_that_is_wrong_is_said_without_the_secret(auth: AuthServer, pinned: Authority) -> None:
    credentials = Credentials(ClientCredentials(pinned, ClientKeys("machine", "wrong-secret")))
    with pytest.raises(UpstreamUnavailable) as wrong:
        asyncio.run(credentials.renewed(None, {}, challenge(auth)))
    assert wrong.value.why == "there is no token for it: 127.0.0.1 answered HTTP 400 `invalid_client`"
