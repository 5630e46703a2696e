"""An MCP server that answers a call with the very bytes that the call itself brings. Standard library only.

    puppet.py stdio|http --era modern|legacy --ledger FILE

The tool `act` takes `{"nonce": ..., "script": [BASE64, ...]}`: each is written as it is, with `@ID@` replaced by the
request's id and `@TOKEN@` by its progress token; over HTTP they are the whole response, its head included. The word
`close` in place of one hangs up (over stdio: ends the process). What `denied` and `held` get is only written down. Each
call that arrives adds a line to the ledger first.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

SCHEMA: Json = {"type": "object", "properties": {"nonce": {"type": "string"}}}
TOOLS = [{"name": name, "inputSchema": SCHEMA} for name in ("act", "denied", "held")]
ABOUT: Json = {"capabilities": {"tools": {}}, "serverInfo": {"name": "puppet", "version": "1"}}
COMMON: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


class Puppet:
    def __init__(self, era: str, ledger: str) -> None:
        self.era = era
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def result(self, message: Json) -> Json | None:
        """Of whatever is no call; None for what it does not know."""
        modern = self.era == "modern"
        found: Json = {
            "initialize": None if modern else {"protocolVersion": "2025-11-25", **ABOUT},
            "server/discover": {"supportedVersions": ["2026-07-28"], **ABOUT} if modern else None,
            "tools/list": {"tools": TOOLS},
        }
        result: Json | None = found.get(message["method"])
        return {**result, **COMMON} if result is not None and modern else result

    def answer(self, message: Json) -> bytes:
        own = {"jsonrpc": "2.0", "id": message["id"]}
        result = self.result(message)
        what = {"error": {"code": -32601, "message": "Method not found"}} if result is None else {"result": result}
        return json.dumps(own | what).encode()

    def play(self, message: Json, write: Callable[[bytes], None], close: Callable[[], None]) -> None:
        """A call."""
        params = message["params"]
        given = params.get("arguments", {})
        own = {"tool": params["name"], "arguments": given, "meta": params.get("_meta", {})}
        os.write(self._ledger, json.dumps(own).encode() + b"\n")
        token = json.dumps(params.get("_meta", {}).get("progressToken")).encode()
        for line in given.get("script", ()):
            if line == "close":
                close()
                return
            data = base64.b64decode(line)
            write(data.replace(b"@ID@", json.dumps(message["id"]).encode()).replace(b"@TOKEN@", token))


def over_stdio(puppet: Puppet) -> None:
    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message.get("method") == "tools/call":
            puppet.play(message, write, lambda: os._exit(3))
        elif "id" in message and "method" in message:
            write(puppet.answer(message) + b"\n")


async def over_http(puppet: Puppet) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while not writer.transport.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = head.partition("content-length:")[2].partition("\r\n")[0].strip() or "0"
                one(head, await reader.readexactly(int(length)), writer)
        writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def one(head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not head.startswith("post"):
            writer.write(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n")
            return
        message = json.loads(body)
        if message.get("method") == "tools/call":
            puppet.play(message, writer.write, writer.close)
        elif "id" not in message or "method" not in message:
            writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        else:
            data = puppet.answer(message)
            session = b"mcp-session-id: s1\r\n" if message["method"] == "initialize" else b""
            kind = b"content-type: application/json\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n%s%scontent-length: %d\r\n\r\n" % (kind, session, len(data)) + data)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 24)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/mcp", flush=True)  # noqa: T201 - its one line
    await listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--era", choices=["modern", "legacy"], required=True)
    parser.add_argument("--ledger", required=True)
    chosen = parser.parse_args()
    puppet = Puppet(chosen.era, chosen.ledger)
    if chosen.transport == "stdio":
        over_stdio(puppet)
    else:
        asyncio.run(over_http(puppet))


if __name__ == "__main__":
    main()
