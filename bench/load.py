"""The load: keep-alive connections, requests made beforehand, nothing parsed but what tells an answer from an error.

About 0.03 ms of CPU a call, so that the client is not what is measured. Each connection has one call under way.
"""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from bench.framing import with_length
from bench.listening import Messages

__all__ = ["Era", "Sample", "Target", "introduce", "load"]

Era = Literal["modern", "legacy"]

_CLIENT = {"name": "bench", "version": "1"}
_ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}
_EXPECTED = b"pong"
_SESSION = re.compile(rb"\r\nmcp-session-id: *([^\r\n]+)", re.IGNORECASE)
PATIENCE = 30.0  # seconds for calls that are under way when the time is over


@dataclass(slots=True)
class Target:
    """Where calls go. `sessions` are those of the handshake era, made once and kept; in the other there are none."""

    url: str
    tool: str
    era: Era
    sessions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sample:
    """`latencies` in nanoseconds; `wrong` answers are not among them. `seconds` from the first call to the last."""

    latencies: Sequence[int]
    wrong: int
    seconds: float


class _Lane(Messages):
    """One connection, and the call that is under way on it."""

    def __init__(self) -> None:
        super().__init__()
        self.latencies: list[int] = []
        self.wrong = 0
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._request = b""
        self._sent = self._until = 0

    def repeat(self, request: bytes, until: int) -> None:
        """The same call again and again until this time (of `perf_counter_ns`); then `done`."""
        self._request, self._until = request, until
        self._go()

    def _go(self) -> None:
        self._sent = time.perf_counter_ns()
        self.send(self._request)

    def received(self, message: bytes) -> None:
        now = time.perf_counter_ns()
        if _EXPECTED in message:
            self.latencies.append(now - self._sent)
        else:
            self.wrong += 1
        if now < self._until:
            self._go()
        elif not self.done.done():
            self.done.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the connection was closed"))


async def introduce(target: Target, lanes: int) -> None:
    """Opens the sessions that so many calls under way need, as far as they are not there."""
    while target.era == "legacy" and len(target.sessions) < lanes:
        target.sessions.append(await _introduced(target))


async def load(target: Target, lanes: int, seconds: float) -> Sample:
    """Keeps `lanes` calls under way for so many seconds."""
    await introduce(target, lanes)
    requests = [_call(target, number) for number in range(lanes)]
    open_lanes = [await _connected(target) for _ in range(lanes)]
    begin = time.perf_counter_ns()
    for lane, request in zip(open_lanes, requests, strict=True):
        lane.repeat(request, begin + round(seconds * 1e9))
    await _finished(open_lanes)
    taken = (time.perf_counter_ns() - begin) / 1e9
    latencies = list(itertools.chain.from_iterable(lane.latencies for lane in open_lanes))
    return Sample(latencies, sum(lane.wrong for lane in open_lanes), taken)


async def _finished(lanes: Sequence[_Lane]) -> bytes:
    """Waits for every lane, and closes it; the last answer of the first one."""
    try:
        async with asyncio.timeout(PATIENCE):
            return (await asyncio.gather(*(lane.done for lane in lanes)))[0]
    finally:
        for lane in lanes:
            if lane.transport is not None:
                lane.transport.abort()


async def _connected(target: Target) -> _Lane:
    parts = urlsplit(target.url)
    loop = asyncio.get_running_loop()
    _, lane = await loop.create_connection(_Lane, parts.hostname or "", parts.port or 80)
    return lane


async def _introduced(target: Target) -> str:
    """The handshake; returns the session's id, which is empty where the server keeps none."""
    hello = {"protocolVersion": _VERSIONS["legacy"], "capabilities": {}, "clientInfo": _CLIENT}
    answer = await _once(target, _message(target, {"id": 0, "method": "initialize", "params": hello}))
    found = _SESSION.search(answer)
    session = found[1].decode().strip() if found else ""
    await _once(target, _message(target, {"method": "notifications/initialized"}, session))
    return session


async def _once(target: Target, request: bytes) -> bytes:
    lane = await _connected(target)
    lane.repeat(request, 0)
    return await _finished([lane])


def _call(target: Target, number: int) -> bytes:
    params: dict[str, Any] = {"name": target.tool, "arguments": {"text": "ping"}}
    if target.era == "modern":
        params["_meta"] = _ENVELOPE
    session = target.sessions[number] if target.sessions else ""
    return _message(target, {"id": number + 1, "method": "tools/call", "params": params}, session)


def _message(target: Target, message: dict[str, Any], session: str = "") -> bytes:
    headers = {
        "host": urlsplit(target.url).netloc,
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": _VERSIONS[target.era],
        "mcp-method": message["method"],
    }
    if message["method"] == "tools/call":
        headers["mcp-name"] = target.tool
    if session:
        headers["mcp-session-id"] = session
    return with_length("POST /mcp HTTP/1.1", headers, json.dumps({"jsonrpc": "2.0", **message}).encode())
