import asyncio
import logging
from typing import Any

import httpx2
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata

from gateway.upstream.auth.flow import AuthFailed, Journey, Scratch, challenged, error_code

REQUEST = httpx2.Request("POST", "https://tracker.example/mcp")


def header(challenge: str, scopes: str = "") -> str:
    return challenged(REQUEST, challenge, scopes).headers["www-authenticate"]


@pytest.mark.parametrize(
    ("challenge", "scopes", "told"),
    [
        ("", "", "Bearer "),
        (
            'Bearer resource_metadata="https://a/b", scope="x y"',
            "",
            'Bearer resource_metadata="https://a/b", scope="x y"',
        ),
        (
            'Bearer resource_metadata="https://a/b", scope="x y"',
            "z",
            'Bearer resource_metadata="https://a/b", scope="z"',
        ),
        ("Bearer resource_metadata=https://a/b", "", 'Bearer resource_metadata="https://a/b"'),
        ('Bearer error="invalid_token"', "z", 'Bearer scope="z"'),
    ],
)
def test_a_provider_is_told_where_the_metadata_is_and_the_scopes_that_the_admin_wants(
    challenge: str, scopes: str, told: str
) -> None:
    assert header(challenge, scopes).strip() == told.strip()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error": "invalid_grant", "error_description": "token abc"}', "invalid_grant"),
        (400, b'{"error": "Secret Token"}', ""),
        (400, b'{"error": ["x"]}', ""),
        (400, b"[]", ""),
        (400, b"[" * 100_000, ""),
        (500, b"", ""),
        (200, b'{"error": "invalid_grant"}', ""),
    ],
)
def test_of_a_refusal_only_a_word_of_the_standard_is_repeated(status: int, body: bytes, code: str) -> None:
    assert error_code(httpx2.Response(status, content=body)) == code


def journey(answer: Any, challenge: str) -> str:
    """Why a journey failed at a server that answers everything in this way."""
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    provider = OAuthClientProvider("https://tracker.example/mcp", OAuthClientMetadata(redirect_uris=None), Scratch())
    with pytest.raises(AuthFailed) as wrong:
        asyncio.run(Journey(client).run(provider, "https://tracker.example/mcp", challenge))
    return str(wrong.value)


@pytest.mark.parametrize(
    "challenge",
    [
        'Bearer resource_metadata="https://0177.0.0.1/x"',
        'Bearer resource_metadata="https://[::1/x"',
        'Bearer resource_metadata="file:///etc/passwd"',
        'Bearer resource_metadata="x"',
        'Bearer resource_metadata="https://h:99999999/"',
        "",
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b'{"issuer": 1}', b"\xff"])
def test_rubbish_ends_in_a_reason_and_never_in_a_traceback(challenge: str, body: bytes) -> None:
    assert journey(lambda _: httpx2.Response(200, content=body), challenge)


def test_a_network_that_fails_ends_in_a_reason() -> None:
    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("too slow")

    assert journey(broken, "") == "too slow"


def test_the_sdk_logs_nothing_of_what_goes_by(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mcp").setLevel(logging.DEBUG)
    journey(lambda _: httpx2.Response(500, content=b"secret"), "")
    assert not [record for record in caplog.records if record.name.startswith("mcp.client.auth")]
