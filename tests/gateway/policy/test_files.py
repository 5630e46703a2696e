import os
import shutil
from pathlib import Path

import pytest

from gateway.errors import PolicyError
from gateway.policy.files import MAX_BYTES, read_sources, stamp_of, writable_by_all


def test_a_folder_is_its_csv_files_by_name(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "D.CSV", ".hidden.csv", "c.csv~", "e.csv.bak", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert [source.content for source in read_sources(tmp_path)] == [b"D.CSV", b"a.csv", b"b.csv"]
    assert len(stamp_of(tmp_path)) == 4  # the folder, too


def test_files_in_a_folder_within_the_folder_are_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    policy = tmp_path / "policy.d"
    for name in ("a.csv", "finance/deny/b.CSV", "old/c.csv", "..data/a.csv", "notes/readme.md", "empty/.x.csv"):
        (policy / name).parent.mkdir(parents=True, exist_ok=True)
        (policy / name).write_text(name)
    with pytest.raises(PolicyError) as caught:
        read_sources(policy)
    assert [str(problem).partition(" (")[0] for problem in caught.value.problems] == [
        f"policy.d/{name}: error: a folder within the policy's folder is not read, and it holds .csv files"
        for name in ("finance", "old")
    ]
    shutil.rmtree(policy / "finance")
    shutil.rmtree(policy / "old")
    assert [source.file for source in read_sources(policy)] == ["policy.d/a.csv"]


def test_a_folder_that_is_called_as_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(PolicyError, match=r"a\.csv: error: not a regular file"):
        read_sources(tmp_path)


def test_names_are_shown_from_where_we_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "policy.csv").write_text("x")
    for path in (Path("policies/policy.csv"), tmp_path / "policies" / "policy.csv"):
        assert read_sources(path)[0].file == "policies/policy.csv"


def test_what_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="toolgate init"):
        read_sources(tmp_path / "missing.csv")
    with pytest.raises(PolicyError, match=r"holds no \.csv file"):
        read_sources(tmp_path)
    (tmp_path / "huge.csv").touch()
    os.truncate(tmp_path / "huge.csv", MAX_BYTES + 1)
    with pytest.raises(PolicyError, match="larger than"):
        read_sources(tmp_path / "huge.csv")


def test_a_link_in_a_circle_is_an_error_that_names_it_from_where_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, loop = tmp_path / "policy.d", tmp_path / "policy.d" / "a.csv"
    folder.mkdir()
    loop.symlink_to(loop)
    said = "^policy.d/a.csv: error: can't be read: Too many levels of symbolic links .*make it lead to the file"
    for path in (loop, folder):
        with pytest.raises(PolicyError, match=said):
            read_sources(path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "policy.csv")
    with pytest.raises(PolicyError, match="not a regular file"):
        read_sources(tmp_path / "policy.csv")


def test_another_stamp_means_that_something_happened(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    assert stamp_of(file) == ()
    file.write_text("a")
    first = stamp_of(file)
    assert first == stamp_of(file) != ()
    file.write_text("ab")
    assert stamp_of(file) != first
    folder = stamp_of(tmp_path)
    (tmp_path / "more.csv").write_text("c")
    assert stamp_of(tmp_path) != folder


def test_an_edit_whose_time_is_set_back_has_another_stamp(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    file.write_text("a")
    times, first = file.stat(), stamp_of(file)
    wait_for_another_tick(tmp_path)
    file.write_text("b")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert stamp_of(file) != first


def wait_for_another_tick(folder: Path) -> None:
    """Until the file system's clock shows another time: a change within one tick can't be seen."""
    first, later = folder / "first", folder / "next"
    first.touch()
    later.touch()
    while later.stat().st_ctime_ns == first.stat().st_ctime_ns:
        later.touch()


def test_a_file_that_anybody_may_change_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    file.write_text("a")
    file.chmod(0o644)
    assert writable_by_all(file) == []
    file.chmod(0o666)
    (problem,) = writable_by_all(tmp_path)
    assert (problem.level, problem.hint) == ("warning", "chmod o-w")
