"""What has the form of a secret is masked, and what has not is left alone."""

import time

import pytest

from gateway.screens.secrets import masked

SECRETS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 12,
    "glpat-" + "a1B2c3D4e5F6g7H8i9J0",
    "xoxb-" + "123456789012-abcdef",
    "sk_live_" + "a1B2" * 6,
    "AIza" + "a1B2c" * 7,
    "sk-ant-" + "a1B2" * 10,
    "npm_" + "a1B2c3" * 6,
    "tg_0123456789ab_" + "0f" * 32,
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".c2lnbmF0dXJlLWhlcmU",
    "Bearer " + "a1B2c3D4" * 4,
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    for text in (secret, f"key={secret};", f'{{"k": "{secret}"}}', f"é {secret}\nnext"):
        clean = masked(text)
        assert "[redacted]" in clean
        assert secret not in clean
        assert secret[-12:] not in clean


def test_a_private_key_goes_with_all_its_lines_also_when_its_end_is_missing() -> None:
    lines = "\n".join(["MIIEpAIBAAKCAQEA" * 4] * 5)
    for text in (
        f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{lines}",
    ):
        assert "MIIE" not in masked(text)


def test_the_password_of_a_url_is_masked_and_its_host_is_not() -> None:
    assert masked("postgres://app:hunter2@db.acme.com/x") == "postgres://app:[redacted]@db.acme.com/x"


@pytest.mark.parametrize(
    "text",
    [
        "The order o-17 is on its way.",
        "ann@acme.com https://acme.com/a:b@c",
        "sk-short",
        "task-oriented",
        "AKIA",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "bearer of good news",
    ],
)
def test_what_is_none_stays_the_same(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("piece", ["eyJ", "-----BEGIN PRIVATE KEY-----", "://a:", "sk-", "ghp_", "xoxb-"])
def test_texts_made_to_be_slow_are_not(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 5.0
