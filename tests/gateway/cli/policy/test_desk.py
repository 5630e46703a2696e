"""What the commands that roll a policy out find out before they do anything."""

import getpass
from pathlib import Path

import pytest

from gateway.cli.options import Caller
from gateway.cli.policy import desk as module
from gateway.cli.policy.desk import opened, waited
from gateway.policy.files import journal_of
from gateway.policy.version import Files
from tests.gateway.cli.policy.test_status import reported

LINE = "p, *, *, */*, call, , allow, {}\n"


def test_a_broken_policy_keeps_nobody_from_looking(bare: Path) -> None:
    (bare / "policies" / "policy.csv").write_text("P, x\n")
    with opened(Caller(bare)) as desk:
        found = desk.on_disk(None)
        assert found.policy is None
        assert found.digest
        assert "unknown line type" in str(found.problem)
        assert desk.by == getpass.getuser()


def test_files_that_are_not_there_have_no_digest(bare: Path) -> None:
    (bare / "policies" / "policy.csv").unlink()
    with opened(Caller(bare)) as desk:
        assert desk.on_disk(None).digest is None


def test_what_a_killed_command_began_is_finished_first(bare: Path) -> None:
    policy, model = bare / "policies" / "policy.csv", bare / "policies" / "model.conf"
    files = Files(model.read_bytes(), (("policy.csv", LINE.format("finished").encode()),))
    journal_of(policy).write_text(files.to_text())
    with opened(Caller(bare)) as desk:
        assert desk.on_disk(None).digest == files.digest("model.conf")
    assert not journal_of(policy).exists()


def test_what_can_not_be_finished_keeps_the_files_from_being_read_half(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("gateway.policy.writing._put", read_only)
    policy, model = bare / "policies" / "policy.csv", bare / "policies" / "model.conf"
    files = Files(model.read_bytes(), (("policy.csv", LINE.format("unfinished").encode()),))
    journal_of(policy).write_text(files.to_text())
    with opened(Caller(bare)) as desk:
        found = desk.on_disk(None)
    assert found.policy is None
    assert ".policy.csv.writing: error: a change of several files was interrupted" in str(found.problem)


def test_who_is_late_is_waited_for_and_then_named(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with opened(Caller(bare)) as desk:
        assert waited(desk, "ab" * 32) == []
        reported(bare, "elsewhere/7/00.03")
        assert waited(desk, "ab" * 32) == []
        assert [it.pid for it in waited(desk, "cd" * 32)] == [7]
