"""Policy files that a command replaces: all of them or none, whenever it is killed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import PolicyError
from gateway.policy import LivePolicy, load
from gateway.policy.files import is_being_written, journal_of, read_sources
from gateway.policy.model import MODEL
from gateway.policy.version import Files
from gateway.policy.writing import finish, replace_files

OLD = {"a.csv": "p, *, *, */*, call, , allow, old\n", "b.csv": "p, *, *, bank/*, call, , deny, old\n"}
NEW = {"a.csv": "p, *, *, */*, call, , allow, new\n", "c.csv": "p, *, *, bank/*, call, , deny, new\n"}


class Desk:
    """A folder of policy files, and a version that is to be put there."""

    def __init__(self, folder: Path) -> None:
        self.model, self.policy = folder / "model.conf", folder / "policy.d"
        self.policy.mkdir()
        self.model.write_text(MODEL)
        for name, text in OLD.items():
            (self.policy / name).write_text(text)
        self.new = Files(f"{MODEL}# another\n".encode(), tuple((name, text.encode()) for name, text in NEW.items()))
        self.old = Files.of((*read_sources(self.model), *read_sources(self.policy)))

    def now(self) -> Files:
        return Files.of((*read_sources(self.model), *read_sources(self.policy)))

    def left_over(self) -> list[str]:
        return sorted(path.name for path in self.model.parent.rglob(".*"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_all_files_are_replaced_and_what_is_in_no_version_goes(desk: Desk) -> None:
    (desk.policy / "B2.CSV").write_text(OLD["b.csv"])
    written = replace_files(desk.new, desk.model, desk.policy)
    assert desk.now() == desk.new
    assert [path.name for path in written] == ["model.conf", "B2.CSV", "a.csv", "b.csv", "c.csv"]
    assert desk.left_over() == []
    assert replace_files(desk.new, desk.model, desk.policy) == []


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    model, policy, real = tmp_path / "model.conf", tmp_path / "policy.csv", tmp_path / "real.csv"
    model.write_text(MODEL)
    real.write_text(OLD["a.csv"])
    real.chmod(0o640)
    policy.symlink_to(real)
    replace_files(Files(MODEL.encode(), (("policy.csv", b"new\n"),)), model, policy)
    assert policy.is_symlink()
    assert real.read_text() == "new\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_what_can_not_be_prepared_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = iter([None, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))])

    def fills_up(_descriptor: int) -> None:
        if error := next(synced):
            raise error

    monkeypatch.setattr(os, "fsync", fills_up)
    begun: list[str] = []
    with pytest.raises(PolicyError, match=r"can't be written: .* .nothing was changed"):
        replace_files(desk.new, desk.model, desk.policy, lambda: begun.append("yes"))
    assert desk.now() == desk.old
    assert begun == []
    assert desk.left_over() == []
    assert not is_being_written(desk.policy)


def test_a_version_with_odd_names_writes_nothing_elsewhere(desk: Desk) -> None:
    odd = Files(MODEL.encode(), (("../escaped.csv", b"x"), ("/etc/escaped.csv", b"x")))
    replace_files(odd, desk.model, desk.policy)
    assert [path.name for path in desk.policy.iterdir()] == ["escaped.csv"]


PROGRAM = """
import os, pathlib, signal, sys
from gateway.policy.version import Files
from gateway.policy.writing import replace_files

folder, at, text = pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]).read_text()
calls = 0

def killing(event, _arguments):
    global calls
    if event in ("os.rename", "os.remove", "open") and str(folder) in str(_arguments):
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)

files = Files.from_text(text)
sys.addaudithook(killing)
replace_files(files, folder / "model.conf", folder / "policy.d")
"""


def kills(desk: Desk) -> Iterator[int]:
    """One after the other, at each thing that is done to the disk."""
    text = desk.model.parent / "version.json"
    text.write_text(desk.new.to_text())
    for at in range(1, 100):
        command = [sys.executable, "-c", PROGRAM, str(desk.model.parent), str(at), str(text)]
        code = subprocess.run(command, check=False, timeout=60).returncode
        yield code
        if code == 0:
            return


def test_a_command_that_is_killed_at_any_moment_leaves_the_old_files_or_the_new_ones(desk: Desk) -> None:
    old = new = 0
    for code in kills(desk):
        assert code in (0, -signal.SIGKILL)
        half = is_being_written(desk.policy)
        finish(desk.model, desk.policy)
        assert not is_being_written(desk.policy)
        found = desk.now()
        assert found in (desk.old, desk.new)
        assert not half or load(desk.model, desk.policy).digest == desk.new.digest("model.conf")
        old, new = old + (found == desk.old), new + (found == desk.new)
        replace_files(desk.old, desk.model, desk.policy)
        assert desk.left_over() == []
    assert old > 3  # before the journal is there
    assert new > 5  # after that


def test_while_files_are_replaced_nobody_takes_half_of_them(desk: Desk) -> None:
    live = LivePolicy(desk.model, desk.policy)
    before = live.current
    journal_of(desk.policy).write_text(desk.new.to_text())
    (desk.policy / "b.csv").unlink()  # the killed command came so far: the denial is gone, and the new one not there
    assert live.current is before
    assert live.problem is None
    assert finish(desk.model, desk.policy)
    assert live.current is not before
    assert live.current.digest == desk.new.digest("model.conf")
    assert not finish(desk.model, desk.policy)


def test_what_a_living_command_does_is_not_finished_by_another(desk: Desk) -> None:
    found: list[bool] = []

    def begun() -> None:
        found.append(finish(desk.model, desk.policy))
        found.append(is_being_written(desk.policy))

    replace_files(desk.new, desk.model, desk.policy, begun)
    assert found == [False, True]
    assert desk.now() == desk.new


def test_of_two_commands_the_second_waits_for_the_first_and_gives_up_in_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.replacing.PATIENCE", 0.0)

    def begun() -> None:
        with pytest.raises(PolicyError, match="another command is writing the policy"):
            replace_files(desk.old, desk.model, desk.policy)

    replace_files(desk.new, desk.model, desk.policy, begun)
    assert desk.now() == desk.new
