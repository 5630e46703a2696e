from pathlib import Path
from typing import Any

import pytest

from gateway.config import resolve_auth
from gateway.errors import ConfigError
from tests.gateway.config.test_loading import load, refused

WEB: Any = {"web": {"url": "https://tracker.example/mcp"}}
MACHINE = """\
[servers.web]
auth = "client_credentials"
issuer = "https://idp.example"
client_id = "gateway"
client_secret = "${IDP_SECRET}"
"""

__all__ = ["project"]
from tests.gateway.config.test_loading import project  # noqa: E402 - a fixture


def test_secrets_come_from_the_environment_at_the_last_moment(project: Path) -> None:
    config = load(project, MACHINE, WEB)
    auth = resolve_auth(config, "web", {"IDP_SECRET": "hush-1234"})
    assert auth is not None
    assert (auth.kind, auth.client_secret) == ("client_credentials", "hush-1234")
    assert "hush" not in repr(auth)
    assert "hush" not in repr(config)


def test_a_variable_that_is_not_set_is_named_with_its_place(project: Path) -> None:
    with pytest.raises(ConfigError) as wrong:
        resolve_auth(load(project, MACHINE, WEB), "web", {})
    assert str(wrong.value).startswith("toolgate.toml:5:1: error: the environment variable `IDP_SECRET` is not set")


def test_a_subject_token_may_be_missing(project: Path) -> None:
    toml = MACHINE.replace("client_credentials", "token_exchange") + 'subject_token = "${MY_TOKEN}"\n'
    config = load(project, toml, WEB)
    for environ, token in (({}, None), ({"MY_TOKEN": ""}, None), ({"MY_TOKEN": "mine-1234"}, "mine-1234")):
        auth = resolve_auth(config, "web", {"IDP_SECRET": "x", **environ})
        assert auth is not None
        assert auth.subject_token == token


def test_a_server_without_auth_has_none(project: Path) -> None:
    assert resolve_auth(load(project, "", WEB), "web", {}) is None


@pytest.mark.parametrize(
    ("toml", "mcp", "told"),
    [
        (
            "[servers.web]\nauth = 'oauth'\nclient_idd = 'x'",
            WEB,
            "toolgate.toml:3:1: error: there is no key `client_idd` in `[servers.web]` (did you mean `client_id`?)",
        ),
        (
            "[servers.web]\nauth = 'oatuh'",
            WEB,
            "toolgate.toml:2:1: error: `servers.web.auth` can't be `oatuh` (did you mean `oauth`?)",
        ),
        (
            "[servers.web]\nauth = 'oauth'\nclient_id = 'x'\nclient_secret = 'hush'",
            WEB,
            (
                "toolgate.toml:4:1: error: `servers.web.client_secret`: must come from the environment: write "
                "`${NAME}`; the secret itself does not belong here"
            ),
        ),
        (
            "[servers.shop]\nauth = 'oauth'",
            {"shop": {"command": "x"}},
            (
                "toolgate.toml:2:1: error: `servers.shop.auth` is for servers with a `url`; `shop` is a program "
                "(give a program its secrets in `env`)"
            ),
        ),
        (
            "[servers.web]\nauth = 'oauth'",
            {"web": {"url": "https://x/mcp", "headers": {"AUTHORIZATION": "Bearer ${T}"}}},
            (
                "toolgate.toml:2:1: error: the server `web` has `auth` and an `AUTHORIZATION` header "
                "(remove the header at .mcp.json:1, or `auth`)"
            ),
        ),
        (
            "[network]\nallow = ['10.0.0.1/8']",
            WEB,
            (
                "toolgate.toml:2:1: error: `network.allow`: `10.0.0.1/8` is no network, address or host name: "
                "`10.0.0.0/8`, `127.0.0.1`, `idp.internal`"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(project: Path, toml: str, mcp: Any, told: str) -> None:
    assert refused(project, toml, mcp) == [told]
