"""The demo is a promise on the first screen of the README: it is played as a newcomer plays it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.scenes import prepare
from gateway.errors import ToolgateError

PATIENCE = 120


def toolgate(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if not key.startswith("TOOLGATE_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_killed_worker_leaves_one_order_and_every_scene_ends_well(tmp_path: Path) -> None:
    played = toolgate(tmp_path, "demo", "--json")
    assert played.returncode == 0, played.stderr
    found = json.loads(played.stdout)
    assert found["as_expected"] is True
    assert found["orders_after_kill"] == 1
    stories = [
        json.loads(toolgate(Path(found["folder"]), "runs", "show", run, "--json").stdout) for run in found["runs"]
    ]
    told = [[event["event"] for event in story["events"]] for story in stories]
    assert told[0].count("denied") == 1
    assert told[0].count("held") == 1
    kill = [event for event in stories[1]["events"] if event["event"] == "admitted"]
    assert [event["attempt"] for event in kill] == [1, 2]  # sent again, by another worker, on the same approval
    assert len({event["approval_id"] for event in kill}) == 1
    assert told[1].count("returned") == 1
    assert [event["unit"] for event in stories[2]["events"] if event["event"] == "paused"] == ["tool_calls"]


def test_what_a_person_sees_names_the_rule_the_kill_and_three_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.defpath)  # toolgate is not on it: what is shown must work all the same
    monkeypatch.setenv("COLUMNS", "80")
    played = toolgate(tmp_path, "demo")
    assert played.returncode == 0, played.stderr
    assert "refunds above 100 go through finance" in played.stdout
    assert "policy.csv:" in played.stdout
    assert "killed with -9" in played.stdout
    assert "1 order in the shop's database" in played.stdout
    assert "\x1b" not in played.stdout
    assert "an order needs a second person, a rule forbids a refund\n" in played.stdout
    commands = played.stdout.partition("Try next")[2].strip().splitlines()[2:]
    assert len(commands) == 3
    explained, listed, made = [pasted(command, tmp_path) for command in commands]
    assert "deny" in explained
    assert "shop/refund" in listed
    assert "Two servers answered" in made


def pasted(command: str, folder: Path) -> str:
    """What a command says on stdout, given as a person would paste it."""
    done = subprocess.run(
        ["sh", "-c", command.strip()], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ToolgateError, match="holds something else"):
        prepare(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_last_demos_project_is_replaced(tmp_path: Path) -> None:
    prepare(tmp_path / "demo")
    (tmp_path / "demo" / "workspace" / "old.md").write_text("old")
    prepare(tmp_path / "demo")
    assert not (tmp_path / "demo" / "workspace" / "old.md").exists()
    assert (tmp_path / "demo" / "policies" / "policy.csv").exists()
