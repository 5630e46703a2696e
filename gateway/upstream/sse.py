"""Server-sent events, as far as MCP uses them (WHATWG HTML, section 9.2). Pure: pieces of bytes in, data out."""

__all__ = ["EventData"]


class EventData:
    """Turns a stream of bytes, cut anywhere, into the data of its `message` events."""

    def __init__(self) -> None:
        self._rest = bytearray()  # an unfinished line
        self._scanned = 0  # how much of it is known to hold no line end, so that a long line is looked at once
        self._data: list[bytes] = []
        self._event = b"message"

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that these bytes complete."""
        self._rest += piece
        done: list[bytes] = []
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._scanned))) >= 0:
            self._line(bytes(self._rest[start:end]).removesuffix(b"\r"), done)
            start = end + 1
        del self._rest[:start]
        self._scanned = len(self._rest)
        return done

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
