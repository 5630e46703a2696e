"""The issuer's keys: where they come from, how long they count, and what is no key of ours."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth import Unavailable
from gateway.auth.jwks import FRESH, PAUSE, STALE, KeySet, SigningKey, signing_keys
from gateway.guarded import CEILING
from gateway.reach import Reach
from tests.fixtures.issuer import Issuer, rsa_key

LOOPBACK = Reach.of(["127.0.0.1"])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def within(scenario: Callable[[Issuer, KeySet, Clock], Awaitable[None]], issuer: Issuer | None = None) -> None:
    async def work(running: Issuer, clock: Clock) -> None:
        await scenario(running, KeySet(running.url, reach=LOOPBACK, clock=clock), clock)

    with issuer or Issuer() as running:
        asyncio.run(work(running, Clock()))


def test_the_issuer_says_where_its_keys_are_and_is_asked_once() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, _clock: Clock) -> None:
        found = await asyncio.gather(*(keys.find("k1", "RS256") for _ in range(20)))
        assert {key.kid for key in found if key} == {"k1"}
        assert issuer.asked == ["/.well-known/oauth-authorization-server", "/keys"]

    within(scenario)


def test_an_issuer_with_a_path_is_asked_in_both_ways() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, _clock: Clock) -> None:
        del issuer.documents["/.well-known/oauth-authorization-server/realm"]
        issuer.documents["/realm/.well-known/openid-configuration"] = {
            "issuer": issuer.url,
            "jwks_uri": issuer.jwks_url,
        }
        assert await keys.find("k1", "RS256")
        assert issuer.asked[:2] == [
            "/.well-known/oauth-authorization-server/realm",
            "/realm/.well-known/openid-configuration",
        ]

    within(scenario, Issuer(path="/realm"))


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://else.test", "jwks_uri": "{keys}"},
        {"issuer": "{issuer}", "jwks_uri": "http://192.0.2.1/latest/meta-data"},
        {"issuer": "{issuer}", "jwks_uri": "{elsewhere}"},
        {"issuer": "{issuer}", "jwks_uri": 7},
        {"issuer": "{issuer}"},
        [],
    ],
)
def test_an_issuer_leads_us_nowhere_but_to_its_own_host(said: Any) -> None:
    async def scenario(issuer: Issuer, keys: KeySet, _clock: Clock) -> None:
        elsewhere = issuer.jwks_url.replace("127.0.0.1", "localhost")  # which would answer
        text = {"{keys}": issuer.jwks_url, "{issuer}": issuer.url, "{elsewhere}": elsewhere}
        filled = {name: text.get(value, value) for name, value in said.items()} if said else said
        issuer.documents["/.well-known/oauth-authorization-server"] = filled
        with pytest.raises(Unavailable):
            await keys.find("k1", "RS256")
        assert "/keys" not in issuer.asked

    within(scenario)


def test_a_key_that_is_new_is_fetched_but_not_more_often_than_now_and_then() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        assert await keys.find("k1", "RS256")
        issuer.keys = {"k2": rsa_key()}
        assert await keys.find("k2", "RS256") is None  # just fetched
        clock.now += PAUSE
        assert await keys.find("k2", "RS256")
        assert await keys.find("k1", "RS256") is None  # withdrawn
        before = len(issuer.asked)
        assert [await keys.find(f"made up {number}", "RS256") for number in range(50)] == [None] * 50
        assert len(issuer.asked) == before

    within(scenario)


def test_a_withdrawn_key_counts_no_more_after_a_while() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        assert await keys.find("k1", "RS256")
        issuer.keys = {"k2": rsa_key()}
        clock.now += FRESH + 1
        assert await keys.find("k1", "RS256") is None

    within(scenario)


def test_an_issuer_that_is_down_is_not_missed_for_a_while_and_then_it_is() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        assert await keys.find("k1", "RS256")
        issuer.documents["/keys"] = b"<html>"
        clock.now += STALE
        assert await keys.find("k1", "RS256")
        clock.now += PAUSE
        with pytest.raises(Unavailable):
            await keys.find("k1", "RS256")

    within(scenario)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"{", "does not answer with JSON"),
        (b"[" * 100_000, "does not answer with JSON"),
        (b'{"keys": 7}', "no JWK set"),
        (b" " * (CEILING + 1), f"longer than {CEILING} bytes"),
    ],
)
def test_what_is_no_set_of_keys_is_said(answer: bytes, why: str) -> None:
    async def scenario(issuer: Issuer, keys: KeySet, _clock: Clock) -> None:
        issuer.documents["/keys"] = answer
        with pytest.raises(Unavailable, match=why):
            await keys.fetch()

    within(scenario)


def test_nobody_there_is_said() -> None:
    with Issuer() as issuer:
        url = issuer.url
    with pytest.raises(Unavailable, match="can't be reached: ConnectError"):
        asyncio.run(KeySet(url, reach=LOOPBACK).fetch())


def test_a_token_without_a_key_id_means_the_only_key_that_fits() -> None:
    async def scenario(issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        issuer.keys["e1"] = ec.generate_private_key(ec.SECP256R1())
        found = await keys.find(None, "ES256")
        assert found
        assert found.kid == "e1"
        issuer.keys["k2"] = rsa_key()
        clock.now += FRESH + 1
        assert await keys.find(None, "RS256") is None  # two would do: nobody guesses

    within(scenario)


def test_keys_that_do_not_sign_or_are_weak_or_secret_are_none() -> None:
    with Issuer() as issuer:
        good = issuer.public("k1")
        issuer.keys["weak"] = rsa_key(1024)
        bad: list[Any] = [
            issuer.public("weak"), {**good, "use": "enc"}, {"kty": "oct", "k": "c2VjcmV0", "kid": "k1"},
            {**good, "n": "!"}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-1"}, {}, 7, None,
        ]  # fmt: skip
    assert signing_keys({"keys": bad}) == ()
    (key,) = signing_keys({"keys": [*bad, good]})
    assert [key.serves(name) for name in ("RS256", "PS512", "ES256", "EdDSA", "HS256", "none")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    (named,) = signing_keys({"keys": [{**good, "alg": "RS256"}]})
    assert (named.serves("RS256"), named.serves("RS512")) == (True, False)


@pytest.mark.parametrize("jwks_url", [False, True])
def test_a_private_address_is_asked_only_if_the_admin_lists_it(jwks_url: bool) -> None:
    with Issuer() as issuer:
        where = issuer.jwks_url if jwks_url else None
        with pytest.raises(Unavailable, match="private address; the admin may list it under "):
            asyncio.run(KeySet(issuer.url, where, reach=Reach()).fetch())
        assert issuer.asked == []
        assert asyncio.run(KeySet(issuer.url, where, reach=LOOPBACK).fetch())


def test_a_name_that_resolves_to_a_private_address_is_not_asked_either() -> None:
    with Issuer() as issuer:
        named = issuer.url.replace("127.0.0.1", "localhost")
        with pytest.raises(Unavailable, match="it is a private address"):
            asyncio.run(KeySet(named, f"{named}/keys", reach=Reach()).fetch())
        assert issuer.asked == []


def test_while_the_issuer_hangs_nobody_waits_for_it_whose_key_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(_issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        assert await keys.find("k1", "RS256")
        fetch, answers = keys.fetch, asyncio.Event()

        async def hanging() -> Sequence[SigningKey]:
            await answers.wait()
            return await fetch()

        async def failing() -> Sequence[SigningKey]:
            raise Unavailable("no")

        monkeypatch.setattr(keys, "fetch", failing)
        clock.now += FRESH + 1
        assert await keys.find("k1", "RS256")  # this one has waited
        monkeypatch.setattr(keys, "fetch", hanging)
        for _ in range(3):
            clock.now += PAUSE
            async with asyncio.timeout(60):
                assert await keys.find("k1", "RS256")
            await asyncio.sleep(0)
        answers.set()
        async with asyncio.timeout(60):
            assert await keys.find("k2", "RS256") is None  # which waits for what is under way
        clock.now += FRESH - PAUSE
        monkeypatch.setattr(keys, "fetch", failing)
        assert await keys.find("k1", "RS256")

    within(scenario)


def test_what_is_known_of_an_issuer_that_is_gone_ends_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(_issuer: Issuer, keys: KeySet, clock: Clock) -> None:
        assert await keys.find("k1", "RS256")

        async def failing() -> Sequence[SigningKey]:
            raise Unavailable("no")

        monkeypatch.setattr(keys, "fetch", failing)
        clock.now += STALE - 1
        assert await keys.find("k1", "RS256")
        clock.now += 2
        with pytest.raises(Unavailable):
            await keys.find("k1", "RS256")

    within(scenario)
