"""What may be said about serving."""

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.config.serving import OAuthConfig, ProfileConfig
from gateway.config.table import Table

ISSUER = {"issuer": "https://issuer.test", "resource": "https://gate.test/mcp"}


@pytest.mark.parametrize(
    ("table", "value"),
    [
        (OAuthConfig, {}),
        (OAuthConfig, {"issuer": "http://issuer.test"}),
        (OAuthConfig, {"issuer": "https://ann:secret@issuer.test"}),
        (OAuthConfig, {"jwks_url": "http://issuer.test/keys"}),
        (OAuthConfig, {"jwks_url": "file:///etc/passwd"}),
        (OAuthConfig, {"resource": 'https://gate.test/"mcp'}),
        (OAuthConfig, {"resource": "https://gate.test/mcp?x"}),
        (OAuthConfig, {"algorithms": ["HS256"]}),
        (OAuthConfig, {"algorithms": ["none"]}),
        (OAuthConfig, {"algorithms": []}),
        (OAuthConfig, {"user": "{sub}"}),
        (OAuthConfig, {"user": "role:{sub}"}),
        (OAuthConfig, {"user": "user:ann"}),
        (OAuthConfig, {"user": "user:{a}{b}"}),
        (OAuthConfig, {"tenant": "*"}),
        (OAuthConfig, {"tenant": "{a}{b}"}),
        (OAuthConfig, {"leeway": -1}),
        (ProfileConfig, {}),
        (ProfileConfig, {"tools": ["git"]}),
        (ProfileConfig, {"tools": ["git/"]}),
        (ProfileConfig, {"tools": ["/log"]}),
        (ProfileConfig, {"servers": ["git"], "scopes": ["a b"]}),
    ],
)
def test_who_may_come_in_is_said_in_one_way(table: type[Table], value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        table.model_validate((ISSUER | value if value else value) if table is OAuthConfig else value)


def test_an_issuer_needs_its_address_and_ours() -> None:
    made = OAuthConfig.model_validate(ISSUER | {"tenant": "{org}", "jwks_url": "http://127.0.0.1:9/keys"})
    assert (made.user, made.leeway, made.audience) == ("user:{sub}", 30.0, ())
    assert not any(name.startswith("HS") for name in made.algorithms)
