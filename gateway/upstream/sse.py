"""Server-sent events, as far as MCP uses them (WHATWG HTML, section 9.2). Pure: pieces of bytes in, data out."""

__all__ = ["EventData"]

_BOM = b"\xef\xbb\xbf"
_CR, _BLANK = ord("\r"), ord(" ")
_FEW = 16  # CR LF that are looked at one by one: of long events there are few, and to count takes longer than to find


class EventData:
    """Turns a stream of bytes, cut anywhere, into the data of its `message` events. One without data says nothing: with
    such a one a server tells where a stream can be taken up again (SEP-1699).
    """

    def __init__(self) -> None:
        self._rest = bytearray()  # an unfinished line
        self._scanned = 0  # how much of it is known to hold no line end, so that a long line is looked at once
        self._data: list[bytes] = []
        self._event = b"message"
        self._begun = False  # there was something that is no byte order mark
        self._after_cr = False  # ... the last piece ended, so that a line feed belongs to it

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that these bytes complete."""
        if not self._begun and piece:
            if self._rest or piece[0] == _BOM[0]:
                piece = self._unmarked(piece)
            else:
                self._begun = True
        if self._after_cr or _has_lone_cr(piece):
            piece = self._in_lines(piece)
        self._rest += piece
        done: list[bytes] = []
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._scanned))) >= 0:
            self._line(start, end - (end > start and self._rest[end - 1] == _CR), done)
            start = end + 1
        del self._rest[:start]
        self._scanned = len(self._rest)
        return done

    def _unmarked(self, piece: bytes) -> bytes:
        """Without the byte order mark with which a stream may begin."""
        begins = bytes(self._rest) + piece
        self._begun = not _BOM.startswith(begins)
        if not self._begun:
            return piece  # it waits for the rest of the mark
        self._rest.clear()
        self._scanned = 0
        return begins.removeprefix(_BOM)

    def _in_lines(self, piece: bytes) -> bytes:
        """With a line feed at the end of each line, however it ended: CR LF, LF or CR, cut between the two or not."""
        if not piece:
            return piece
        rest = piece.removeprefix(b"\n") if self._after_cr else piece
        self._after_cr = piece.endswith(b"\r")
        return rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _line(self, start: int, end: int, done: list[bytes]) -> None:
        """What stands there in `_rest`. A value is copied once: it may be long."""
        colon = self._rest.find(b":", start, end)
        name = self._rest[start : end if colon < 0 else colon]
        if start == end:
            self._finish(done)
        elif name == b"data":
            self._data.append(self._value(colon, end))
        elif name == b"event":
            self._event = self._value(colon, end)

    def _value(self, colon: int, end: int) -> bytes:
        if colon < 0:
            return b""
        start = colon + 1 + (self._rest[colon + 1] == _BLANK)  # behind a value stands at least the end of its line
        with memoryview(self._rest) as rest:
            return bytes(rest[start:end])

    def _finish(self, done: list[bytes]) -> None:
        if self._event == b"message" and (data := b"\n".join(self._data)):
            done.append(data)
        self._data, self._event = [], b"message"


def _has_lone_cr(piece: bytes) -> bool:
    """Also at the end, where a line feed may follow."""
    at = piece.find(b"\r")
    for _ in range(_FEW):
        if at < 0:
            return False
        if piece[at + 1 : at + 2] != b"\n":
            return True
        at = piece.find(b"\r", at + 1)
    return at >= 0 and piece.count(b"\r") != piece.count(b"\r\n")
