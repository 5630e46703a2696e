import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.layers import Flag
from gateway.config.loading import Config, load_config
from gateway.config.showing import NOT_SET, Origin, launch, origins


def load(folder: Path, toml: str, mcp: Any, *flags: Flag, **environ: str) -> Config:
    (folder / "toolgate.toml").write_text(toml)
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": mcp}, indent=1))
    return load_config(folder, {"HOME": str(folder), **environ}, flags)


def rows(config: Config) -> dict[str, tuple[str, str]]:
    return {row.key: (row.shown, row.origin) for row in origins(config)}


def test_every_value_says_who_set_it(tmp_path: Path) -> None:
    toml = "[serve]\nport = 1\n\nhost = '127.0.0.1'\n[servers.shop]\ntrusted = true"
    mcp = {"shop": {"command": "x", "env": {"A": "${B}"}}}
    config = load(tmp_path, toml, mcp, Flag("--tenant", "identity.tenant", "acme"), TOOLGATE_SERVE__PORT="2")
    shown = rows(config)
    assert shown["serve.port"] == ("2", "environment TOOLGATE_SERVE__PORT")
    assert shown["serve.host"] == ("127.0.0.1", "toolgate.toml:4")
    assert shown["identity.tenant"] == ("acme", "flag --tenant")
    assert shown["store.synchronous"] == ("normal", "default")
    assert shown["store.path"] == (str(tmp_path / ".toolgate" / "toolgate.db"), "default")
    assert shown["telemetry.endpoint"] == (NOT_SET, "default")
    assert shown["servers.shop.trusted"] == ("true", "toolgate.toml:6")
    assert shown["servers.shop.command"] == ("x", ".mcp.json:4")
    assert shown["servers.shop.env.A"] == ("${B}", ".mcp.json:6")


def test_every_setting_that_there_is_is_shown_once(tmp_path: Path) -> None:
    keys = [row.key for row in origins(load(tmp_path, "[agents.a]", {"shop": {"command": "x"}}))]
    assert len(keys) == len(set(keys))
    assert {"agents.a.tools", "agents.a.budgets.usd", "servers.shop.safe_to_repeat", "policy.model"} <= set(keys)


def test_a_server_that_its_own_file_switches_off_says_so(tmp_path: Path) -> None:
    shown = rows(load(tmp_path, "", {"shop": {"command": "x", "disabled": True}}))
    assert shown["servers.shop.disabled"] == ("true", ".mcp.json:3")


def test_a_secret_is_never_shown_expanded_or_literal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "hunter3")
    toml = (
        "[endpoints.lab]\nbase_url = 'http://a:hunter2@x'\n[endpoints.lab.headers]\nAuthorization = 'Bearer hunter2'\n"
        "[endpoints.lab.options]\naws_secret_key = 'hunter2'\n"
        "[telemetry]\nendpoint = 'http://a:hunter2@x'\n[telemetry.headers]\nAuthorization = 'Bearer ${KEY}'\n"
        "X-Token = 'hunter2'\n[models.m]\nprovider = 'scripted'\nscript = 's'\nbase_url = 'http://x?key=hunter2'"
    )
    mcp = {
        "a": {"command": "x", "args": ["--token", "hunter2"], "env": {"API_KEY": "hunter2", "B": "${KEY}"}, "cwd": "c"},
        "b": {"url": "https://x/mcp?key=hunter2", "headers": {"Authorization": "Bearer hunter2", "X": "${KEY:-y}"}},
    }
    config = load(tmp_path, toml, mcp, KEY="hunter3")
    shown = rows(config)
    assert "hunter" not in str(shown)
    assert shown["servers.a.env.B"][0] == "${KEY}"
    assert shown["servers.b.headers.Authorization"][0] == "Bearer ***"
    assert shown["servers.b.headers.X"][0] == "${KEY:-y}"
    assert shown["endpoints.lab.headers.Authorization"][0] == "Bearer ***"
    assert shown["endpoints.lab.options.aws_secret_key"][0] == "***"
    assert shown["telemetry.headers.Authorization"][0] == "Bearer ${KEY}"
    assert shown["servers.a.cwd"][0] == "c"


def test_lists_are_shown_as_a_file_would_hold_them(tmp_path: Path) -> None:
    config = load(tmp_path, "[agents.a]\ntools = ['x/*', 'y/z']", {})
    assert Origin("agents.a.tools", '["x/*", "y/z"]', "toolgate.toml:2") in origins(config)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"command": "npx", "args": ["-y", "a shop"]}, "npx -y 'a shop'"),
        (
            {"command": "${PYTHON}", "args": ["--token", "hunter2", "--key=hunter2"]},
            "'${PYTHON}' --token '***' '--key=***'",
        ),
        ({"url": "https://ann:hunter2@x/mcp?key=hunter2"}, "https://***@x/mcp?key=***"),
    ],
)
def test_how_a_server_is_started_or_reached_is_said_without_its_secrets(
    tmp_path: Path, entry: dict[str, object], shown: str
) -> None:
    config = load(tmp_path, "", {"shop": {**entry, **({"env": {"A": "hunter2"}} if "command" in entry else {})}})
    assert launch(config.servers["shop"]) == shown
