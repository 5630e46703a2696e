import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.replacing import LEFT_OVER, put, replace_file, staged, turn


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    path.chmod(0o664)
    return path


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_keeps_its_mode(file: Path) -> None:
    replace_file(file, b"new")
    assert (file.read_bytes(), mode_of(file), names(file.parent)) == (b"new", 0o664, ["a.csv"])


def test_a_new_file_has_the_mode_that_is_asked_for(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        replace_file(tmp_path / "deep" / "plain", b"x")
        replace_file(tmp_path / "deep" / "mine", b"x", new=0o600)
        replace_file(tmp_path / "deep" / "exact", b"x", 0o604)
    finally:
        os.umask(mask)
    assert [mode_of(tmp_path / "deep" / name) for name in ("plain", "mine", "exact")] == [0o640, 0o600, 0o604]


def test_a_mode_that_is_given_counts_for_a_file_that_is_there_too(file: Path) -> None:
    replace_file(file, b"secret", 0o600)
    assert mode_of(file) == 0o600


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root edits what is somebody else's")
def test_what_root_edits_stays_whose_it_was(file: Path) -> None:
    os.chown(file, 12345, 23456)
    replace_file(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 23456)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_can_not_be_written_changes_nothing_and_leaves_nothing(
    file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    assert (file.read_bytes(), names(file.parent)) == (b"old", ["a.csv"])


def test_what_is_staged_waits_beside_the_file_under_a_name_that_is_known(file: Path) -> None:
    beside = staged(file, b"new")
    found = LEFT_OVER.fullmatch(beside.name)
    assert found
    assert found["of"] == "a.csv"
    assert (beside.parent, beside.read_bytes(), file.read_bytes()) == (file.parent, b"new", b"old")
    put(file, beside)
    assert (file.read_bytes(), names(file.parent)) == (b"new", ["a.csv"])


def test_a_writer_waits_for_his_turn_and_gives_up_in_the_end(tmp_path: Path) -> None:
    with (
        turn(tmp_path, "somebody writes"),
        pytest.raises(TimeoutError, match="somebody writes"),
        turn(tmp_path, "somebody writes", patience=0.02),
    ):
        pass
    with turn(tmp_path, "somebody writes", patience=0.0):
        pass
    with turn(tmp_path / "lock", "x"):
        assert mode_of(tmp_path / "lock") == 0o600


def test_a_turn_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    taken = (
        "import os, sys; from pathlib import Path; from gateway.replacing import turn;"
        "held = turn(Path(sys.argv[1]), 'x'); held.__enter__(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", taken, str(tmp_path)], check=False).returncode == -9
    with turn(tmp_path, "it is held by the dead", patience=0.0):
        pass


def test_what_comes_in_pieces_takes_the_place_as_a_whole_or_not_at_all(file: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    before = file.read_bytes()
    with pytest.raises(ValueError, match="no more"):
        replace_file(file, pieces())
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if LEFT_OVER.fullmatch(path.name)] == []
    replace_file(file, [b"one", b" ", b"two"])
    assert file.read_bytes() == b"one two"
