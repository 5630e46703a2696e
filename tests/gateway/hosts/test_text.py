import os
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.hosts.text import newline_of, read_source


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xef\xbb\xbf{}\r\n", '{"ü": 1}'.encode()])
def test_what_is_not_edited_comes_out_as_it_went_in(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x").write_bytes(raw)
    source = read_source(tmp_path / "x", "x")
    assert source.raw == raw
    assert source.encoded(source.text) == raw
    assert not source.text.startswith("\ufeff")


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    source = read_source(tmp_path / "x", "x")
    assert (source.raw, source.text) == (None, "")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine: error: the file can't be read: Is a directory"):
        read_source(tmp_path, "mine")
    (tmp_path / "x").write_bytes(b"\xff\xfe{\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_source(tmp_path / "x", "mine")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(ConfigError, match="mine: error: the file can't be read: it is not a regular file"):
            read_source(tmp_path / name, "mine")


def test_nothing_of_a_file_shows_in_a_repr(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("ghp_secret")
    assert "secret" not in repr(read_source(tmp_path / "x", "x"))


def test_the_first_line_says_how_lines_end() -> None:
    assert [newline_of(text) for text in ("", "a", "a\n", "a\r\nb\n")] == ["\n", "\n", "\n", "\r\n"]
