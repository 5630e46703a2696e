"""From the files to calls that carry tokens, with the real configuration and the real root."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access import Access
from gateway.call import Answered, Arguments, Call, Outcome, Subject
from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.runtime import open_servers
from tests.fixtures.auth_server import SECRET, AuthServer, serving
from tests.gateway.upstream.auth.conftest import browse

IDENTITY = '[identity]\nuser = "user:ann"\ntenant = "acme"\n'
ALLOW = '[network]\nallow = ["127.0.0.1"]\n'
ANN = Subject("user:ann", "acme")


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with serving() as server:
        yield server


@pytest.fixture
def configured(tmp_path: Path, auth: AuthServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """`configured('auth = "oauth"')`: a project with the protected server, and this under its table."""
    monkeypatch.setenv("IDP_SECRET", SECRET)
    monkeypatch.delenv("TOOLGATE_KEYS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def make(word: str, url: str = "", top: str = ALLOW) -> Config:
        text = f"{IDENTITY}{top}[servers.tracker]\n{word}\n".replace("ISSUER", f'"{auth.issuer}"')
        (tmp_path / "toolgate.toml").write_text(text)
        (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"tracker": {"url": url or auth.mcp}}}))
        return load_config(tmp_path, {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")})

    return make


@pytest.fixture
def browser() -> Callable[[str], Awaitable[None]]:
    tabs: set[asyncio.Task[Any]] = set()

    async def show(url: str) -> None:
        tabs.add(asyncio.create_task(browse(url)))

    return show


async def called(config: Config, subject: Subject = ANN) -> Outcome:
    async with open_servers(config) as upstream:
        call = Call("run-1", "c1", subject, "tracker/whoami", Arguments.parse("{}"))
        return await upstream.forward(call, timeout=30, meta={})


def said(config: Config) -> str:
    outcome = asyncio.run(called(config))
    assert isinstance(outcome, Answered), outcome
    return str(outcome.result["content"][0]["text"])


MACHINE = 'issuer = ISSUER\nclient_id = "machine"\nclient_secret = "${IDP_SECRET}"'


def test_a_log_in_that_is_kept_is_used_by_the_next_process(
    auth: AuthServer, configured: Callable[..., Config], browser: Any
) -> None:
    config = configured('auth = "oauth"')
    access = Access(config)
    asyncio.run(access.log_in("tracker", ANN, browser))
    assert said(config) == "ann"
    assert [(kept.binding.user, kept.binding.resource) for kept in Access(config).kept()] == [("user:ann", auth.mcp)]
    assert access.log_out("tracker", ANN)
    assert not access.log_out("tracker", ANN)
    assert Access(config).kept() == []


def test_the_gateways_own_credentials(configured: Callable[..., Config]) -> None:
    assert said(configured(f'auth = "client_credentials"\n{MACHINE}')) == "machine"


IDP = 'idp_issuer = ISSUER\nidp_client_id = "machine"\nidp_client_secret = "${IDP_SECRET}"'


@pytest.mark.parametrize(
    "word",
    [
        f'auth = "token_exchange"\n{MACHINE}\naudience = "tracker"',
        f'auth = "id_jag"\n{MACHINE}\n{IDP}',
    ],
)
def test_a_token_of_the_users_own_is_exchanged(
    auth: AuthServer, configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    auth.brought["brought-by-ann"] = "ann"
    config = configured(f'{word}\nsubject_token = "${{MY_TOKEN}}"')
    monkeypatch.setenv("MY_TOKEN", "brought-by-ann")
    assert said(config) == "ann"
    exchanges = [form for form in auth.asked("/token") if "subject_token" in form]
    assert [form["subject_token"] for form in exchanges] == ["brought-by-ann"]
    assert not [headers for headers in auth.posts if "brought-by-ann" in str(headers)]  # never to the MCP server


def test_issuers_that_the_admin_wrote_down_need_no_listing(configured: Callable[..., Config]) -> None:
    assert said(configured(f'auth = "client_credentials"\n{MACHINE}', top="")) == "machine"


def test_an_issuer_that_only_the_server_names_does(configured: Callable[..., Config], browser: Any) -> None:
    with pytest.raises(Exception, match="private address; the admin may list it"):
        asyncio.run(Access(configured('auth = "oauth"', top="")).log_in("tracker", ANN, browser))


def test_a_token_does_not_travel_in_the_clear(configured: Callable[..., Config]) -> None:
    config = configured('auth = "oauth"', url="http://tracker.example/mcp")
    with pytest.raises(ConfigError, match="the address of `tracker` is not https") as wrong:
        Access(config).carrier("tracker", "http://tracker.example/mcp")
    assert str(wrong.value).startswith("toolgate.toml:7:1")


def test_log_ins_are_for_servers_that_have_them(configured: Callable[..., Config]) -> None:
    access = Access(configured(""))
    with pytest.raises(ConfigError, match=r"there is no server `nobody`.*configured: `tracker`"):
        access.binding("nobody", ANN)
    with pytest.raises(ConfigError, match=r'the server `tracker` has no log-ins.*auth = "oauth"'):
        access.binding("tracker", ANN)
    assert access.carrier("tracker", "https://x/mcp") is None


def test_keys_may_come_from_the_environment(
    configured: Callable[..., Config], browser: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
    config = configured('auth = "oauth"')
    monkeypatch.setenv("TOOLGATE_KEYS", old)
    asyncio.run(Access(config).log_in("tracker", ANN, browser))
    monkeypatch.setenv("TOOLGATE_KEYS", f"{new} {old}")
    assert said(config) == "ann"
    monkeypatch.setenv("TOOLGATE_KEYS", new)
    assert Access(config).kept() == []
    assert not (tmp_path / "state" / "toolgate" / "sealing-keys").exists()


def test_secrets_of_the_configuration_are_known_to_whoever_blots_them_out(configured: Callable[..., Config]) -> None:
    access = Access(configured(f'auth = "client_credentials"\n{MACHINE}'))
    assert access.secrets("tracker") == [SECRET]
