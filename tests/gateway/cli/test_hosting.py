import os
import subprocess
from pathlib import Path

import click
import pytest

from gateway.cli.exits import Stop
from gateway.cli.hosting import chosen_home, launch, named_hosts
from gateway.config.folders import find_folders
from gateway.hosts.home import Home
from gateway.hosts.table import HOSTS


def test_without_names_all_clients_are_meant() -> None:
    assert named_hosts([]) == HOSTS
    assert [host.name for host in named_hosts(["zed", "cursor", "zed"])] == ["zed", "cursor"]
    with pytest.raises(click.UsageError, match="there is no client `emacs`; known: `claude-code`"):
        named_hosts(["emacs"])


def test_a_folder_without_a_gateway_is_not_taken_for_one(tmp_path: Path) -> None:
    folders = find_folders(tmp_path, {"HOME": str(tmp_path)})
    assert chosen_home(folders, None).own
    with pytest.raises(Stop, match=r"there is no toolgate.toml in .*; make one with `toolgate init"):
        chosen_home(folders, tmp_path)
    (tmp_path / "toolgate.toml").write_text("")
    assert chosen_home(find_folders(tmp_path, {"HOME": str(tmp_path)}), tmp_path).folder == tmp_path


def test_the_gateways_command_can_be_started_from_anywhere(tmp_path: Path) -> None:
    command = launch(Home(tmp_path, own=False))
    assert os.path.isabs(command[0])  # noqa: PTH117 - it is a text
    assert command[-4:] == ("serve", "--stdio", "--project", str(tmp_path))
    start = [*command[:-4], "--version"]
    done = subprocess.run(start, cwd="/", env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("toolgate ")
