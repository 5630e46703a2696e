import json
import stat
from pathlib import Path

import pytest

from gateway.config import load_config
from gateway.config.folders import Folders, find_folders
from gateway.errors import ConfigError, PolicyError
from gateway.hosts.changes import apply
from gateway.hosts.home import find_home, is_read_elsewhere, known_servers, make_home, with_servers
from gateway.policy import load
from gateway.policy.files import Source
from gateway.policy.formatting import formatted


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "work").mkdir()
    return find_folders(tmp_path / "work", {"HOME": str(tmp_path)})


def test_in_a_project_it_is_the_projects_gateway(tmp_path: Path, folders: Folders) -> None:
    (folders.cwd / "toolgate.toml").write_text("")
    home = find_home(find_folders(folders.cwd, {"HOME": str(tmp_path)}))
    assert (home.folder, home.own) == (folders.cwd, False)
    assert make_home(home, "user:ann") == [folders.cwd / ".toolgate" / ".gitignore"]


def test_elsewhere_it_is_the_users_own_and_works_as_it_is_made(tmp_path: Path, folders: Folders) -> None:
    home = find_home(folders)
    assert (home.folder, home.own, home.exists) == (tmp_path / ".config" / "toolgate" / "gateway", True, False)
    assert len(make_home(home, "user:ann")) == 5
    assert make_home(home, "user:ann") == []
    config = load_config(home.folder, {"HOME": str(tmp_path)})
    policy = load(config.policy.model, config.policy.files)
    assert {rule.why for rule in policy.rules} >= {"my own servers"}
    assert not policy.warnings


@pytest.mark.parametrize("user", ["user:a", "user:ann", "user:somebody-with-a-long-name"])
def test_its_policy_is_aligned_whatever_the_user_is_called(user: str, folders: Folders) -> None:
    home = find_home(folders)
    make_home(home, user)
    content = (home.folder / "policies" / "policy.csv").read_bytes()
    assert user.encode() in content
    assert formatted(Source("policy.csv", content)) == content


def test_a_name_that_no_policy_can_hold_is_told_by_whoever_reads_the_file(folders: Folders) -> None:
    home = find_home(folders)
    make_home(home, "user:a(b")
    with pytest.raises(PolicyError, match=r"policy\.csv:9"):
        load(home.folder / "policies" / "model.conf", home.folder / "policies" / "policy.csv")


def test_what_a_user_has_changed_in_it_stays(folders: Folders) -> None:
    home = find_home(folders)
    make_home(home, "user:ann")
    policy = home.folder / "policies" / "policy.csv"
    policy.write_text("# mine\n")
    make_home(home, "user:ann")
    assert policy.read_text() == "# mine\n"


def test_servers_are_added_to_those_that_are_there(tmp_path: Path, folders: Folders) -> None:
    home = find_home(folders)
    make_home(home, "user:ann")
    text = '{\n  // mine\n  "mcpServers": {\n    "a": {"command": "x"}\n  }\n}\n'
    home.servers_file.write_text(text)
    added = with_servers(home, folders, {"b": {"command": "y"}})
    assert added is not None
    apply([added], tmp_path / "state")
    assert home.servers_file.read_text().startswith(text[: text.index("}\n  }")])
    assert known_servers(home, folders) == {"a": {"command": "x"}, "b": {"command": "y"}}
    assert list(load_config(home.folder, {"HOME": str(tmp_path)}).servers) == ["a", "b"]
    assert stat.S_IMODE(home.servers_file.stat().st_mode) == 0o600


def test_no_servers_are_no_change(folders: Folders) -> None:
    assert with_servers(find_home(folders), folders, {}) is None


def test_a_broken_file_of_ours_is_not_written_over(folders: Folders) -> None:
    home = find_home(folders)
    make_home(home, "user:ann")
    home.servers_file.write_text('{"mcpServers": []}')
    with pytest.raises(ConfigError, match="not an object of servers"):
        with_servers(home, folders, {"b": {"command": "y"}})


def test_a_project_whose_servers_claude_code_reads_too_is_known(tmp_path: Path, folders: Folders) -> None:
    (folders.cwd / "toolgate.toml").write_text("")
    there = find_folders(folders.cwd, {"HOME": str(tmp_path)})
    home = find_home(there)
    (folders.cwd / ".mcp.json").write_text(json.dumps({"mcpServers": {"a": {"command": "x"}}}))
    assert not is_read_elsewhere(home, there)
    (tmp_path / ".claude.json").write_text("{}")
    assert is_read_elsewhere(home, there)
    (folders.cwd / ".mcp.json").write_text(
        json.dumps({"mcpServers": {"t": {"command": "toolgate", "args": ["serve"]}}})
    )
    assert not is_read_elsewhere(home, there)
