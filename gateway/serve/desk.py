"""Plain calls from the bytes of a request to its answer, without ASGI in between, which costs more than the gates.

Whatever the head alone decides is decided once for each head, by those who decide it for every other request: the HTTP
parser, the door, `heads`. The same bytes mean the same again. Only where nobody logs in, so that a head can't become
worthless meanwhile; and what is not whole, plain and in order takes the usual way from its first byte.
"""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import lru_cache

import httptools

from gateway.serve.direct import Direct, Plain
from gateway.serve.door import Door
from gateway.serve.heads import Head, plain_head
from gateway.serve.strict import SHORT, Malformed, read
from gateway.serve.underway import Underway

__all__ = ["Desk"]

MOST_HEADS = 1024
LONGEST_HEAD = 4096  # bytes; longer ones are not kept
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Known:
    """A head, and how many bytes of body follow it."""

    head: Head
    length: int


class Desk:
    """Asked by each connection (`quick`)."""

    def __init__(self, door: Door, direct: Direct) -> None:
        self._door, self._direct = door, direct
        self._known = lru_cache(MOST_HEADS)(self._looked_at)

    def plain(self, data: bytes) -> Plain | None:
        """The plain call that these bytes are, if they are one and nothing else."""
        end = data.find(_END) + len(_END)
        if not len(_END) <= end <= LONGEST_HEAD or self._door.closed:
            return None
        known = self._known(data[:end])
        if known is None or len(data) - end != known.length:
            return None
        try:
            return self._direct.plain(known.head, read(data[end:]))
        except Malformed:  # it is refused where all others are
            return None

    def answer(self, plain: Plain, underway: Underway) -> Awaitable[tuple[int, bytes]]:
        """As `Direct.answer`."""
        return self._direct.answer(plain, underway)

    def _looked_at(self, raw: bytes) -> _Known | None:
        parsed = _Parsed.of(raw)
        asker = None if parsed is None else self._door.asker(parsed.headers, parsed.url.decode("latin-1"))
        head = None if parsed is None or asker is None else plain_head(parsed.headers, asker)
        length = None if head is None else head.fields.get("content-length")
        if head is None or length is None or not (length.isascii() and length.isdigit()) or int(length) > SHORT:
            return None
        return _Known(head, int(length))


@dataclass(slots=True)
class _Parsed:
    """What the HTTP parser that reads all other requests, too, calls for a head."""

    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    ends: int = 0

    @classmethod
    def of(cls, raw: bytes) -> "_Parsed | None":
        """None for what is no head of a POST, and for one that wants more than an answer on this connection."""
        found = cls()
        parser = httptools.HttpRequestParser(found)
        try:
            parser.feed_data(raw)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        usual = parser.get_method() == b"POST" and parser.get_http_version() == "1.1" and parser.should_keep_alive()
        return found if usual and found.ends == 1 and not parser.should_upgrade() and found.simple else None

    @property
    def simple(self) -> bool:
        return not {name for name, _ in self.headers} & _NOT_SIMPLE

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.ends += 1


# Framing of another kind, what is answered before the body comes, and what says who is there, or that a browser asks.
_NOT_SIMPLE = {b"transfer-encoding", b"expect", b"upgrade", b"last-event-id", b"authorization", b"origin"}
