"""What the doctor says about who may come in."""

import asyncio
from pathlib import Path

import pytest

from gateway.call import Tool
from gateway.catalogue import Catalogue
from gateway.cli.entrance_checks import clients, keys, profiles
from gateway.cli.finding import Finding
from gateway.cli.options import Caller
from gateway.config import Config
from gateway.keys import Owner, minted
from tests.fixtures.issuer import Issuer
from tests.gateway.cli.conftest import Command

DAY = 24 * 3_600_000


def with_settings(project: Path, text: str) -> Config:
    file = project / "toolgate.toml"
    file.write_text(file.read_text() + text)
    return Caller(project).config()


def found(config: Config) -> list[tuple[str, str]]:
    return [(finding.level, finding.what) for finding in asyncio.run(clients(config))]


def test_on_loopback_nobody_need_log_in(bare: Path) -> None:
    (finding,) = asyncio.run(clients(with_settings(bare, "")))
    assert finding == Finding("ok", "clients", "no log-in: whoever reaches 127.0.0.1 is user:ann")


def test_that_agents_could_approve_over_http_is_said_where_nobody_logs_in(bare: Path) -> None:
    assert found(with_settings(bare, "[approvals]\nhttp = true\n")) == [("ok", "clients"), ("warn", "approvals")]


def test_beyond_loopback_somebody_must(bare: Path) -> None:
    (finding,) = asyncio.run(clients(with_settings(bare, '[serve]\nhost = "0.0.0.0"\n')))
    assert (finding.level, "api_keys" in finding.mend) == ("fail", True)


def test_beyond_loopback_what_is_presented_is_in_the_clear(bare: Path, toolgate: Command) -> None:
    config = with_settings(bare, '[serve]\nhost = "0.0.0.0"\napi_keys = true\n')
    toolgate("keys", "create", "--user", "ann")
    assert found(config) == [("warn", "clients"), ("ok", "keys")]


def test_where_keys_are_asked_for_there_should_be_one(bare: Path, toolgate: Command) -> None:
    config = with_settings(bare, "[serve]\napi_keys = true\n")
    assert found(config) == [("ok", "clients"), ("warn", "keys")]
    assert not config.store.path.exists()
    key_id = toolgate("keys", "create", "--user", "ann", "--json").json["id"]
    assert found(config) == [("ok", "clients"), ("ok", "keys")]
    toolgate("keys", "revoke", key_id)
    assert found(config) == [("ok", "clients"), ("warn", "keys")]


def test_a_key_that_will_soon_end_is_said_with_its_owner() -> None:
    soon, later = (minted(Owner("user:ann", "acme", expires=days * DAY), 0)[1] for days in (6, 8))
    assert [finding.level for finding in keys([later], 0)] == ["ok"]
    (_, finding) = keys([soon, later], 0)
    assert (finding.level, soon.id in finding.detail) == ("warn", True)
    assert finding.mend == "toolgate keys create --user user:ann --tenant acme"


def oauth(issuer: Issuer, more: str = "", allow: str = "127.0.0.1") -> str:
    network = f'[network]\nallow = ["{allow}"]\n'
    return network + f'[serve.oauth]\nissuer = "{issuer.url}"\nresource = "http://127.0.0.1:8765/mcp"\n{more}'


def test_where_the_store_can_not_be_read_nobody_is_told_that_there_is_no_key(bare: Path) -> None:
    config = with_settings(bare, "[serve]\napi_keys = true\n")
    config.store.path.parent.mkdir()
    config.store.path.write_text("no database, but long enough to be taken for a broken one" * 99)
    assert found(config) == [("ok", "clients")]


def test_an_issuer_whose_keys_can_be_had_is_ok(bare: Path) -> None:
    with Issuer() as issuer:
        *_, finding = asyncio.run(clients(with_settings(bare, oauth(issuer))))
    assert (finding.level, "1 keys" in finding.detail) == ("ok", True)


def test_an_issuer_at_a_private_address_that_is_not_listed_fails_with_the_setting_to_mend(bare: Path) -> None:
    with Issuer() as issuer:
        *_, finding = asyncio.run(clients(with_settings(bare, oauth(issuer, allow="10.0.0.0/8"))))
    assert (finding.level, "the admin may list it under `[network] allow`" in finding.detail) == ("fail", True)
    assert issuer.asked == []


@pytest.mark.parametrize("document", [None, b"{}", b'{"keys": []}'])
def test_an_issuer_whose_keys_can_not_be_had_fails(bare: Path, document: bytes | None) -> None:
    with Issuer() as issuer:
        issuer.documents["/keys"] = document
        assert found(with_settings(bare, oauth(issuer)))[-1] == ("fail", "oauth")


def test_keys_for_other_algorithms_are_none(bare: Path) -> None:
    with Issuer() as issuer:
        assert found(with_settings(bare, oauth(issuer, 'algorithms = ["ES256"]\n')))[-1] == ("fail", "oauth")


def test_a_profile_that_holds_nothing_is_doubtful(bare: Path) -> None:
    config = with_settings(bare, '[profiles.some]\ntools = ["echo/a*"]\n[profiles.none]\ntools = ["gone/*"]\n')
    catalogue = Catalogue.of([Tool("echo", name, {}, "pin") for name in ("add", "also", "b")])
    assert [(finding.level, finding.what, finding.detail) for finding in profiles(config, catalogue)] == [
        ("ok", "profile some", "2 tools at /mcp/some"),
        ("warn", "profile none", "it holds no tool that is there"),
    ]
