"""Server-sent events, as far as MCP uses them (WHATWG HTML, section 9.2). Pure: pieces of bytes in, data out."""

__all__ = ["EventData"]

LINES, EVENTS = 256, 16  # that are looked at in one go: others wait for it
MANY = 256  # values of one event; more are kept in one place, since each takes ten times its room where they are short
_BOM = b"\xef\xbb\xbf"
_CR, _BLANK = ord("\r"), ord(" ")
_FEW = 16  # CR LF that are looked at one by one: of long events there are few, and to count takes longer than to find


class EventData:
    """Turns a stream of bytes, cut anywhere, into the data of its `message` events. One without data says nothing: with
    such a one a server tells where a stream can be taken up again (SEP-1699). `lines` counts those that were looked at,
    and `idle` those of them that hold no data and end no event with some: both are for somebody to set to 0.
    """

    def __init__(self) -> None:
        self._rest = bytearray()  # an unfinished line
        self._scanned = 0  # how much of it is known to hold no line end, so that a long line is looked at once
        self._data: list[bytes] = []
        self._before = bytearray()  # the values of an event that has many, but for the last ones
        self._event = b"message"
        self.lines = self.idle = 0
        self.more = False
        self._begun = False  # there was something that is no byte order mark
        self._after_cr = False  # ... the last piece ended, so that a line feed belongs to it

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that these bytes complete. Of very many, of the first ones: as long as there is `more`
        there are others, and nothing is there to be fed.
        """
        if not self._begun and piece:
            if self._rest or piece[0] == _BOM[0]:
                piece = self._unmarked(piece)
            else:
                self._begun = True
        if self._after_cr or _has_lone_cr(piece):
            piece = self._in_lines(piece)
        self._rest += piece
        done: list[bytes] = []
        start = lines = 0
        while (end := self._rest.find(b"\n", max(start, self._scanned))) >= 0:
            self._line(start, end - (end > start and self._rest[end - 1] == _CR), done)
            start = end + 1
            lines += 1
            if lines == LINES or len(done) == EVENTS:
                break
        self.more = end >= 0
        self.lines += lines
        del self._rest[:start]
        self._scanned = 0 if self.more else len(self._rest)
        if len(self._data) > MANY:
            self._before += b"\n".join(self._data) + b"\n"
            self._data = []
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
        if start == end:
            self._finish(done)
            return
        colon = self._rest.find(b":", start, end)
        name = self._rest[start : end if colon < 0 else colon]
        if name == b"data":
            value = self._value(colon, end)
            self._data.append(value)
            self.idle += not value
            return
        if name == b"event":
            self._event = self._value(colon, end)
        self.idle += 1

    def _value(self, colon: int, end: int) -> bytes:
        if colon < 0:
            return b""
        start = colon + 1 + (self._rest[colon + 1] == _BLANK)  # behind a value stands at least the end of its line
        with memoryview(self._rest) as rest:
            return bytes(rest[start:end])

    def _finish(self, done: list[bytes]) -> None:
        data = b"\n".join(self._data)
        if self._before:
            data = bytes(self._before) + data
            self._before.clear()
        if data and self._event == b"message":
            done.append(data)
        else:
            self.idle += 1
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
