"""The part of HTTP/1.1 that one JSON-RPC POST needs (RFC 9112). Pure: bytes in, values out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

__all__ = [
    "REST",
    "BadResponse",
    "Body",
    "Head",
    "Headers",
    "header_lines",
    "is_interim",
    "own_lines",
    "parse_head",
    "request_line",
]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00\r\n]*")
MOST_LINES = 500  # headers of an answer
_REMEMBERED = 512  # bytes of a head
_REPEATED = frozenset({"mcp-method", "mcp-name", "mcp-protocol-version"})  # the same in many requests, and no secret
USUAL_REST = 5.0  # seconds after which uvicorn and Node close a connection on which nothing is asked
LONGEST_REST = 60.0
MARGIN = 2.0  # seconds by which we are sooner: whoever writes while his server closes does not know what became of it
REST = USUAL_REST - MARGIN
_TOLD = re.compile(r"(?i)\btimeout=(\d{1,9})\b")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?")

Body = int | Literal["chunked", "until_close"]


class BadResponse(ValueError):
    """Bytes that are not an HTTP/1.1 response."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response's status and headers. `body` says how its end is found.

    `rest` is for how many seconds after the request the connection may be used again: less than the server waits, as
    far as it says so.
    """

    status: int
    headers: Mapping[str, str]
    body: Body
    keep_alive: bool
    content_type: str = field(init=False, compare=False, repr=False)
    rest: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        told = self.headers.get("keep-alive")
        said = None if told is None else _TOLD.search(told)
        rest = max(0.0, min(USUAL_REST if said is None else float(said[1]), LONGEST_REST) - MARGIN)
        object.__setattr__(self, "content_type", kind)
        object.__setattr__(self, "rest", rest)


def request_line(target: str) -> bytes:
    """The first line of a POST."""
    return f"POST {target} HTTP/1.1\r\n".encode("latin-1")


def header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Headers, a line for each. Raises ValueError for a name or value that would change the request's shape."""
    return "".join(
        [_known(name, value) if name in _REPEATED else _line(name, value) for name, value in headers]
    ).encode("latin-1")


def _line(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"the header `{name}` has characters that HTTP does not allow")
    return f"{name}: {value}\r\n"


_known = lru_cache(1024)(_line)


class Headers(dict[str, str]):
    """Headers that many requests have. For reading only: their lines are written once."""

    __slots__ = ("lines",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(headers)
        self.lines: bytes | None = None


def own_lines(headers: Mapping[str, str]) -> bytes:
    """The lines of one request's own headers. Raises ValueError as `header_lines` does."""
    if not isinstance(headers, Headers):
        return header_lines(headers.items())
    if headers.lines is None:
        headers.lines = header_lines(headers.items())
    return headers.lines


def is_interim(head: bytes) -> bool:
    """Whether another one follows, and the answer with it."""
    matched = _STATUS.fullmatch(head.partition(b"\r\n")[0])
    return matched is not None and matched[2] < b"200"


def parse_head(data: bytes) -> Head:
    """Status line and headers, up to and with the empty line. Raises BadResponse."""
    return _seen(data) if len(data) <= _REMEMBERED else _parsed(data)


def _parsed(data: bytes) -> Head:
    status_line, *lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
    matched = _STATUS.fullmatch(status_line)
    if not matched:
        raise BadResponse("the answer is not HTTP/1.1")
    if len(lines) > MOST_LINES:
        raise BadResponse("the answer has too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadResponse("the answer has a broken header")
        key, text = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    if (coding := headers.get("content-encoding", "identity").lower()) != "identity":
        raise BadResponse(f"the answer is packed (`{coding[:40]}`), which was not asked for")
    status = int(matched[2])
    body = _body(status, headers)
    closing = "close" in headers.get("connection", "").lower() or matched[1] == b"0"
    return Head(status, headers, body, keep_alive=not closing and body != "until_close")


_seen = lru_cache(256)(_parsed)  # the heads of one server are alike, but for the date


def _body(status: int, headers: Mapping[str, str]) -> Body:
    """RFC 9112 section 6.3: chunked beats a length, a length beats the end of the connection."""
    if status in (204, 304) or status < 200:
        return 0
    encoding = headers.get("transfer-encoding", "").lower()
    if encoding:
        if encoding != "chunked":
            raise BadResponse(f"the answer has the transfer encoding `{encoding[:40]}`")
        return "chunked"
    if "content-length" not in headers:
        return "until_close"
    lengths = {part.strip() for part in headers["content-length"].split(",")}
    length = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
        raise BadResponse("the answer has no single content length")
    return int(length)
