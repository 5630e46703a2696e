"""A file of somebody else's, as bytes and as text. What is not edited comes out as it went in, to the byte."""

import codecs
import errno
import stat
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import ConfigError

__all__ = ["Source", "newline_of", "read_bytes", "read_source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file. `file` is its name for people; `raw` is None where there is no file. Its repr shows no content."""

    path: Path
    file: str
    raw: bytes | None = field(repr=False)
    text: str = field(repr=False)

    def encoded(self, text: str) -> bytes:
        """Another text for this file: in UTF-8, with the byte order mark if there was one."""
        mark = codecs.BOM_UTF8 if (self.raw or b"").startswith(codecs.BOM_UTF8) else b""
        return mark + text.encode()


def read_bytes(path: Path) -> bytes | None:
    """None where there is no file. Raises OSError for what can't be read, or is none: a pipe would wait for ever."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # whoever reads a folder is told so
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return path.read_bytes()
    except FileNotFoundError:
        return None


def read_source(path: Path, file: str) -> Source:
    """Raises ConfigError for a file that can't be read, or is not UTF-8. One that is not there is empty."""
    try:
        raw = read_bytes(path)
    except OSError as error:
        raise ConfigError.at(file, f"the file can't be read: {error.strerror}") from None
    try:
        return Source(path, file, raw, (raw or b"").decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError.at(file, "the file is not UTF-8 text") from None


def newline_of(text: str) -> str:
    r"""How the lines of a text end: `\r\n` if its first one does, else `\n`."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"
