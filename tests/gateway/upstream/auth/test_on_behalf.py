import asyncio
import dataclasses
from typing import Any

import pytest

from gateway.errors import LogInNeeded, UpstreamUnavailable
from gateway.reach import Reach
from gateway.upstream.auth.authority import SUBJECT_TOKEN_TYPES, Authority, ClientKeys
from gateway.upstream.auth.credentials import Credentials
from gateway.upstream.auth.on_behalf import Assertion, OnBehalf, TokenExchange
from gateway.upstream.auth.subject_tokens import SubjectTokens
from tests.fixtures.auth_server import SECRET, AuthServer
from tests.gateway.upstream.auth.conftest import ANN, BOB

KEYS = ClientKeys("machine", SECRET)
ACCESS = SUBJECT_TOKEN_TYPES["access_token"]


@pytest.fixture
def pinned(authority: Authority, auth: AuthServer) -> Authority:
    auth.brought.update({"brought-by-ann": "ann", "brought-by-bob": "bob"})
    return dataclasses.replace(authority, issuer=auth.issuer)


@pytest.fixture(params=["exchange", "assertion"])
def source(request: pytest.FixtureRequest, pinned: Authority, auth: AuthServer) -> tuple[OnBehalf, SubjectTokens]:
    """Both ways."""
    trades: dict[str, Any] = {
        "exchange": TokenExchange(pinned, KEYS, ACCESS, audience="tracker-api"),
        "assertion": Assertion(pinned, KEYS, ACCESS, auth.issuer, KEYS),
    }
    tokens = SubjectTokens()
    return OnBehalf(pinned, tokens, trades[request.param]), tokens


def test_each_subjects_token_is_exchanged_for_one_of_his_own(
    auth: AuthServer, source: tuple[OnBehalf, SubjectTokens]
) -> None:
    async def go() -> None:
        credentials, tokens = Credentials(source[0]), source[1]
        assert credentials.per_subject
        tokens.keep(ANN, "brought-by-ann")
        tokens.keep(BOB, "brought-by-bob")
        for subject, user in ((ANN, "ann"), (BOB, "bob"), (ANN, "ann")):
            headers = await credentials.headers(subject)
            assert auth.tokens[headers["authorization"].removeprefix("Bearer ")].user == user

    asyncio.run(go())
    exchanges = [form for form in auth.asked("/token") if "subject_token" in form]
    assert len(exchanges) == 2  # the third time it was at hand
    assert {form["resource"] for form in exchanges} == {auth.mcp}


def test_who_has_brought_no_token_is_nobody_to_act_for(
    auth: AuthServer, source: tuple[OnBehalf, SubjectTokens]
) -> None:
    async def go() -> None:
        credentials, tokens = Credentials(source[0]), source[1]
        tokens.keep(ANN, "brought-by-ann")
        await credentials.headers(ANN)
        for other in (BOB, dataclasses.replace(ANN, tenant="other"), None):
            with pytest.raises(LogInNeeded):
                await credentials.headers(other)

    asyncio.run(go())
    assert len([form for form in auth.asked("/token") if "subject_token" in form]) == 1


def test_an_exchanged_token_is_not_used_when_the_one_it_was_exchanged_for_has_ended(
    auth: AuthServer, pinned: Authority
) -> None:
    async def go() -> None:
        now = [1000.0]
        tokens = SubjectTokens(lambda: now[0])
        credentials = Credentials(OnBehalf(pinned, tokens, TokenExchange(pinned, KEYS, ACCESS)))
        tokens.keep(ANN, "brought-by-ann", expires=1060)
        await credentials.headers(ANN)
        now[0] = 1061
        with pytest.raises(LogInNeeded, match="has brought none that holds"):
            await credentials.headers(ANN)

    asyncio.run(go())


def test_after_a_401_it_is_exchanged_again(auth: AuthServer, pinned: Authority) -> None:
    async def go() -> None:
        now = [1000.0]
        tokens = SubjectTokens()
        source = OnBehalf(pinned, tokens, TokenExchange(pinned, KEYS, ACCESS), clock=lambda: now[0])
        credentials = Credentials(source, clock=lambda: now[0])
        tokens.keep(ANN, "brought-by-ann")
        first = await credentials.headers(ANN)
        now[0] += 60
        assert await credentials.renewed(ANN, first, "") not in (None, first)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"metadata": {"issuer": "https://evil.example"}}, "issuer mismatch"),
        ({"metadata": {"token_endpoint": "https://10.0.0.1/token"}}, "private address"),
        ({"token_status": 500}, "answered HTTP 500 `server_error`"),
    ],
)
def test_what_goes_wrong_is_said_without_a_token(
    auth: AuthServer, pinned: Authority, knobs: dict[str, Any], told: str
) -> None:
    for name, value in knobs.items():
        setattr(auth.knobs, name, value)
    tokens = SubjectTokens()
    tokens.keep(ANN, "brought-by-ann")
    with pytest.raises(UpstreamUnavailable) as wrong:
        asyncio.run(Credentials(OnBehalf(pinned, tokens, TokenExchange(pinned, KEYS, ACCESS))).headers(ANN))
    assert wrong.value.why.startswith("the token of `user:ann` was not exchanged: ")
    assert told in wrong.value.why
    assert not [secret for secret in auth.secrets if secret in wrong.value.why]


def test_a_token_of_somebody_else_is_not_taken_by_the_authorization_server(auth: AuthServer, pinned: Authority) -> None:
    tokens = SubjectTokens()
    tokens.keep(ANN, "made-up")
    with pytest.raises(UpstreamUnavailable, match="invalid_request"):
        asyncio.run(Credentials(OnBehalf(pinned, tokens, TokenExchange(pinned, KEYS, ACCESS))).headers(ANN))


def test_the_issuer_must_be_listed_when_it_is_private(auth: AuthServer, pinned: Authority) -> None:
    strict = dataclasses.replace(pinned, reach=Reach())
    tokens = SubjectTokens()
    tokens.keep(ANN, "brought-by-ann")
    with pytest.raises(UpstreamUnavailable, match="private address"):
        asyncio.run(Credentials(OnBehalf(strict, tokens, TokenExchange(strict, KEYS, ACCESS))).headers(ANN))
    assert auth.seen == []
