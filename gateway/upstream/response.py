"""One HTTP/1.1 response as it arrives: pieces of bytes in, pieces of its body out (RFC 9112). Pure."""

from collections.abc import Iterable, Iterator

from gateway.upstream.http1 import BadResponse, Head, is_interim, parse_head

__all__ = ["LONG", "LONGEST_LINE", "Data", "Response"]

Data = bytes | memoryview

LONG = 4096  # bytes; shorter ones are copied rather than pointed at
LONGEST_LINE = 64 * 1024  # bytes of all heads, of all that follows the last chunk, or of the line with a chunk's size
EXTRA = 16  # bytes of such a line that are usual; of what is more, a chunk may have twice its data


class Response:
    """Fed with what a connection receives. `head` is there once it is whole; `done` once the body is."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.done = False
        self._buffer = b""
        self._at = 0  # how far the buffer has been read: to cut it at each piece would cost its square
        self._left = 0  # of the body, or of a chunk
        self._behind = False  # a chunk, whose line has to end
        self._trailing = False  # behind the last chunk
        self._spent = 0  # of heads, then beyond what is usual of chunks, then of trailers

    def feed(self, data: Data) -> Iterable[Data]:
        """The pieces of the body in it, to be looked at at once: they may be parts of it. Raises BadResponse."""
        if self.head is None and not self._buffer:
            return self._at_once(data)
        if self._counts and len(data) <= self._left:
            return self._part(data)
        return self._pieces(data)

    def _at_once(self, data: Data) -> Iterable[Data]:
        """Nearly every response comes with its length, and as a whole unless it is long."""
        start = data if isinstance(data, bytes) else bytes(data[:LONG])
        end = start.find(b"\r\n\r\n") + 4
        head = parse_head(start[:end]) if end > 3 else None
        if head is None or head.status < 200 or not isinstance(head.body, int) or head.body < len(data) - end:
            return self._pieces(data)
        self.head, self._left = head, head.body
        return self._part(data[end:])

    @property
    def _counts(self) -> bool:
        """Whether what comes next is of a body whose length is known."""
        return self.head is not None and isinstance(self.head.body, int)

    def _part(self, piece: Data) -> Iterable[Data]:
        self._left -= len(piece)
        self.done = not self._left
        return (piece,)

    def _pieces(self, data: Data) -> Iterator[bytes]:
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        if self.head is None and not self._read_head():
            return
        while (piece := self._piece()) is not None:
            if piece:
                yield piece

    @property
    def rest(self) -> bytes:
        """What came behind the end: nothing should."""
        return self._buffer[self._at :] if self.done else b""

    def end(self) -> bool:
        """The connection has ended. Whether the response is whole."""
        if self.head is not None and self.head.body == "until_close":
            self.done = True
        return self.done

    def _read_head(self) -> bool:
        parsed = None
        while parsed is None:
            end = self._buffer.find(b"\r\n\r\n", self._at)
            if end < 0:
                self._bound("the answer's headers are too long")
                return False
            head = self._buffer[self._at : end + 4]
            if self._spent + len(head) > LONGEST_LINE:
                raise BadResponse("the answer's headers are too long")
            if head[9:10] == b"1" and is_interim(head):  # like 100 Continue: others may come before the answer's own
                self._spent += len(head)
            else:
                parsed = parse_head(head)
            self._at = end + 4
        self.head, self._spent = parsed, 0
        if isinstance(parsed.body, int):
            self._left = parsed.body
            self.done = not self._left
        return True

    def _bound(self, why: str) -> None:
        if self._spent + len(self._buffer) - self._at > LONGEST_LINE:
            raise BadResponse(why)

    def _framed(self, size: int, why: str) -> None:
        """So many bytes more that are nobody's data, which only so many can be."""
        self._spent = max(0, self._spent + size)
        if self._spent > LONGEST_LINE:
            raise BadResponse(why)

    def _piece(self) -> bytes | None:
        """The next piece of the body; empty for framing; None when more has to come."""
        if self.done or self._at == len(self._buffer) or self.head is None:
            return None
        if self.head.body == "until_close":
            return self._taken(len(self._buffer))
        if self._left:
            return self._counted(chunked=self.head.body == "chunked")
        return self._framing()

    def _taken(self, most: int) -> bytes:
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def _counted(self, *, chunked: bool) -> bytes:
        piece = self._taken(self._left)
        self._left -= len(piece)
        self._behind = chunked and not self._left
        self.done = not self._left and not chunked
        return piece

    def _framing(self) -> bytes | None:
        """The line before a chunk, the end of its own, or a line behind the last."""
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            self._bound("the answer has a broken chunk")
            return None
        line, self._at = self._buffer[self._at : end], end + 2
        if self._trailing:
            self.done = not line
            if line:
                self._framed(len(line), "the answer's trailers are too long")
        elif self._behind:
            self._behind = False
            if line:
                raise BadResponse("the answer has a broken chunk")
        else:
            self._left = _chunk_size(line)
            if len(line) > EXTRA:
                self._framed(len(line) - EXTRA - 2 * self._left, "the answer has a broken chunk")
            self._trailing = not self._left
        return b""


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadResponse("the answer has a broken chunk")
    return int(digits, 16)
