import os
from pathlib import Path

import pytest

from gateway.config.folders import find_folders, home_of, shown_path
from gateway.errors import ConfigError


def made(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_text("")
    return folder


def test_the_project_is_the_nearest_folder_upwards_that_holds_a_toolgate_toml(tmp_path: Path) -> None:
    project = made(tmp_path / "p", "toolgate.toml")
    below = made(project / "a" / "b", ".mcp.json")
    assert find_folders(below, {"HOME": str(tmp_path)}).project == project
    assert find_folders(project, {"HOME": str(tmp_path)}).project == project


def test_without_one_a_folder_with_an_mcp_json_is_a_project(tmp_path: Path) -> None:
    project = made(tmp_path / "p", ".mcp.json")
    folders = find_folders(made(project / "a"), {"HOME": str(tmp_path)})
    assert folders.project == project
    assert folders.workspace == project


def test_the_search_ends_at_the_users_home(tmp_path: Path) -> None:
    made(tmp_path, "toolgate.toml")
    cwd = made(tmp_path / "home" / "a")
    folders = find_folders(cwd, {"HOME": str(tmp_path / "home")})
    assert folders.project is None
    assert folders.workspace == cwd


def test_a_folder_that_is_called_like_a_file_is_no_project(tmp_path: Path) -> None:
    made(tmp_path / "p" / "toolgate.toml")
    assert find_folders(tmp_path / "p", {"HOME": str(tmp_path)}).project is None


def test_a_file_that_somebody_else_put_above_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = made(tmp_path / "p", "toolgate.toml")
    below = made(project / "a")
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    os.chown(project / "toolgate.toml", 4712, -1) if os.geteuid() == 0 else pytest.skip("only root can give files away")
    with pytest.raises(ConfigError, match="belongs to another user"):
        find_folders(below, {"HOME": str(tmp_path)})
    assert find_folders(project, {"HOME": str(tmp_path)}).project == project


def test_a_folder_that_is_closed_to_us_holds_no_project_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "is_file", closed)
    folders = find_folders(tmp_path, {"HOME": "/h"})
    assert (folders.project, folders.settings_files) == (None, ())


def test_the_users_own_files_are_where_xdg_says(tmp_path: Path) -> None:
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}
    folders = find_folders(tmp_path, environ)
    assert (folders.user, folders.state) == (Path("/c/toolgate"), Path("/s/toolgate"))


def test_a_relative_xdg_folder_is_ignored_as_the_specification_says(tmp_path: Path) -> None:
    folders = find_folders(tmp_path, {"HOME": "/h", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": ""})
    assert (folders.user, folders.state) == (Path("/h/.config/toolgate"), Path("/h/.local/state/toolgate"))


def test_files_are_read_from_the_weakest_to_the_strongest(tmp_path: Path) -> None:
    user = made(tmp_path / "c" / "toolgate", "toolgate.toml", "mcp.json")
    project = made(tmp_path / "p", "toolgate.toml", ".mcp.json")
    folders = find_folders(project, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "c")})
    assert folders.settings_files == (user / "toolgate.toml", project / "toolgate.toml")
    assert folders.server_files == (user / "mcp.json", project / ".mcp.json")


def test_without_home_the_system_is_asked(tmp_path: Path) -> None:
    assert home_of({}).is_absolute()
    assert home_of({"HOME": "relative"}).is_absolute()
    assert home_of({"HOME": str(tmp_path)}) == tmp_path


def test_a_file_is_named_as_seen_from_here() -> None:
    assert shown_path(Path("/a/b/toolgate.toml"), Path("/a/b")) == "toolgate.toml"
    assert shown_path(Path("/u/ann/toolgate.toml"), Path("/u/ann/b")) == "../toolgate.toml"
    assert shown_path(Path("/h/x"), Path("/very/deep/down/here")) == "/h/x"


def test_what_was_imported_is_stronger_than_the_projects_own_servers(tmp_path: Path) -> None:
    project = made(tmp_path / "p", "toolgate.toml", ".mcp.json")
    made(project / ".toolgate", "mcp.json")
    made(tmp_path / ".config" / "toolgate", "mcp.json")
    assert find_folders(project, {"HOME": str(tmp_path)}).server_files == (
        tmp_path / ".config" / "toolgate" / "mcp.json",
        project / ".mcp.json",
        project / ".toolgate" / "mcp.json",
    )


def test_pins_stand_beside_the_projects_file_or_else_in_the_users_state(tmp_path: Path) -> None:
    project = made(tmp_path / "p", "toolgate.toml")
    folders = find_folders(made(project / "a"), {"HOME": str(tmp_path)})
    assert folders.lock_file == project / "toolgate.lock"
    assert folders.private == project / ".toolgate"
    alone = find_folders(made(tmp_path / "other"), {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "s")})
    assert alone.lock_file == tmp_path / "s" / "toolgate" / "toolgate.lock"
    assert alone.private == tmp_path / "s" / "toolgate"
