from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.auth_word import AuthWord

MACHINE = {
    "auth": "client_credentials",
    "issuer": "https://idp.example",
    "client_id": "gateway",
    "client_secret": "${IDP_SECRET}",
}


def refused(**value: Any) -> str:
    with pytest.raises(ValidationError) as wrong:
        AuthWord.model_validate(value)
    return "\n".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.value.errors())


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"auth": "oauth"},
        {"auth": "oauth", "client_id": "x", "scopes": ["read", "repo:write"], "redirect_port": 8765},
        {"auth": "oauth", "client_id": "x", "client_secret": "${A}", "issuer": "https://idp.example"},
        {"auth": "oauth", "client_metadata_url": "https://example.com/toolgate.json"},
        MACHINE,
        {**MACHINE, "client_secret": "${env:A}${B}", "client_auth": "post"},
        {**MACHINE, "auth": "token_exchange", "audience": "x", "subject_token": "${T}", "subject_token_type": "jwt"},
        {**MACHINE, "auth": "id_jag", "idp_issuer": "https://sso.example", "idp_client_id": "x"},
    ],
)
def test_what_may_be_said(value: dict[str, Any]) -> None:
    AuthWord.model_validate(value)


@pytest.mark.parametrize("key", ["client_secret", "subject_token", "idp_client_secret"])
@pytest.mark.parametrize("secret", ["hush-1234", "${A}hush-1234", "${A:-hush-1234}", "Bearer ${A}", "", "${}hush-1234"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str, secret: str) -> None:
    told = refused(**{"auth": "id_jag", key: secret})
    assert told.startswith(f"{key}: ")
    assert "hush" not in told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"client_id": "x"}, 'client_id: Value error, has no effect without `auth = "oauth"` or'),
        ({"auth": "oauth", "audience": "x"}, 'audience: Value error, has no effect without `auth = "token_exchange"`'),
        ({"auth": "client_credentials", "redirect_port": 1}, "redirect_port: Value error, has no effect without"),
        ({"auth": "client_credentials"}, "needs `issuer` and `client_id` and `client_secret`"),
        ({"auth": "token_exchange", "client_id": "x"}, "needs `issuer`"),
        ({"auth": "id_jag"}, "`idp_issuer` and `idp_client_id`"),
        (
            {"auth": "oauth", "client_id": "x", "client_secret": "${A}"},
            "`issuer`: the only one who is given the secret",
        ),
        ({"auth": "oauth", "client_id": "x", "client_metadata_url": "https://x/y"}, "say the same thing twice"),
        ({"auth": "oauth", "client_metadata_url": "http://x/y"}, "an https address with a path"),
        ({"auth": "oauth", "client_metadata_url": "https://x/"}, "an https address with a path"),
        ({"auth": "oauth", "scopes": ["a b"]}, "`a b` can't be a scope"),
        ({"auth": "oauth", "scopes": ['a", x="']}, "can't be a scope"),
        ({"auth": "oauth", "redirect_port": 70000}, "redirect_port"),
        ({"auth": "oauth", "issuer": "idp"}, "must be an http or https address"),
        ({"auth": "saml"}, "auth: Input should be"),
    ],
)
def test_what_does_not_go_together_is_refused(value: dict[str, Any], told: str) -> None:
    assert told in refused(**value)
