import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.hosts.changes import OURS, Change, apply, undo

STATES = list[tuple[str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def change(path: Path, after: bytes, owner: str = "cursor") -> Change:
    return Change(owner, path, path.read_bytes() if path.exists() else None, after)


def undone(state: Path, *owners: str, force: bool = False) -> STATES:
    return [(one.path.name, one.state) for one in undo(state, owners, force=force)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_changed_comes_back_to_the_byte(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    raw = b"\xef\xbb\xbf{\r\n\t// \xc3\xbc\r\n}"
    file.write_bytes(raw)
    file.chmod(0o640)
    assert apply([change(file, b"new")], state) == []
    assert (file.read_bytes(), mode(file)) == (b"new", 0o640)
    assert undone(state) == [("a.json", "restored")]
    assert (file.read_bytes(), mode(file)) == (raw, 0o640)
    assert undone(state) == []


def test_a_file_that_was_not_there_goes_again(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "new" / "a.json"
    apply([change(file, b"new")], state)
    assert mode(file) == 0o600
    assert undone(state) == [("a.json", "removed")]
    assert not file.exists()


def test_a_link_stays_a_link(tmp_path: Path, state: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "a.json"
    real.write_bytes(b"old")
    link.symlink_to(real)
    apply([change(link, b"new")], state)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    undone(state)
    assert link.is_symlink()
    assert real.read_bytes() == b"old"


def test_a_link_to_nothing_is_one_again(tmp_path: Path, state: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "a.json"
    link.symlink_to(real)
    apply([change(link, b"new")], state)
    assert (link.is_symlink(), real.read_bytes()) == (True, b"new")
    assert undone(state) == [("a.json", "removed")]
    assert (link.is_symlink(), real.exists()) == (True, False)


def test_our_own_file_and_the_backups_are_for_their_owner_only(tmp_path: Path, state: Path) -> None:
    ours = tmp_path / "mcp.json"
    ours.write_bytes(b"x")
    apply([change(ours, b"ghp_secret", OURS)], state)
    assert mode(ours) == 0o600
    (folder,) = (state / "changes").iterdir()
    assert mode(folder) == 0o700
    assert {mode(file) for file in folder.iterdir()} == {0o600}
    assert "secret" not in (folder / "manifest.json").read_text()


def test_nothing_but_the_file_is_left_in_its_folder(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "client" / "a.json"
    apply([change(file, b"new")], state)
    assert list((tmp_path / "client").iterdir()) == [file]


def test_a_file_that_was_changed_since_is_refused_unless_it_is_forced(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    apply([change(file, b"new")], state)
    file.write_bytes(b"mine")
    assert undone(state) == [("a.json", "refused")]
    assert file.read_bytes() == b"mine"
    assert undone(state, force=True) == [("a.json", "restored")]
    assert file.read_bytes() == b"old"
    (kept,) = (state / "changes").glob("*/*.replaced")
    assert kept.read_bytes() == b"mine"


def test_a_pipe_in_the_place_of_the_file_is_neither_read_nor_replaced(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    again = change(file, b"newer")
    apply([change(file, b"new")], state)
    file.unlink()
    os.mkfifo(file)
    assert undone(state, force=True) == [("a.json", "refused")]
    assert [failure.why for failure in apply([again], state)] == ["it is not a regular file"]
    assert file.is_fifo()


def test_what_was_changed_twice_goes_back_to_the_very_beginning(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    for text in (b"one", b"two"):
        apply([change(file, text)], state)
    assert undone(state) == [("a.json", "restored"), ("a.json", "removed")]
    assert not file.exists()


def test_an_older_change_is_not_undone_before_a_newer_one(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    for text in (b"one", b"two"):
        apply([change(file, text)], state)
    file.write_bytes(b"mine")
    assert undone(state) == [("a.json", "refused")]
    assert file.read_bytes() == b"mine"


def test_one_client_goes_back_alone_and_our_file_with_the_last(tmp_path: Path, state: Path) -> None:
    ours, one, two = tmp_path / "mcp.json", tmp_path / "one.json", tmp_path / "two.json"
    apply([change(ours, b"s", OURS), change(one, b"1", "cursor"), change(two, b"2", "zed")], state)
    assert undone(state, "cursor") == [("one.json", "removed")]
    assert ours.exists()
    assert undone(state, "zed") == [("two.json", "removed"), ("mcp.json", "removed")]
    assert not ours.exists()


def test_a_file_that_cannot_be_written_is_as_it_was_and_the_others_go_on(tmp_path: Path, state: Path) -> None:
    (tmp_path / "blocked").write_bytes(b"a file, not a folder")
    one, two = tmp_path / "blocked" / "a.json", tmp_path / "two.json"
    failures = apply([Change("cursor", one, None, b"1"), change(two, b"2", "zed")], state)
    assert [failure.change.path for failure in failures] == [one]
    assert two.read_bytes() == b"2"


def test_no_client_is_changed_when_our_own_file_cannot_be_written(tmp_path: Path, state: Path) -> None:
    (tmp_path / "blocked").write_bytes(b"a file, not a folder")
    ours, two = tmp_path / "blocked" / "mcp.json", tmp_path / "two.json"
    failures = apply([Change(OURS, ours, None, b"1"), change(two, b"2", "zed")], state)
    assert [failure.change.owner for failure in failures] == [OURS, "zed"]
    assert not two.exists()


def test_without_permission_the_file_is_as_it_was(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    real = os.replace

    def refused(source: Path, target: Path) -> None:
        if Path(target) == file:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(os, "replace", refused)
    (failure,) = apply([change(file, b"new")], state)
    assert failure.why == "Permission denied"
    assert file.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "state"]


def test_a_file_that_is_read_only_is_meant_to_stay(tmp_path: Path, state: Path) -> None:
    """Also for whoever could write it, because another file can be put in its place: its owner, and root."""
    file, link, other = tmp_path / "a.json", tmp_path / "link.json", tmp_path / "b.json"
    for path in (file, other):
        path.write_bytes(b"old")
    link.symlink_to(file)
    file.chmod(0o444)
    failures = apply([change(file, b"new"), change(link, b"new"), change(other, b"new")], state)
    assert [(failure.change.path, failure.why) for failure in failures] == [
        (file, "it is read-only"),
        (link, "it is read-only"),
    ]
    assert (file.read_bytes(), mode(file)) == (b"old", 0o444)
    assert other.read_bytes() == b"new"


def test_nothing_is_changed_when_there_can_be_no_backup(tmp_path: Path) -> None:
    file, state = tmp_path / "a.json", tmp_path / "state"
    file.write_bytes(b"old")
    state.write_bytes(b"a file, not a folder")
    with pytest.raises(ConfigError, match=r"backup can't be written: .* \(nothing was changed\)"):
        apply([change(file, b"new")], state)
    assert file.read_bytes() == b"old"


def test_a_file_that_somebody_writes_meanwhile_is_left_to_him(tmp_path: Path, state: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    planned = change(file, b"new")
    file.write_bytes(b"theirs")
    (failure,) = apply([planned], state)
    assert "changed while" in failure.why
    assert file.read_bytes() == b"theirs"


def test_what_could_not_be_written_stands_in_the_way_of_no_older_change(tmp_path: Path, state: Path) -> None:
    """Two commands at the same time: the second finds that the file is not as it was when it was read."""
    file, ours = tmp_path / "a.json", tmp_path / "mcp.json"
    file.write_bytes(b"old")
    late = change(file, b"late")
    apply([change(file, b"new")], state)
    (failure,) = apply([change(ours, b"servers", OURS), late], state)
    assert failure.change == late
    assert undone(state) == [("mcp.json", "removed"), ("a.json", "restored")]
    assert file.read_bytes() == b"old"


KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.hosts.changes import Change, apply
file, state, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
real, seen = os.replace, []
def killed(source, target):
    if len(seen) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    seen.append(target)
    real(source, target)
os.replace = killed
apply([Change("cursor", file, file.read_bytes(), b"new")], state)
"""


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_kill_at_any_moment_leaves_the_clients_file_whole(tmp_path: Path, state: Path, number: int) -> None:
    """0: while the backup is written, 1: the manifest, 2: between the backup and the file."""
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(file), str(state), str(number)], check=False)
    assert done.returncode == -9
    assert file.read_bytes() == b"old"
    assert undone(state) == []
    apply([change(file, b"new")], state)
    assert undone(state) == [("a.json", "restored")]
    assert file.read_bytes() == b"old"


def test_a_manifest_says_what_was_done(tmp_path: Path, state: Path) -> None:
    apply([change(tmp_path / "a.json", b"new")], state)
    (manifest,) = (state / "changes").glob("*/manifest.json")
    (row,) = json.loads(manifest.read_text())["files"]
    assert (row["owner"], row["path"], row["before"], row["undone"]) == (
        "cursor",
        str(tmp_path / "a.json"),
        None,
        False,
    )
