from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from gateway.cli.options import Caller, emit, usage_of
from tests.gateway.cli.conftest import Command


def test_options_are_stronger_than_the_file(bare: Path) -> None:
    config = Caller(bare, "bob", "umbrella").config(("--port", "serve.port", "0"), ("--host", "serve.host", None))
    assert (config.identity.user, config.identity.tenant) == ("user:bob", "umbrella")
    assert (config.serve.port, config.serve.host) == (0, "127.0.0.1")


def test_without_options_the_file_says_who_asks(bare: Path) -> None:
    config = Caller(bare).config()
    assert (config.identity.user, config.identity.tenant) == ("user:ann", "acme")


def test_a_file_of_servers_is_meant_from_here_and_not_from_the_project(bare: Path, toolgate: Command) -> None:
    (bare / "below").mkdir()
    (bare / "mine.json").write_text('{"mcpServers": {"extra": {"command": "x"}}}')
    shown = toolgate("config", "show", "--json", "--project", "below", "--mcp-config", "mine.json")
    assert "servers.extra.command" in [row["key"] for row in shown.json]


def test_a_project_that_is_not_there_is_a_mistake_of_use(bare: Path, toolgate: Command) -> None:
    assert toolgate("runs", "--project", "nowhere").code == 2
    assert toolgate("runs", "--mcp-config", "nowhere.json").code == 2


@pytest.mark.parametrize("who", ["role:boss", "a*", "user:", "\x1b[2J"])
def test_nobody_asks_as_a_role_or_a_pattern(who: str, bare: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "--as", who)
    assert failed.code == 2
    assert "\x1b" not in failed.err


@pytest.mark.parametrize(
    "command",
    [("tools",), ("call", "a/b"), ("policy", "explain", "--tool", "a/b", "--offline"), ("serve", "--stdio")],
)
@pytest.mark.parametrize("name", ["role:boss", "a*", "", "\x1b[2J"])
def test_nobody_asks_through_a_role_or_a_pattern(
    command: Sequence[str], name: str, bare: Path, toolgate: Command
) -> None:
    failed = toolgate(*command, "--agent", name)
    assert failed.code == 2
    assert "is not an agent's name" in failed.err
    assert "\x1b" not in failed.err


def test_what_a_file_says_wrong_is_no_mistake_of_use(bare: Path, toolgate: Command) -> None:
    settings = bare / "toolgate.toml"
    settings.write_text(settings.read_text().replace("user:ann", "role:boss"))
    assert toolgate("runs").code == 3
    assert toolgate("runs", "--as", "ann").code == 0


def test_json_holds_nothing_that_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"text": "\x1b[2J \x9b2J \u202e \ud800"})
    assert capsys.readouterr().out.isascii()


def test_a_value_error_becomes_a_mistake_in_an_option() -> None:
    with pytest.raises(click.BadParameter, match="not so"), usage_of("--args"):
        raise ValueError("not so")


def test_an_empty_tenant_and_a_path_that_is_none_are_said_in_the_users_words(bare: Path, toolgate: Command) -> None:
    assert toolgate("runs", "--tenant", "").err == "flag --tenant: error: `identity.tenant`: it is empty\n"
    settings = bare / "toolgate.toml"
    settings.write_text(f"{settings.read_text()}\n[store]\npath = 5\n")
    assert "`store.path` must be a path, in quotes" in toolgate("runs").err


@pytest.mark.parametrize("command", [("run", "x"), ("submit", "x"), ("chat",), ("serve", "--stdio")])
@pytest.mark.parametrize("who", [("--as", ""), ("--as", " "), ("--tenant", ""), ("--agent", "")])
def test_a_name_that_is_empty_is_nobodys_and_not_the_one_that_is_configured(
    command: Sequence[str], who: Sequence[str], bare: Path, toolgate: Command
) -> None:
    """As where a script's variable is not set."""
    failed = toolgate(*command, *who)
    assert (failed.code, failed.out) == (2, "")


@pytest.mark.parametrize("name", ["TOOLGATE_IDENTITY__USER", "TOOLGATE_IDENTITY__TENANT"])
def test_nor_is_one_that_is_empty_in_the_environment(
    name: str, bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "")
    failed = toolgate("submit", "x")
    assert (failed.code, failed.out) == (3, "")
    assert name in failed.err
