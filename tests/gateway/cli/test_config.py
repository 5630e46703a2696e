import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import Command

SECRET = "sk-live-0123456789abcdef"


def test_every_key_is_shown_with_its_value(bare: Path, toolgate: Command) -> None:
    shown = toolgate("config", "show")
    assert (shown.code, shown.err) == (0, "")
    values = dict(line.split(maxsplit=1) for line in shown.out.splitlines() if len(line.split()) > 1)
    assert values["identity.user"] == "user:ann"
    assert values["serve.port"] == "8765"


def test_origin_says_who_set_it(bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGATE_SERVE__PORT", "9999")
    origins = {row["key"]: row for row in toolgate("config", "show", "--json", "--tenant", "umbrella").json}
    assert origins["identity.user"]["origin"] == "toolgate.toml:2"
    assert origins["identity.tenant"] == {"key": "identity.tenant", "value": "umbrella", "origin": "flag --tenant"}
    assert origins["serve.port"]["origin"] == "environment TOOLGATE_SERVE__PORT"
    assert origins["store.synchronous"]["origin"] == "default"
    text = toolgate("config", "show", "--origin").out
    assert "toolgate.toml:2" in text
    assert "toolgate.toml:2" not in toolgate("config", "show").out


@pytest.mark.parametrize("options", [(), ("--origin",), ("--json",)])
def test_no_secret_is_shown(options: tuple[str, ...], bare: Path, toolgate: Command) -> None:
    entry = {
        "url": f"https://ann:{SECRET}@example.org/mcp?key={SECRET}",
        "headers": {"Authorization": f"Bearer {SECRET}", "X-Other": "${TOKEN:-" + SECRET + "}"},
    }
    program = {"command": "x", "args": ["--token", SECRET, f"--key={SECRET}"], "env": {"API_KEY": SECRET}}
    (bare / ".mcp.json").write_text(json.dumps({"mcpServers": {"far": entry, "near": program}}))
    shown = toolgate("config", "show", *options)
    assert shown.code == 0
    assert "example.org" in shown.out
    assert SECRET not in shown.out + shown.err


def test_warnings_are_talk(bare: Path, toolgate: Command, tmp_path: Path) -> None:
    own = tmp_path / "home" / ".config" / "toolgate"
    own.mkdir(parents=True)
    (own / "toolgate.toml").write_text("[servers.elsewhere]\ntrusted = true\n")
    shown = toolgate("config", "show")
    assert shown.code == 0
    assert "elsewhere" in shown.err
    assert "warning" in shown.err


def test_the_json_of_the_configuration_keeps_its_shape(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    golden("cli_config_show", toolgate("config", "show", "--json").json)


def test_config_alone_shows_what_there_is_to_type(bare: Path, toolgate: Command) -> None:
    shown = toolgate("config")
    assert shown.code == 2
    assert "show" in shown.err


@pytest.mark.parametrize("file", ["toolgate", "budgets"])
def test_the_schema_is_printed_for_editors_and_needs_no_project(
    file: str, toolgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = toolgate("config", "schema", file)
    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out)["additionalProperties"] is False
    assert toolgate("config", "schema", file, "--json").json == json.loads(printed.out)
    assert toolgate("config", "schema", "policy").code == 2
