"""Files that are put in the place of others by a command."""

from pathlib import Path

import pytest

from gateway.cli.options import Caller
from gateway.cli.policy.desk import opened
from gateway.cli.policy.putting import put, say
from gateway.errors import PolicyError
from gateway.policy.version import Files

LINE = "p, *, *, */*, call, , allow, {}\n"


def files(bare: Path, text: str) -> Files:
    return Files((bare / "policies" / "model.conf").read_bytes(), (("policy.csv", text.encode()),))


def test_what_is_put_is_in_force_from_then_on_and_what_was_there_is_kept(bare: Path) -> None:
    with opened(Caller(bare)) as desk:
        before = desk.on_disk(None)
        assert put(desk, before, files(bare, LINE.format("new")), "promoted", folder=False) == ["policies/policy.csv"]
        in_force = desk.book.in_force()
        assert in_force is not None
        assert (in_force.how, in_force.by) == ("promoted", desk.by)
        previous = desk.book.previous()
        assert previous is not None
        assert (previous.digest, previous.how, previous.taken) == (before.digest, "replaced", False)
        assert in_force.digest in desk.book.accepted()
        assert desk.on_disk(in_force).digest == in_force.digest


def test_what_can_not_be_used_is_not_put(bare: Path) -> None:
    policy = bare / "policies" / "policy.csv"
    before = policy.read_text()
    with opened(Caller(bare)) as desk:
        with pytest.raises(PolicyError, match="unknown line type"):
            put(desk, desk.on_disk(None), files(bare, "P, x\n"), "promoted", folder=False)
        assert desk.book.versions() == []
    assert policy.read_text() == before


def test_what_can_not_be_written_is_no_version(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(bare / "policies" / "policy.csv"))

    monkeypatch.setattr("gateway.policy.writing.staged", full)
    with opened(Caller(bare)) as desk:
        with pytest.raises(PolicyError, match="No space left on device"):
            put(desk, desk.on_disk(None), files(bare, LINE.format("new")), "promoted", folder=False)
        assert desk.book.versions() == []


def test_what_was_done_is_said_with_the_way_back(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(Caller(bare)) as desk:
        found = desk.on_disk(None)
        say("promoted", "ab" * 32, (found, ["policies/policy.csv"]), [], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["promoted abababababab", "wrote policies/policy.csv"]
    assert lines[2] == f"what it replaced is kept: toolgate policy show {(found.digest or '')[:12]}"
