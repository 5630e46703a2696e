"""One HTTP/1.1 response as it arrives: pieces of bytes in, pieces of its body out (RFC 9112). Pure."""

from collections.abc import Iterator

from gateway.upstream.http1 import BadResponse, Head, parse_head

__all__ = ["LONGEST_LINE", "Response"]

LONGEST_LINE = 1024 * 1024  # bytes of a head, or of the line with a chunk's size


class Response:
    """Fed with what a connection receives. `head` is there once it is whole; `done` once the body is."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.done = False
        self._buffer = b""
        self._left = 0  # of the body, or of a chunk
        self._trailing = False  # behind the last chunk

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces of the body in it. Raises BadResponse."""
        self._buffer = self._buffer + data if self._buffer else data
        if self.head is None and not self._read_head():
            return
        while (piece := self._piece()) is not None:
            if piece:
                yield piece

    @property
    def rest(self) -> bytes:
        """What came behind the end: nothing should."""
        return self._buffer if self.done else b""

    def end(self) -> bool:
        """The connection has ended. Whether the response is whole."""
        if self.head is not None and self.head.body == "until_close":
            self.done = True
        return self.done

    def _read_head(self) -> bool:
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._bound("the answer's headers are too long")
                return False
            self._buffer = rest
            parsed = parse_head(head + found)
            if parsed.status >= 200:  # before it may come interim ones, like 100 Continue
                break
        self.head = parsed
        if isinstance(parsed.body, int):
            self._left = parsed.body
            self.done = not self._left
        return True

    def _bound(self, why: str) -> None:
        if len(self._buffer) > LONGEST_LINE:
            raise BadResponse(why)

    def _piece(self) -> bytes | None:
        """The next piece of the body; empty for framing; None when more has to come."""
        if self.done or not self._buffer or self.head is None:
            return None
        if self.head.body == "until_close":
            piece, self._buffer = self._buffer, b""
            return piece
        if self._left:
            return self._counted(chunked=self.head.body == "chunked")
        return self._framing()

    def _counted(self, *, chunked: bool) -> bytes:
        piece, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(piece)
        self.done = not self._left and not chunked
        return piece

    def _framing(self) -> bytes | None:
        """The line before a chunk, or one behind the last."""
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            self._bound("the answer has a broken chunk")
            return None
        self._buffer = rest
        if self._trailing:
            self.done = not line
        elif line:
            self._left = _chunk_size(line)
            self._trailing = not self._left
        return b""


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadResponse("the answer has a broken chunk")
    return int(digits, 16)
