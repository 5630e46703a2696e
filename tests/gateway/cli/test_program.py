from pathlib import Path

import pytest

from gateway.cli.program import absolute, near, program, typed


def test_where_a_shell_finds_it_the_name_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path / "toolgate")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == "toolgate"


def test_elsewhere_it_is_named_by_its_path_as_one_would_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", str(tmp_path / "my env" / "python"))
    assert program() == f"'{tmp_path}/my env/python' -m gateway.cli"
    _make(tmp_path / "my env" / "toolgate")
    assert program() == f"'{tmp_path}/my env/toolgate'"
    monkeypatch.chdir(tmp_path)
    assert program() == "'my env/toolgate'"


def test_a_path_below_this_folder_is_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert near(tmp_path / "a") == Path("a")
    assert near(Path("/elsewhere")) == Path("/elsewhere")


def _make(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def test_the_absolute_command_is_this_installations_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert absolute() == (str(tmp_path / "venv" / "python"), "-P", "-m", "gateway.cli")
    _make(tmp_path / "venv" / "toolgate")
    _make(tmp_path / "bin" / "toolgate")
    assert absolute() == (str(tmp_path / "venv" / "toolgate"),)  # the one on the path is another installation's
    (tmp_path / "bin" / "toolgate").unlink()
    (tmp_path / "bin" / "toolgate").symlink_to(tmp_path / "venv" / "toolgate")
    assert absolute() == (str(tmp_path / "bin" / "toolgate"),)


def test_a_users_file_is_shown_from_here_or_from_home() -> None:
    cwd, home = Path("/home/ann/work"), Path("/home/ann")
    assert typed(cwd / ".vscode" / "mcp.json", cwd, home) == ".vscode/mcp.json"
    assert typed(home / ".cursor" / "mcp.json", cwd, home) == "~/.cursor/mcp.json"
    assert typed(Path("/etc/x"), cwd, home) == "/etc/x"
