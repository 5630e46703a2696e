"""What an authorization server may answer to an exchange. The whole of it: test_on_behalf."""

import asyncio
from typing import Any

import httpx2
import pytest

from gateway.upstream.auth.authority import ClientKeys
from gateway.upstream.auth.exchange import ACCESS_TOKEN, ID_JAG, exchange
from gateway.upstream.auth.flow import AuthFailed

ISSUER = "https://idp.example"
METADATA = {"issuer": ISSUER, "authorization_endpoint": f"{ISSUER}/a", "token_endpoint": f"{ISSUER}/token"}
KEYS = ClientKeys("me", "hush")
GOOD = {"access_token": "new", "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer"}


def exchanged(answer: Any, wanted: str = ACCESS_TOKEN, keys: ClientKeys = KEYS) -> Any:
    """What becomes of this answer, and the request that it answers."""
    seen: list[httpx2.Request] = []

    async def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if request.method == "GET":
            return httpx2.Response(200, json=METADATA)
        return httpx2.Response(200, content=answer) if isinstance(answer, bytes) else httpx2.Response(200, json=answer)

    async def go() -> Any:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(handle)) as client:
            return await exchange(client, ISSUER, keys, {"subject_token": "old", "requested_token_type": wanted})

    return asyncio.run(go()), seen[-1]


def test_a_token_of_the_wanted_type_is_taken() -> None:
    assert exchanged(GOOD)[0]["access_token"] == "new"
    jag = {"access_token": "jag", "issued_token_type": ID_JAG, "token_type": "N_A"}
    assert exchanged(jag, ID_JAG)[0]["access_token"] == "jag"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[" * 100_000,
        [],
        {},
        {**GOOD, "access_token": 1},
        {**GOOD, "access_token": "a\r\nb"},
        {**GOOD, "access_token": "é"},
        {**GOOD, "issued_token_type": ID_JAG},
        {**GOOD, "token_type": "DPoP"},
    ],
)
def test_anything_else_is_not(answer: Any) -> None:
    with pytest.raises(AuthFailed) as wrong:
        exchanged(answer)
    assert str(wrong.value).startswith("idp.example sent ")


def test_the_client_says_who_it_is_in_one_way() -> None:
    basic = exchanged(GOOD)[1]
    assert basic.headers["authorization"] == "Basic bWU6aHVzaA=="
    assert b"hush" not in basic.content
    post = exchanged(GOOD, keys=ClientKeys("me", "hush", "client_secret_post"))[1]
    assert "authorization" not in post.headers
    assert b"client_secret=hush" in post.content
    public = exchanged(GOOD, keys=ClientKeys("me"))[1]
    assert b"client_id=me" in public.content
    assert b"client_secret" not in public.content
