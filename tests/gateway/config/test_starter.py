import json
import os
import subprocess
from pathlib import Path

import pytest

from gateway.config.budgets import Budgets, load_budgets
from gateway.config.expansion import ResolvedStdio, expand
from gateway.config.loading import load_config
from gateway.config.starter import Kept, Written, copy_policies, write_new, write_starter
from gateway.errors import ConfigError

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
}


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_project_has_everything_that_it_needs_and_loads_without_a_warning(tmp_path: Path) -> None:
    done = write_starter(tmp_path / "new")
    assert all(isinstance(file, Written) for file in done)
    assert {file.path.relative_to(tmp_path / "new").as_posix() for file in done} == names(tmp_path / "new")
    config = load_config(tmp_path / "new", {"HOME": str(tmp_path)})
    assert config.warnings == ()
    assert sorted(config.servers) == ["shop", "workspace"]
    assert all(server.word.trusted for server in config.servers.values())
    assert config.agents["assistant"].model == ("demo",)
    script = config.models["demo"].script
    assert script is not None
    assert script.is_file()
    assert config.policy.model.is_file()
    assert config.policy.files.is_file()
    assert load_budgets(config.policy.budgets, config.agents) == Budgets()


def test_its_servers_start_from_the_project_folder(tmp_path: Path) -> None:
    write_starter(tmp_path)
    (tmp_path / "servers").mkdir()  # a folder of that name in the project does not take the place of ours
    (tmp_path / "servers" / "__init__.py").write_text("raise SystemExit('the wrong servers')")
    for server in load_config(tmp_path, {"HOME": str(tmp_path)}).servers.values():
        found = expand(server, {"HOME": str(tmp_path)})
        assert isinstance(found, ResolvedStdio)
        command, env, hello = [found.command, *found.args], {"PATH": os.environ["PATH"]}, f"{json.dumps(HELLO)}\n"
        answered = subprocess.run(
            command, cwd=found.cwd, env=env, input=hello, capture_output=True, text=True, timeout=60, check=False
        )
        assert '"serverInfo"' in answered.stdout, answered.stderr
    assert (tmp_path / "workspace").is_dir()
    assert (tmp_path / ".toolgate" / "shop.db").is_file()


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy.csv").write_text("mine")
    (tmp_path / "toolgate.toml").write_text("mine")
    done = write_starter(tmp_path)
    assert Kept(tmp_path / "toolgate.toml") in done
    assert Kept(tmp_path / "policies" / "policy.csv") in done
    assert (tmp_path / "toolgate.toml").read_text() == (tmp_path / "policies" / "policy.csv").read_text() == "mine"


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    first = write_starter(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    assert write_starter(tmp_path) == [Kept(file.path) for file in first]
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "toolgate.toml").symlink_to(tmp_path / "elsewhere")
    assert Kept(tmp_path / "new" / "toolgate.toml") in write_starter(tmp_path / "new")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("text", ['{"mcpServers": {"own": {"command": "x"}}}', '{"servers": {}}'])
def test_beside_servers_of_ones_own_the_settings_name_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / ".mcp.json").write_text(text)
    assert Kept(tmp_path / ".mcp.json") in write_starter(tmp_path)
    assert not {"shop", "workspace"} & load_config(tmp_path, {"HOME": str(tmp_path)}).servers.keys()


def test_a_broken_file_of_servers_is_kept_and_left_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text("{")
    write_starter(tmp_path)
    with pytest.raises(ConfigError, match=r".mcp.json:1:2"):
        load_config(tmp_path, {"HOME": str(tmp_path)})


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        write_starter(tmp_path / "file")


def test_single_files_and_policies_are_written_where_there_are_none(tmp_path: Path) -> None:
    assert write_new(tmp_path / "a" / "x", "new") == [tmp_path / "a" / "x"]
    assert write_new(tmp_path / "a" / "x", "newer") == []
    assert (tmp_path / "a" / "x").read_text() == "new"
    assert copy_policies(tmp_path, ("model.conf", "budgets.toml")) == [
        tmp_path / "model.conf",
        tmp_path / "budgets.toml",
    ]
    assert copy_policies(tmp_path, ("model.conf",)) == []
