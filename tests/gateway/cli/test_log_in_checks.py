import dataclasses
import json
from pathlib import Path

import pytest

from gateway.access import Access
from gateway.cli.log_in_checks import log_ins
from gateway.cli.options import Caller
from gateway.upstream.auth.grant import Grant

URL = "https://tracker.example/mcp"
MACHINE = """\
[servers.robot]
auth = "client_credentials"
issuer = "https://idp.example"
client_id = "gateway"
client_secret = "${IDP_SECRET}"
"""


@pytest.fixture
def caller(bare: Path) -> Caller:
    toml = bare / "toolgate.toml"
    toml.write_text(toml.read_text() + '[servers.tracker]\nauth = "oauth"\n' + MACHINE)
    servers = {name: {"url": URL} for name in ("tracker", "robot", "open")}
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    return Caller(bare)


def found(caller: Caller) -> dict[str, tuple[str, str, str]]:
    return {one.what: (one.level, one.detail, one.mend) for one in log_ins(caller.config())}


def test_each_server_that_wants_credentials_is_looked_at(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDP_SECRET", "hush")
    findings = found(caller)
    assert findings.keys() == {"log-in tracker", "log-in robot"}
    level, detail, mend = findings["log-in tracker"]
    assert (level, detail) == ("warn", "`user:ann` is not logged in")
    assert mend.endswith(" login tracker")
    assert findings["log-in robot"] == ("ok", "client_credentials, at https://idp.example", "")


def test_a_variable_that_is_not_set_fails(caller: Caller) -> None:
    level, detail, _ = found(caller)["log-in robot"]
    assert level == "fail"
    assert "`IDP_SECRET` is not set" in detail


@pytest.mark.parametrize(
    ("grant", "level", "told"),
    [
        (Grant("t", 1, 2, refresh_token="r"), "ok", "`user:ann` logged in, renewed by itself"),
        (Grant("t", 1, 4e9), "ok", "`user:ann` logged in until 2096-"),
        (Grant("t", 1, 2), "warn", "`user:ann` ended 1970-"),
    ],
)
def test_a_log_in_says_how_long_it_holds(caller: Caller, grant: Grant, level: str, told: str) -> None:
    access = Access(caller.config())
    access.vault.write(access.binding("tracker", access.owner), grant)
    assert found(caller)["log-in tracker"][0] == level
    assert found(caller)["log-in tracker"][1].startswith(told)
    assert found(dataclasses.replace(caller, user="user:bob"))["log-in tracker"][0] == "warn"


def test_one_that_does_not_open_fails_with_its_mend(caller: Caller) -> None:
    access = Access(caller.config())
    access.vault.write(access.binding("tracker", access.owner), Grant("t", 1))
    (file,) = (caller.config().folders.state / "logins").glob("*.grant")
    file.write_bytes(b"x")
    level, detail, mend = found(caller)["log-in tracker"]
    assert level == "fail"
    assert "can't be opened" in detail
    assert mend.endswith(" login tracker")
