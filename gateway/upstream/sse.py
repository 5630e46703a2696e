"""Server-sent events, as far as MCP uses them (WHATWG HTML, section 9.2). Pure: pieces of bytes in, data out."""

__all__ = ["EventData"]

_BOM = b"\xef\xbb\xbf"


class EventData:
    """Turns a stream of bytes, cut anywhere, into the data of its `message` events."""

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
        if self._after_cr or (b"\r" in piece and piece.count(b"\r") != piece.count(b"\r\n")):
            piece = self._in_lines(piece)
        self._rest += piece
        done: list[bytes] = []
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._scanned))) >= 0:
            self._line(bytes(self._rest[start:end]).removesuffix(b"\r"), done)
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

    def _line(self, line: bytes, done: list[bytes]) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            self._finish(done)
        elif name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value

    def _finish(self, done: list[bytes]) -> None:
        if self._data and self._event == b"message":
            done.append(b"\n".join(self._data))
        self._data, self._event = [], b"message"
