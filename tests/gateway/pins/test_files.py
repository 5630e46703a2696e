"""The files on disk: whole or not at all, one writer at a time."""

import errno
import logging
import multiprocessing
import os
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.pins import files as module
from gateway.pins.entries import Identity, Note, Notes, PinnedEntry, PinnedServer, Pins
from gateway.pins.files import PinFiles

NOTES = Notes({"a/b": Note("changed", "why", Identity("x"), {"name": "b"}, "then")})


@pytest.fixture
def files(tmp_path: Path) -> PinFiles:
    return made(tmp_path)


def made(folder: Path) -> PinFiles:
    return PinFiles(folder / "toolgate.lock", "toolgate.lock", folder / ".toolgate")


def pins(*servers: str) -> Pins:
    return {name: PinnedServer(Identity("x"), {"t": PinnedEntry.of({"name": "t"})}) for name in servers}


def test_what_was_written_is_read_and_has_another_stamp(files: PinFiles) -> None:
    assert files.read() is None
    stamps = [files.stamp()]
    for written in (pins("a"), pins("a", "b")):
        with files.turn():
            files.write(written)
        assert files.read() == written
        stamps.append(files.stamp())
    assert stamps[0] is None
    assert len(set(stamps)) == 3


def test_notes_are_kept_for_their_owner_and_broken_ones_count_as_none(
    files: PinFiles, caplog: pytest.LogCaptureFixture
) -> None:
    assert files.read_notes() == Notes()
    with files.turn():
        files.write_notes(NOTES)
    assert files.read_notes() == NOTES
    path = files.state / "held.json"
    assert path.stat().st_mode & 0o077 == 0
    path.write_text("{")
    with caplog.at_level(logging.WARNING, "toolgate.pins"):
        assert files.read_notes() == Notes()
    assert "can't be read" in caplog.text


def test_a_text_that_can_not_be_written_leaves_the_old_one_and_no_rest(
    files: PinFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    with files.turn():
        files.write(pins("a"))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with files.turn(), pytest.raises(OSError, match="No space left"):
        files.write(pins("a", "b"))
    assert files.read() == pins("a")
    assert sorted(path.name for path in files.lock.parent.iterdir()) == [".toolgate", "toolgate.lock"]


def test_what_killed_writers_have_left_goes_with_the_next_write_and_nothing_else(files: PinFiles) -> None:
    old, new, others, another = (
        files.lock.with_name(name)
        for name in (".toolgate.lock.0a1b.new", ".toolgate.lock.2c3d.new", ".mcp.json.0a1b.new", ".toolgate.lock.new")
    )
    for beside in (old, new, others, another):
        beside.write_text("x")
        if beside is not new:
            os.utime(beside, (1, 1))  # long ago; whoever writes the new one may live
    with files.turn():
        files.write(pins("a"))
    assert {path.name for path in files.lock.parent.glob(".*.new")} == {new.name, others.name, another.name}
    assert files.read() == pins("a")


def test_a_link_stays_a_link(files: PinFiles, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    files.lock.symlink_to(tmp_path / "elsewhere" / "shared.lock")
    with files.turn():
        files.write(pins("a"))
    assert files.lock.is_symlink()
    assert files.read() == pins("a")


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff", "not UTF-8"), (b"<<<<", "toolgate.lock:1:1"), (b"", "version")]
)
def test_a_file_that_can_not_be_used_is_refused(files: PinFiles, content: bytes, said: str) -> None:
    files.lock.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        files.read()


def test_a_file_without_bounds_is_neither_read_nor_written(files: PinFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    with files.turn():
        files.write(pins("a"))
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="larger than"):
        files.read()
    with files.turn(), pytest.raises(OSError, match="larger than"):
        files.write(pins("a", "b"))


def test_who_waits_too_long_for_his_turn_is_told(files: PinFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.replacing.PATIENCE", 0.05)
    with files.turn(), pytest.raises(TimeoutError, match="another process"), files.turn():
        pass


def add_one(folder: Path, name: str) -> None:
    """What a gateway does when it learns of a server."""
    files = made(folder)
    with files.turn():
        files.write({**(files.read() or {}), **pins(name)})


def test_of_many_processes_that_write_at_once_none_loses_anothers_entry(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(12)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(add_one, [(tmp_path, name) for name in names])
    assert set(made(tmp_path).read() or {}) == set(names)
