"""Budgets that are edited while they hold. Nothing sleeps: a test looks twice."""

import os
from pathlib import Path

import pytest

from gateway.config import LiveBudgets
from gateway.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "budgets.toml"
    path.write_text("[run]\nturns = 5\n")
    return path


def looked(live: LiveBudgets, times: int = 2) -> int | None:
    for _ in range(times):
        live.look()
    return live.current.run.turns


def test_an_edit_holds_once_it_has_been_seen_twice(file: Path) -> None:
    live = LiveBudgets(file)
    file.write_text("[run]\nturns = 60\n")
    assert looked(live, 1) == 5  # somebody may still be writing
    assert looked(live, 1) == 60


def test_a_broken_edit_changes_nothing_and_is_told_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    live = LiveBudgets(file)
    file.write_text("[run]\nturnss = 7\n")
    assert looked(live, 5) == 5
    assert "budgets.toml:2" in str(live.problem)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    file.write_text("[run]\nturns = 8\n")
    assert looked(live) == 8
    assert str(live.problem) == "None"


def test_a_file_that_is_gone_leaves_its_limits(file: Path) -> None:
    live = LiveBudgets(file)
    file.unlink()
    assert looked(live) == 5
    assert "the file is gone" in str(live.problem)


def test_a_file_that_comes_later_is_read(tmp_path: Path) -> None:
    live = LiveBudgets(tmp_path / "budgets.toml")
    (tmp_path / "budgets.toml").write_text("[clients]\ntool_calls = 3\n")
    looked(live)
    assert live.current.for_clients.tool_calls == 3


def test_a_file_that_comes_by_renaming_and_is_as_long_and_as_old_is_read(file: Path) -> None:
    live, stat = LiveBudgets(file), file.stat()
    new = file.with_suffix(".new")
    new.write_text("[run]\nturns = 9\n")
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(file)
    assert looked(live) == 9


def test_the_first_reading_must_be_good(file: Path) -> None:
    file.write_text("[run\n")
    with pytest.raises(ConfigError):
        LiveBudgets(file)
