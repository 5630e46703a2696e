"""A client that sends anything, over HTTP and over stdio.

The gateway goes on, and serves who behaves at once; what was not admitted never reaches a server; no answer holds a
traceback or a secret. TOOLGATE_SEED chooses other inputs, TOOLGATE_FUZZ=10 ten times as many.
"""

import asyncio
import contextlib
import json
from collections import Counter
from pathlib import Path

from tests.fixtures.told import tell
from tests.fuzz.hostile_client import Mischief, Requests
from tests.fuzz.stage import PATIENCE, SECRET, SEED, Stage, opened, rounds

AT_ONCE = 64
INTERNAL = (b"Traceback", SECRET.encode(), b".py", b"site-packages", b"pydantic")  # what nobody outside may see
PAUSES = (0.7, 0.1)  # seconds to wait for the first of an answer, and for more: to what is not whole none will come


async def _sent(stage: Stage, data: bytes, count: Counter[str]) -> None:
    """Everything that comes back must be HTTP, and harmless."""
    reader, writer = await asyncio.open_connection(*stage.place)
    got = b""
    with contextlib.suppress(OSError):
        writer.write(data)
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(PAUSES[bool(got)]):
                    piece = await reader.read(1 << 16)
                got += piece
                if not piece:
                    break
    writer.transport.abort()
    count[got[:12].decode("latin-1")] += 1
    try:
        assert not got or got.startswith(b"HTTP/1."), got
        for bad in INTERNAL:
            assert bad not in got, bad
        for status in (b"HTTP/1.1 500", b"HTTP/1.1 502"):
            assert status not in got or b'"code":' in got, got
    except AssertionError as error:
        raise AssertionError(f"to {data[:3000]!r} the answer was {got[:3000]!r}") from error


async def _mischief(stage: Stage, most: int) -> Counter[str]:
    count: Counter[str] = Counter()
    for number in rounds(most):
        client = await stage.client("legacy")  # its session may be ended by any of the requests that are in it
        requests = Requests(f"{SEED}/{number}", client.session)
        await asyncio.gather(*(_sent(stage, requests.connection(), count) for _ in range(AT_ONCE)))
        client.line.drop()
        await stage.still_serves()
    await stage.close()
    return count


def test_whatever_a_client_sends_over_http_only_what_was_admitted_arrives(tmp_path: Path) -> None:
    with opened(tmp_path) as stage:
        count = asyncio.run(_mischief(stage, 25))
        arrived = stage.arrivals()
        tell(
            f"hostile HTTP client, seed {SEED}: {count.total()} connections {dict(count)}, {len(arrived)} calls arrived"
        )
        assert arrived
        assert {call["tool"] for call in arrived} == {"act"}, "what is denied or held arrived"


class Talk:
    """With a gateway over stdio."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.count: Counter[str] = Counter()

    async def tell(self, data: bytes) -> None:
        self._in.write(data + b"\n")
        await self._in.drain()

    async def ask(self, number: str, method: str, params: object) -> dict[str, object]:
        """The answer to this request; every line until then is looked at as well."""
        await self.tell(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode())
        async with asyncio.timeout(PATIENCE):
            while True:
                line = await self._out.readline()
                message: dict[str, object] = self._looked_at(line)
                if message.get("id") == number:
                    return message

    def _looked_at(self, line: bytes) -> dict[str, object]:
        assert line, "the gateway has ended"
        for bad in INTERNAL:
            assert bad not in line, line[:3000]
        message: dict[str, object] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        self.count[next(name for name in ("error", "result", "method") if name in message)] += 1
        return message


async def _talked(stage: Stage, most: int) -> Counter[str]:
    command = stage.project.command("serve", "--stdio")
    pipe = asyncio.subprocess.PIPE
    with (stage.folder / "stdio.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=log, limit=1 << 26)
        talk = Talk(process)
        about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "m", "version": "1"}}
        await talk.ask("hello", "initialize", about)
        await talk.tell(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        for number in rounds(most):
            mischief = Mischief(f"{SEED}/{number}")
            for _ in range(AT_ONCE):
                await talk.tell(mischief.line())
            talk.count["lines"] += AT_ONCE
            given = {"name": "good__echo", "arguments": {"nonce": f"n-{number}"}}
            answer = json.dumps(await talk.ask(f"good{number}", "tools/call", given))
            assert f"n-{number}" in answer, f"seed {SEED}/{number}: {answer}"
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
    assert "Traceback" not in (stage.folder / "stdio.log").read_text(encoding="utf-8")
    return talk.count


def test_whatever_a_client_writes_over_stdio_only_what_was_admitted_arrives(tmp_path: Path) -> None:
    with opened(tmp_path) as stage:
        count = asyncio.run(_talked(stage, 30))
        arrived = stage.arrivals()
        tell(f"hostile stdio client, seed {SEED}: {dict(count)}, {len(arrived)} calls arrived")
        assert arrived
        assert {call["tool"] for call in arrived} == {"act"}, "what is denied or held arrived"
