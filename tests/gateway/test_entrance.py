"""Who may come in, as the configuration says it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import entrance
from gateway.auth import Refusal
from gateway.config import Config, load_config
from gateway.errors import ConfigError
from gateway.keys import Owner, minted
from gateway.profile import WHOLE
from gateway.store.sqlite import SqliteStore
from tests.fixtures.issuer import Issuer

OAUTH = '[serve.oauth]\nissuer = "https://issuer.test"\nresource = "https://gate.test/mcp"\n'
FAR = 1_900_000_000_000  # milliseconds: 2030, as no machine's clock has it


def config(folder: Path, text: str) -> Config:
    (folder / "toolgate.toml").write_text(text)
    return load_config(folder, {"HOME": str(folder / "home")})


@pytest.fixture
def files(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db")
    yield store
    store.close()


@pytest.mark.parametrize(("text", "asked"), [("", False), ("[serve]\napi_keys = true\n", True), (OAUTH, True)])
def test_a_log_in_is_asked_for_where_there_is_a_way_to(
    tmp_path: Path, files: SqliteStore, text: str, asked: bool
) -> None:
    assert (entrance.login(config(tmp_path, text), files) is not None) is asked


def test_a_way_that_is_not_configured_is_not_taken(tmp_path: Path, files: SqliteStore) -> None:
    for text in (OAUTH, "[serve]\napi_keys = true\n"):
        login = entrance.login(config(tmp_path, text), files)
        assert login
        for credential in (b"Bearer tg_000000000000_" + b"0" * 64, b"Bearer x.y.z"):
            answer = asyncio.run(login.authenticate([(b"authorization", credential)], "/mcp"))
            assert isinstance(answer, Refusal)
            assert answer.status == 401


def test_a_key_is_good_for_so_long_by_the_clock_of_the_store(tmp_path: Path, files: SqliteStore) -> None:
    text, key = minted(Owner("user:ann", "acme", expires=FAR), FAR - 1000)
    asyncio.run(files.add_key(key))
    good = []
    for now in (FAR - 500, FAR + 500):
        files._now = lambda now=now: now  # type: ignore[misc] # noqa: SLF001
        login = entrance.login(config(tmp_path, "[serve]\napi_keys = true\n"), files)
        assert login
        answer = asyncio.run(login.authenticate([(b"authorization", f"Bearer {text}".encode())], "/mcp"))
        good.append(not isinstance(answer, Refusal))
    assert good == [True, False]


def test_a_profile_has_its_own_scopes_or_those_of_all(tmp_path: Path) -> None:
    text = '[serve]\nscopes = ["use"]\n[profiles.own]\ntools = ["a/*"]\nscopes = ["own"]\n'
    challenges = entrance.challenges(config(tmp_path, text + '[profiles.open]\ntools = ["a/*"]\nscopes = []\n'))
    wanted = {"/mcp": {"use"}, "/mcp/own": {"own"}, "/mcp/open": set(), "/mcp/other": {"use"}}
    assert {path: set(challenges.needed(path)) for path in wanted} == wanted


def test_without_a_claim_for_the_tenant_it_is_the_configured_one(tmp_path: Path) -> None:
    async def scenario(issuer: Issuer) -> None:
        allowed = '[network]\nallow = ["127.0.0.1"]\n[identity]\ntenant = "acme"\n'
        text = f'{allowed}[serve.oauth]\nissuer = "{issuer.url}"\nresource = "http://gate.test/mcp"\n'
        settings = config(tmp_path, text.replace("http://gate.test", "http://127.0.0.1"))
        assert settings.serve.oauth
        who = entrance.tokens(settings, settings.serve.oauth)
        found = await who(issuer.token(aud="http://127.0.0.1/mcp", tenant="globex"))
        assert found
        assert (found.subject.user, found.subject.tenant) == ("user:ann", "acme")
        assert await who(issuer.token(aud="http://127.0.0.1")) is None

    with Issuer() as issuer:
        asyncio.run(scenario(issuer))


def test_a_profile_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    found = config(tmp_path, '[profiles.stock]\ntools = ["shop/get_*"]\n')
    assert entrance.profile(found, None) is WHOLE
    assert entrance.profile(found, "stock").holds("shop/get_stock")
    with pytest.raises(ConfigError, match=r"no profile `stok` \(did you mean `stock`\?\)"):
        entrance.profile(found, "stok")
    with pytest.raises(ConfigError, match=r"add `\[profiles.NAME\]`"):
        entrance.profile(config(tmp_path, ""), "stock")
