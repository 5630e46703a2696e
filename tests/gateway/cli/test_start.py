import json
import shlex
from pathlib import Path

import pytest

from gateway.cli.program import program
from tests.gateway.cli.conftest import Command


@pytest.mark.usefixtures("anew")
def test_what_init_writes_works_at_once(folder: Path, child: Command) -> None:
    made = child("init")
    assert made.code == 0
    assert "wrote  toolgate.toml" in made.out
    assert 'toolgate run "hello"' in made.err
    done = child("run", "hello")
    assert done.code == 0
    assert "Two servers answered" in done.out
    assert "✓ shop/search_products" in done.err
    assert "✓ workspace/list_files" in done.err


def test_every_next_command_works(folder: Path, toolgate: Command) -> None:
    for command in toolgate("init", "--json").json["next"]:
        name, *arguments = shlex.split(command)
        assert Path(name).name == "toolgate"
        assert toolgate(*arguments).code == 0


def test_nothing_is_overwritten(folder: Path, toolgate: Command) -> None:
    (folder / "toolgate.toml").write_text("# mine\n")
    assert "kept   toolgate.toml" in toolgate("init").out
    assert (folder / "toolgate.toml").read_text() == "# mine\n"
    again = toolgate("init", "--json").json
    assert again["written"] == []
    assert "policies/policy.csv" in again["kept"]


def test_another_folder_is_made_and_the_next_commands_go_there(folder: Path, toolgate: Command) -> None:
    made = toolgate("init", "my gateway", "--json").json
    assert made["folder"] == str(folder / "my gateway")
    assert made["next"] == [
        f"{program()} {command} --project 'my gateway'" for command in ('run "hello"', "tools", "doctor")
    ]
    assert (folder / "my gateway" / "policies" / "policy.csv").exists()


def test_a_folder_that_can_not_be_written_is_said(folder: Path, toolgate: Command) -> None:
    (folder / "file").write_text("")
    assert toolgate("init", "file").code == 2
    failed = toolgate("init", "file/below")
    assert failed.code == 3
    assert "can't be written" in failed.err


@pytest.mark.parametrize("command", [("policy", "check"), ("policy", "test"), ("doctor",)])
def test_the_starter_passes_its_own_checks(command: tuple[str, ...], folder: Path, toolgate: Command) -> None:
    toolgate("init")
    checked = toolgate(*command, "--json")
    assert checked.code == 0
    assert checked.json["ok"] is True


def test_beside_servers_of_ones_own_hello_is_true_and_trust_is_asked_for(
    folder: Path, toolgate: Command, echo_url: str
) -> None:
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": {"url": echo_url}}}))
    assert "your servers are not trusted yet" in toolgate("init").err
    said = toolgate("run", "hello")
    assert said.code == 0
    assert "I know no tools of your servers" in said.out
    assert "Two servers" not in said.out
    assert "✗" not in said.err
    trusted = (folder / "toolgate.toml").read_text().replace("# [servers.NAME]\n# trusted", "[servers.echo]\ntrusted")
    (folder / "toolgate.toml").write_text(trusted)
    (folder / "talk.yaml").write_text("steps:\n  - call: {tool: echo/echo, args: {text: hi}}\n  - say: Done.\n")
    assert "✓ echo/echo" in toolgate("run", "hello", "--model", "scripted:talk.yaml").err  # the agent has every tool


def test_hello_does_not_claim_answers_that_were_refused(folder: Path, toolgate: Command) -> None:
    assert "trusted" not in toolgate("init").err
    policy = folder / "policies" / "policy.csv"
    policy.write_text(f"{policy.read_text()}p, *, *, shop/*, call, , deny, the shop is closed\n")
    said = toolgate("run", "hello")
    assert "the gateway refused a call" in said.out
    assert "Two servers" not in said.out
