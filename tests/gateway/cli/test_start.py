from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command


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
        program, *arguments = command.replace('"', "").split()
        assert program == "toolgate"
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
    assert made["next"][0] == "cd 'my gateway' && toolgate run \"hello\""
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
