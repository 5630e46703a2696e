import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servers.workspace import rooted
from servers.workspace.rooted import LIMIT, MAX_ENTRIES, Entry, Missing, Refused, Rooted, split


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Rooted]:
    """`tmp_path/work` is the root; `tmp_path/secret.txt` lies beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = Rooted(tmp_path / "work")
    yield folder
    folder.close()


HOSTILE = [
    "..",
    "../secret.txt",
    "a/../../secret.txt",
    "./../secret.txt",
    "a/..",
    "/",
    "//secret.txt",
    "/etc/passwd",
    "~/secret.txt",
    "..\\secret.txt",
    "C:\\secret.txt",
    "a\x00b",
    "secret.txt\x00.md",
    "a\nb",
    "a\x1b[2Jb",
    "a\u202etxt.exe",
    "a\u200bb",
    "\U000e0041",
    "\ud800",
    "\udcff",
    "x" * 256,
    "ü" * 128,
    "/".join(["a"] * 1_000),
]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _move_to(root: Rooted, path: str) -> None:
    root.write("old.txt", "x")
    root.move("old.txt", path)


OPERATIONS: dict[str, Callable[[Rooted, str], object]] = {
    "entries": lambda root, path: root.entries(path),
    "read": lambda root, path: root.read(path),
    "write": lambda root, path: root.write(path, "x"),
    "move from": lambda root, path: root.move(path, "new.txt"),
    "move to": _move_to,
    "delete": lambda root, path: root.delete(path),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_hostile_path_is_refused_by_every_operation(
    root: Rooted, tmp_path: Path, path: str, operation: Callable[[Rooted, str], object]
) -> None:
    with pytest.raises(Refused) as caught:
        operation(root, path)
    assert not isinstance(caught.value, Missing)
    assert str(caught.value).isprintable()
    assert _names(tmp_path) == ["secret.txt", "work"]
    assert (tmp_path / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("operation", list(OPERATIONS)[1:])
@pytest.mark.parametrize("path", ["", ".", "./", "././/."])
def test_the_root_itself_is_no_file(root: Rooted, path: str, operation: str) -> None:
    with pytest.raises(Refused, match="the workspace itself"):
        OPERATIONS[operation](root, path)


@pytest.mark.parametrize(
    ("path", "names"),
    [("a", ("a",)), ("./a//b/./c/", ("a", "b", "c")), (".", ()), ("...", ("...",)), ("~a", ("~a",)), ("é ö", ("é ö",))],
)
def test_a_path_is_split_into_plain_names(path: str, names: tuple[str, ...]) -> None:
    assert split(path) == names


@given(st.text(st.sampled_from("./a~\\\x00\u202e") | st.characters(), max_size=40))
def test_no_path_yields_a_name_that_leads_elsewhere(path: str) -> None:
    try:
        names = split(path)
    except Refused:
        return
    assert all(name not in ("", ".", "..") and "/" not in name and "\x00" not in name for name in names)
    assert split("/".join(names)) == names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(path=st.text(st.sampled_from("./ab"), max_size=12), operation=st.sampled_from(sorted(OPERATIONS)))
def test_whatever_the_path_nothing_outside_changes(root: Rooted, tmp_path: Path, path: str, operation: str) -> None:
    with suppress(Refused):
        OPERATIONS[operation](root, path)
    assert _names(tmp_path) == ["secret.txt", "work"]
    assert (tmp_path / "secret.txt").read_text() == "secret"


def _link_to_file(work: Path) -> str:
    (work / "link").symlink_to("../secret.txt")
    return "link"


def _link_to_parent(work: Path) -> str:
    (work / "link").symlink_to("..")
    return "link/secret.txt"


def _deep_link_to_parent(work: Path) -> str:
    (work / "a").mkdir()
    (work / "a" / "link").symlink_to(work.parent)
    return "a/link/secret.txt"


def _link_within(work: Path) -> str:
    (work / "here.txt").write_text("x")
    (work / "link").symlink_to("here.txt")
    return "link"


def _dangling_link(work: Path) -> str:
    (work / "link").symlink_to("../new.txt")
    return "link"


def _loop(work: Path) -> str:
    (work / "link").symlink_to("link")
    return "link"


@pytest.mark.parametrize("operation", ["entries", "read", "write", "move from", "delete"])
@pytest.mark.parametrize(
    "trap", [_link_to_file, _link_to_parent, _deep_link_to_parent, _link_within, _dangling_link, _loop]
)
def test_a_symbolic_link_is_never_followed(
    root: Rooted, tmp_path: Path, trap: Callable[[Path], str], operation: str
) -> None:
    path = trap(tmp_path / "work")
    with pytest.raises(Refused, match="symbolic link"):
        OPERATIONS[operation](root, path)
    assert _names(tmp_path) == ["secret.txt", "work"]
    assert (tmp_path / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize("trap", [_link_to_parent, _deep_link_to_parent])
def test_nothing_is_moved_through_a_link(root: Rooted, tmp_path: Path, trap: Callable[[Path], str]) -> None:
    root.write("mine.txt", "mine")
    path = trap(tmp_path / "work").replace("secret", "stolen")
    with pytest.raises(Refused, match="symbolic link"):
        root.move("mine.txt", path)
    assert root.read("mine.txt") == "mine"


def test_a_folder_that_becomes_a_link_in_mid_walk_is_refused(
    root: Rooted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacker wins every race: the swap happens right before the kernel opens the name."""
    folder = tmp_path / "work" / "a"
    folder.mkdir()
    open_as_ever = os.open

    def open_after_swap(name: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if name == "a":
            folder.rmdir()
            folder.symlink_to("..")
        return open_as_ever(name, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_after_swap)
    with pytest.raises(Refused, match="symbolic link"):
        root.read("a/secret.txt")


def test_a_file_that_becomes_a_link_before_it_is_opened_is_refused(
    root: Rooted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "work" / "a.txt"
    file.write_text("a")
    open_as_ever = os.open

    def open_after_swap(name: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if name == "a.txt":
            file.unlink()
            file.symlink_to("../secret.txt")
        return open_as_ever(name, flags, *rest, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", open_after_swap)
    with pytest.raises(Refused, match=r"a\.txt"):
        root.read("a.txt")


@pytest.mark.parametrize("operation", ["read", "write", "move from", "delete"])
def test_pipes_sockets_and_devices_are_not_touched(root: Rooted, tmp_path: Path, operation: str) -> None:
    os.mkfifo(tmp_path / "work" / "pipe")  # opening it to read would wait for ever
    with pytest.raises(Refused, match="no ordinary file"):
        OPERATIONS[operation](root, "pipe")
    assert stat.S_ISFIFO((tmp_path / "work" / "pipe").stat().st_mode)


def test_a_socket_is_listed_as_neither_file_nor_folder(
    root: Rooted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "work")  # a socket's path is short by law
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
    assert root.entries(".") == ((Entry("s", "other", 0),), True)


@pytest.mark.parametrize("operation", ["read", "write", "move from", "delete"])
def test_a_folder_is_not_a_file(root: Rooted, tmp_path: Path, operation: str) -> None:
    (tmp_path / "work" / "a").mkdir()
    with pytest.raises(Refused, match="is a folder, not a file"):
        OPERATIONS[operation](root, "a")


def test_what_is_written_can_be_read_listed_moved_and_deleted(root: Rooted, tmp_path: Path) -> None:
    assert root.write("a/b/c.txt", "grün\r\n") == (7, True)
    assert (tmp_path / "work/a/b/c.txt").read_bytes() == b"gr\xc3\xbcn\r\n"
    assert root.read("a/b/c.txt") == "grün\r\n"
    assert root.entries("a") == ((Entry("b", "folder", 0),), True)
    root.move("a/b/c.txt", "d/e.txt")
    assert root.entries("a/b") == ((), True)
    assert root.read("d/e.txt") == "grün\r\n"
    assert root.delete("d/e.txt")
    assert not root.delete("d/e.txt")
    assert not root.delete("never/was.txt")


def test_replacing_a_file_keeps_its_permissions(root: Rooted, tmp_path: Path) -> None:
    root.write("run.sh", "1")
    (tmp_path / "work/run.sh").chmod(0o750)
    assert root.write("run.sh", "22") == (2, False)
    assert stat.S_IMODE((tmp_path / "work/run.sh").stat().st_mode) == 0o750


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(
    root: Rooted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.write("a.txt", "old")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(Refused, match=r"`a\.txt` can't be used: No space left on device"):
        root.write("a.txt", "new")
    assert _names(tmp_path / "work") == ["a.txt"]
    assert root.read("a.txt") == "old"


def test_moving_never_replaces_a_file(root: Rooted) -> None:
    root.write("a.txt", "a")
    root.write("b.txt", "b")
    for destination in ("b.txt", "a.txt"):
        with pytest.raises(Refused, match="exists already"):
            root.move("a.txt", destination)
    assert (root.read("a.txt"), root.read("b.txt")) == ("a", "b")


def test_of_many_who_move_to_one_name_exactly_one_succeeds(root: Rooted) -> None:
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        root.write(name, name)
    gate, moved = threading.Barrier(len(names)), []

    def move(name: str) -> None:
        gate.wait(timeout=30)
        try:
            root.move(name, "taken.txt")
        except Refused:
            return
        moved.append(name)

    threads = [threading.Thread(target=move, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert [root.read("taken.txt")] == moved
    assert len(root.entries(".")[0]) == len(names)


def test_a_missing_file_is_missing(root: Rooted) -> None:
    with pytest.raises(Missing, match=r"there is no `a/b\.txt`; list_files shows what there is"):
        root.read("a/b.txt")


def test_a_file_is_not_a_folder(root: Rooted) -> None:
    root.write("a", "x")
    for operation in ("entries", "read", "write"):
        with pytest.raises(Refused, match="not a folder"):
            OPERATIONS[operation](root, "a" if operation == "entries" else "a/b")


def test_a_million_bytes_is_the_most(root: Rooted, tmp_path: Path) -> None:
    assert root.write("big.txt", "x" * LIMIT) == (LIMIT, True)
    assert len(root.read("big.txt")) == LIMIT
    with pytest.raises(Refused, match="at most 1000000 can be written"):
        root.write("bigger.txt", "ü" * LIMIT)
    (tmp_path / "work/bigger.txt").write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(Refused, match="more than 1000000 bytes"):
        root.read("bigger.txt")


def test_only_text_is_read_and_written(root: Rooted, tmp_path: Path) -> None:
    (tmp_path / "work/a.bin").write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match="not UTF-8"):
        root.read("a.bin")
    with pytest.raises(Refused, match="lone surrogate"):
        root.write("a.txt", "\ud800")


def test_a_long_listing_is_cut_and_says_so(root: Rooted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_ENTRIES == 1_000
    monkeypatch.setattr(rooted, "MAX_ENTRIES", 2)
    for name in "cab":
        root.write(name, name)
    entries, complete = root.entries(".")
    assert ([entry.name for entry in entries], complete) == (["a", "b"], False)


def test_links_and_names_that_are_no_text_are_listed(root: Rooted, tmp_path: Path) -> None:
    (tmp_path / "work" / "link").symlink_to("/etc/passwd")
    (tmp_path / "work" / os.fsdecode(b"\xff")).write_text("x")
    assert root.entries(".") == ((Entry("link", "link", 0), Entry("\ufffd", "file", 1)), True)


def test_the_root_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    root = Rooted(tmp_path / "link")
    root.write("a.txt", "a")
    root.close()
    assert (tmp_path / "real/a.txt").read_text() == "a"
