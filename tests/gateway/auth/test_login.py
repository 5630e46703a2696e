"""The one question: somebody, or a refusal. Nothing else ever comes of it."""

import asyncio
import logging
from typing import Any

import pytest

from gateway.auth import Refusal, Unavailable
from gateway.auth.challenge import Challenges
from gateway.auth.login import MAX_CREDENTIAL, Login
from gateway.call import Subject
from gateway.identity import Identity

ANN = Identity(Subject("user:ann", "acme"), frozenset({"use"}))
BOB = Identity(Subject("user:bob", "acme"))


async def keys(credential: str) -> Identity | None:
    return ANN if credential == "tg_ann" else None


async def tokens(credential: str) -> Identity | None:
    return BOB if credential == "bob" else None


BOTH = Login(
    Challenges(by_path={"/mcp/git": frozenset({"git"}), "/mcp/use": frozenset({"use"})}), keys=keys, tokens=tokens
)


def answer(*headers: tuple[bytes, bytes], login: Login = BOTH, path: str = "/mcp") -> Any:
    return asyncio.run(login.authenticate(headers, path))


def bearer(text: bytes) -> tuple[bytes, bytes]:
    return b"authorization", text


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER  "])
def test_a_key_and_a_token_come_in_the_same_header(scheme: bytes) -> None:
    assert answer(bearer(scheme + b"tg_ann"), path="/mcp/use") == ANN
    assert answer(bearer(scheme + b"bob")) == BOB


def test_a_key_that_was_made_for_a_part_opens_no_other() -> None:
    assert answer(bearer(b"Bearer tg_ann")).status == answer(bearer(b"Bearer tg_ann"), path="/mcp/git").status == 403


def test_nothing_is_asked_for_something() -> None:
    refused = answer((b"x-api-key", b"tg_ann"), (b"cookie", b"authorization=tg_ann"))
    assert refused == Refusal(401, 'Bearer realm="toolgate"')


@pytest.mark.parametrize(
    "headers",
    [
        [bearer(b"Bearer tg_eve")], [bearer(b"Bearer eve")], [bearer(b"Basic tg_ann")], [bearer(b"tg_ann")],
        [bearer(b"Bearer")], [bearer(b"Bearer ")], [bearer(b"")], [bearer(b"Bearer bob, Bearer bob")],
        [bearer(b"Bearer bob"), bearer(b"Bearer bob")], [bearer(b"Bearer tg_ann"), bearer(b"Bearer bob")],
        [bearer(b"Bearer " + b"x" * (MAX_CREDENTIAL + 1))], [bearer(b"Bearer \xff\xfe")],
        [bearer(b"Bearer tg_ann\x00")],
    ],
)  # fmt: skip
def test_whatever_is_wrong_the_refusal_says_no_more(headers: list[tuple[bytes, bytes]]) -> None:
    assert answer(*headers) == Refusal(401, 'Bearer realm="toolgate", error="invalid_token"')


def test_a_way_that_is_not_taken_leads_nowhere() -> None:
    for login in (Login(Challenges()), Login(Challenges(), tokens=tokens)):
        assert answer(bearer(b"Bearer tg_ann"), login=login).status == 401
    assert answer(bearer(b"Bearer bob"), login=Login(Challenges(), keys=keys)).status == 401


def test_who_lacks_a_scope_is_told_which() -> None:
    assert answer(bearer(b"Bearer tg_ann"), path="/mcp/use") == ANN
    refused = answer(bearer(b"Bearer tg_ann"), path="/mcp/git")
    assert refused == Refusal(403, 'Bearer realm="toolgate", error="insufficient_scope", scope="git"')


def test_when_it_can_not_be_found_out_nobody_comes_in_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async def down(_credential: str) -> Identity | None:
        raise Unavailable("the issuer is down")

    with caplog.at_level(logging.WARNING, "toolgate.auth"):
        assert answer(bearer(b"Bearer secret"), login=Login(Challenges(), tokens=down)) == Refusal(503, retry_after=5)
    assert "the issuer is down" in caplog.text
    assert "secret" not in caplog.text
