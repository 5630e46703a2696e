"""Server-sent events out of bytes, as they come (HTML Living Standard, 9.2.6). Pure."""

from collections.abc import Iterator

from providers.reply import ProviderError

__all__ = ["MAX_EVENT", "Events"]

MAX_EVENT = 16 * 1024 * 1024  # bytes of one event: a whole answer, with everything that was thought
_BOM = b"\xef\xbb\xbf"


class Events:
    """Takes chunks, gives `(event, data)`. `beats` counts what came whole, comments that keep a line alive too."""

    def __init__(self) -> None:
        self.beats = 0
        self._started = False
        self._rest: list[bytes] = []  # a line that is not whole yet, in its chunks
        self._size = 0
        self._event = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The events that this chunk completes. Raises ProviderError (`protocol`) for one that is too long."""
        self._size += len(chunk)
        if self._size > MAX_EVENT:
            raise ProviderError("protocol", f"an event of the stream is longer than {MAX_EVENT} bytes")
        if b"\n" not in chunk and b"\r" not in chunk:
            self._rest.append(chunk)
            return
        lines = (b"".join(self._rest) + chunk).splitlines(keepends=True)
        self._rest = [lines.pop()] if not lines[-1].endswith(b"\n") else []  # a lone \r may be half of \r\n
        for line in lines:
            yield from self._line(line.rstrip(b"\r\n"))

    def end(self) -> Iterator[tuple[bytes, bytes]]:
        """The events that the end of the stream completes. One that is cut off is none."""
        rest = b"".join(self._rest)
        if rest.endswith(b"\r"):
            yield from self._line(rest[:-1])

    def _line(self, line: bytes) -> Iterator[tuple[bytes, bytes]]:
        if not self._started:
            self._started, line = True, line.removeprefix(_BOM)
        if not line:
            yield from self._dispatch()
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif not name:
            self.beats += 1

    def _dispatch(self) -> Iterator[tuple[bytes, bytes]]:
        event, data = self._event, self._data
        self._event, self._data, self._size = b"", [], sum(map(len, self._rest))
        if event or data:
            self.beats += 1
        if data:
            yield event, b"\n".join(data)
