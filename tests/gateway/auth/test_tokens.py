"""Access tokens: which are good, whom they name, and how long that is believed."""

import asyncio
import base64
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.auth.jwks import KeySet
from gateway.auth.tokens import REMEMBERED, TokenRules, Tokens
from gateway.call import Subject
from gateway.claims import ClaimRules, Template
from gateway.reach import Reach
from tests.fixtures.issuer import Issuer, rsa_key

AUDIENCE = "http://gate.test/mcp"
LOOPBACK = Reach.of(["127.0.0.1"])


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def rules(issuer: Issuer, **other: Any) -> TokenRules:
    claims = ClaimRules(Template.of(other.pop("user", "user:{sub}")), Template.of(other.pop("tenant", "acme")))
    return TokenRules(issuer.url, (AUDIENCE,), ("RS256", "ES256"), claims, **other)


def within(scenario: Callable[[Issuer, Tokens], Awaitable[None]], **other: Any) -> None:
    async def work(issuer: Issuer) -> None:
        await scenario(issuer, Tokens(rules(issuer, **other), KeySet(issuer.url, reach=LOOPBACK)))

    with Issuer() as issuer:
        asyncio.run(work(issuer))


def test_a_good_token_is_somebody_with_scopes_and_an_end() -> None:
    async def scenario(issuer: Issuer, tokens: Tokens) -> None:
        issuer.keys["e1"] = ec.generate_private_key(ec.SECP256R1())
        exp = int(time.time()) + 100
        for kid, algorithm in (("k1", "RS256"), ("e1", "ES256")):
            who = await tokens.who(issuer.token(kid, algorithm=algorithm, scope="a b", exp=exp))
            assert who
            assert (who.subject, who.scopes, who.expires) == (Subject("user:ann", "acme"), {"a", "b"}, exp + 30)

    within(scenario)


def unsigned(issuer: Issuer) -> str:
    return issuer.token(key="", algorithm="none")


def signed_with_the_public_key(issuer: Issuer) -> str:
    """The old trick: the public key, which anybody has, as the secret of an HMAC."""
    public = issuer.keys["k1"].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head, body = (_part({"alg": "HS256", "kid": "k1"}), issuer.token().split(".")[1])
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(f"{head}.{body}".encode(), pem)
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def with_its_own_key(issuer: Issuer) -> str:
    stranger = rsa_key()
    own = jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    return jwt.encode(claims, stranger, "RS256", headers={"kid": "k1", "jwk": own, "jku": f"{issuer.url}/mine"})


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


NOW = int(time.time())
BAD: dict[str, Callable[[Issuer], str]] = {
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "another key": lambda issuer: issuer.token(key=rsa_key()),
    "its own key": with_its_own_key,
    "an algorithm that is not taken": lambda issuer: issuer.token(algorithm="RS384"),
    "an unknown key": lambda issuer: issuer.token("k9", key=rsa_key()),
    "a key id that is a path": lambda issuer: issuer.token("../../etc/passwd", key=issuer.keys["k1"]),
    "another issuer": lambda issuer: issuer.token(iss="https://else.test"),
    "another audience": lambda issuer: issuer.token(aud="https://else.test/mcp"),
    "the audience with more behind it": lambda issuer: issuer.token(aud=f"{AUDIENCE}/x"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "no end": lambda issuer: issuer.token(exp=None),
    "an end that is over": lambda issuer: issuer.token(exp=NOW - 60),
    "an end that is no number": lambda issuer: issuer.token(exp="soon"),
    "not yet": lambda issuer: issuer.token(nbf=int(time.time()) + 3600),
    "nobody": lambda issuer: issuer.token(sub=None),
    "a number of a person": lambda issuer: issuer.token(sub=""),
    "a role": lambda issuer: issuer.token(sub="role:admin"),
    "a team": lambda issuer: issuer.token(sub="team:ops"),
    "everybody": lambda issuer: issuer.token(sub="*"),
    "two cells of a line": lambda issuer: issuer.token(sub="ann, role:admin"),
    "a line": lambda issuer: issuer.token(sub="ann\ng, user:ann, role:admin"),
    "cut off": lambda issuer: issuer.token()[:-10],
    "longer": lambda issuer: issuer.token() + "AAAA",
    "no token": lambda _: "abc",
    "nothing": lambda _: "",
    "dots": lambda _: "..",
    "no text": lambda _: "\xff\xfe.\x00.\x00",
    "deep": lambda _: f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.e30.e30",
    "an extension": lambda issuer: jwt.encode(
        jwt.decode(issuer.token(), options={"verify_signature": False}),
        issuer.keys["k1"], "RS256", headers={"kid": "k1", "crit": ["exp"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", list(BAD))
def test_what_is_not_good_is_nobody_and_is_repeated_nowhere(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(issuer: Issuer, tokens: Tokens) -> None:
        text = BAD[wrong](issuer)
        assert await tokens.who(text) is None
        for part in (part for part in text.split(".") if len(part) > 8):
            assert part not in caplog.text

    with caplog.at_level(logging.DEBUG, "toolgate"):
        within(scenario)


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    async def scenario(issuer: Issuer, tokens: Tokens) -> None:
        assert await tokens.who(issuer.token(exp=int(time.time()) - 10))
        assert await tokens.who(issuer.token(nbf=int(time.time()) + 10))

    within(scenario)


def test_a_token_that_names_nobody_is_told_to_the_admin_by_its_claim(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(issuer: Issuer, tokens: Tokens) -> None:
        assert await tokens.who(issuer.token(email="ann@acme.test")) is None

    with caplog.at_level(logging.WARNING, "toolgate.auth"):
        within(scenario, tenant="{org}")
    assert "no claim `org`" in caplog.text
    assert "ann" not in caplog.text


def test_a_good_token_is_not_checked_again_for_a_while_but_never_beyond_its_end() -> None:
    async def scenario(issuer: Issuer) -> None:
        clock, now = Clock(), Clock(time.time())
        tokens = Tokens(rules(issuer), KeySet(issuer.url, reach=LOOPBACK, clock=clock), clock=clock, now=now)
        text = issuer.token(exp=int(now.now) + 40)
        assert await tokens.who(text)
        issuer.keys = {"k2": rsa_key()}
        assert await tokens.who(text)
        now.now += 71  # 40, and 30 of leeway
        assert await tokens.who(text) is None
        now.now -= 71
        clock.now += REMEMBERED + 601
        assert await tokens.who(text) is None  # its key is gone

    with Issuer() as issuer:
        asyncio.run(scenario(issuer))


def test_two_tokens_are_two_people_also_from_memory() -> None:
    async def scenario(issuer: Issuer, tokens: Tokens) -> None:
        texts = [issuer.token(sub=name) for name in ("ann", "bob")]
        for _ in range(3):
            found = [await tokens.who(text) for text in texts]
            assert [who.subject.user for who in found if who] == ["user:ann", "user:bob"]

    within(scenario)


def test_each_good_token_is_told_with_whose_it_is_also_from_memory_and_no_other() -> None:
    async def work(issuer: Issuer) -> None:
        told: list[tuple[str, str]] = []
        keys = KeySet(issuer.url, reach=LOOPBACK)
        tokens = Tokens(rules(issuer), keys, verified=lambda who, token: told.append((who.subject.user, token)))
        good = issuer.token()
        for token in (good, good, unsigned(issuer), "rubbish"):
            await tokens.who(token)
        assert told == [("user:ann", good)] * 2

    with Issuer() as issuer:
        asyncio.run(work(issuer))
