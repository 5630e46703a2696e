"""The floor: the least that a proxy in Python can do. Parses each call, looks its tool up in a dictionary, rewrites the
name, and hands the answer's bytes back unread. No policy, no record, no protocol.

    python -m bench.passthrough URL
"""

import asyncio
import json
import sys
from collections import deque
from urllib.parse import urlsplit

from bench.framing import body_of, with_length
from bench.listening import Messages, serve

_ALLOWED = {"up__echo": "echo", "up__large": "large"}


class _Upstream(Messages):
    """One pooled connection: it carries one call at a time."""

    def __init__(self, idle: "deque[_Upstream]") -> None:
        super().__init__()
        self._idle = idle
        self._caller: Messages | None = None

    def call(self, caller: Messages, request: bytes) -> None:
        self._caller = caller
        self.send(request)

    def received(self, message: bytes) -> None:
        caller, self._caller = self._caller, None
        self._idle.append(self)
        if caller is not None:
            caller.send(message)


class PassThrough(Messages):
    def __init__(self, host: str, port: int, idle: deque[_Upstream]) -> None:
        super().__init__()
        self._host, self._port, self._idle = host, port, idle
        self._tasks: set[asyncio.Task[None]] = set()

    def received(self, message: bytes) -> None:
        request = json.loads(body_of(message))
        name = request["params"]["name"] = _ALLOWED[request["params"]["name"]]
        headers = {"host": f"{self._host}:{self._port}", "content-type": "application/json", "mcp-name": name}
        rewritten = with_length("POST /mcp HTTP/1.1", headers, json.dumps(request).encode())
        if self._idle:
            self._idle.pop().call(self, rewritten)
            return
        task = asyncio.ensure_future(self._connect(rewritten))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(lambda: _Upstream(self._idle), self._host, self._port)
        upstream.call(self, request)


def main() -> None:
    parts = urlsplit(sys.argv[1])
    idle: deque[_Upstream] = deque()
    asyncio.run(serve(lambda: PassThrough(parts.hostname or "", parts.port or 80, idle)))


if __name__ == "__main__":
    main()
