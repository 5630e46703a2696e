"""The MCP server of the soak: whatever answers a call names the call's nonce. Standard library only.

    nonce_server.py stdio|http --era modern|legacy --ledger FILE [--port N]

Each call that arrives adds a line to the ledger before anything else is done with it. It is killed at random, so it
keeps nothing: its sessions die with it. Over HTTP it prints a line once it listens.

    echo    answers at once                        steps   tells its progress first
    large   answers with `size` bytes              wait    answers after `seconds`
    danger, hold, checked  like `echo`: what is said of them is the gateway's affair
    ask     asks its caller for a word first, and says it (in the modern era)
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Json = dict[str, Any]
Say = Callable[[Json], Awaitable[None]]

MODERN, LEGACY = "2026-07-28", "2025-11-25"
CAPABILITIES: Json = {"tools": {}, "resources": {}, "prompts": {}}
ABOUT: Json = {"capabilities": CAPABILITIES, "serverInfo": {"name": "nonce", "version": "1"}}
COMMON: Json = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
PROPERTIES: Json = {
    "nonce": {"type": "string"},
    "size": {"type": "integer"},
    "seconds": {"type": "number"},
    "steps": {"type": "integer"},
}
SCHEMA: Json = {"type": "object", "properties": PROPERTIES, "required": ["nonce"]}
NAMES = ("echo", "steps", "large", "wait", "danger", "hold", "checked", "ask")
TOOLS = [{"name": name, "description": f"Tool {name}.", "inputSchema": SCHEMA} for name in NAMES]
TEMPLATE: Json = {"name": "nonce"}
PROMPT: Json = {"name": "say", "arguments": [{"name": "nonce", "required": True}]}


class Refusal(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message}


class Server:
    """What it does with one message, whatever brought it."""

    def __init__(self, era: str, ledger: str) -> None:
        self.era = era
        self.name = os.path.basename(ledger).partition(".")[0]  # noqa: PTH119 - pathlib costs a tenth of a start
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def answer(self, request: Json, say: Say) -> Json:
        """The whole response to a request."""
        own = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            return own | {"result": await self._result(request, say)}
        except Refusal as refusal:
            return own | {"error": refusal.error}

    async def _result(self, request: Json, say: Say) -> Json:
        method, params = request["method"], request.get("params", {})
        if method in ("tools/call", "resources/read", "prompts/get"):
            self._note(method, params)
        return await self._call(params, say) if method == "tools/call" else self._plain(method, params)

    def _plain(self, method: str, params: Json) -> Json:
        modern = self.era == "modern"
        found: Json = {
            "initialize": None if modern else {"protocolVersion": LEGACY, **ABOUT},
            "server/discover": {"supportedVersions": [MODERN], **ABOUT} if modern else None,
            "tools/list": {"tools": TOOLS},
            "resources/list": {"resources": []},
            "resources/templates/list": {
                "resourceTemplates": [{**TEMPLATE, "uriTemplate": f"nonce://{self.name}/{{nonce}}"}]
            },
            "resources/read": {"contents": [{"uri": params.get("uri"), "text": params.get("uri")}]},
            "prompts/list": {"prompts": [PROMPT]},
            "prompts/get": {"messages": [_said(json.dumps(params.get("arguments")))]},
            "ping": {},
        }
        result = found.get(method)
        if result is None:
            raise Refusal(-32601, "Method not found")
        return {**result, **COMMON} if modern else result

    async def _call(self, params: Json, say: Say) -> Json:
        given = params["arguments"]
        answers = params.get("inputResponses")
        if params["name"] == "ask" and self.era == "modern" and not answers:
            return _question(given["nonce"])
        token = params.get("_meta", {}).get("progressToken")
        for step in range(given.get("steps", 0) if token is not None else 0):
            told = {"progressToken": token, "progress": step, "message": given["nonce"]}
            await say({"jsonrpc": "2.0", "method": "notifications/progress", "params": told})
            await asyncio.sleep(0)
        await asyncio.sleep(given.get("seconds", 0))
        content = [{"type": "text", "text": given["nonce"] + "." * given.get("size", 0)}]
        more = {"resultType": "complete"} if self.era == "modern" else {}
        said = {"said": [answers, params.get("requestState")]} if answers else {}
        return {"content": content, "structuredContent": {"nonce": given["nonce"], **said}, **more}

    def _note(self, method: str, params: Json) -> None:
        line = {
            "at": time.time_ns() // 1_000_000,
            "key": params.get("_meta", {}).get("toolgate/idempotency-key"),
            "method": method,
            "what": params.get("name") or params.get("uri"),
            "arguments": params.get("arguments"),
        }
        os.write(self._ledger, json.dumps(line).encode() + b"\n")


def _question(nonce: str) -> Json:
    wanted = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    asked = {"method": "elicitation/create", "params": {"mode": "form", "message": nonce, "requestedSchema": wanted}}
    return {"resultType": "input_required", "inputRequests": {"q": asked}, "requestState": f"state of {nonce}"}


def _said(text: str) -> Json:
    return {"role": "user", "content": {"type": "text", "text": text}}


class Calls:
    """Requests under way, which their client may cancel."""

    def __init__(self) -> None:
        self._tasks: dict[Any, asyncio.Task[None]] = {}

    def start(self, request_id: Any, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[request_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(request_id, None))

    def cancelled(self, params: Json) -> None:
        if task := self._tasks.get(params.get("requestId")):
            task.cancel()


async def over_stdio(server: Server) -> None:
    reader, calls = asyncio.StreamReader(limit=1 << 24), Calls()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def say(message: Json) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    async def answer(message: Json) -> None:
        await say(await server.answer(message, say))

    while line := await reader.readline():
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            calls.cancelled(message["params"])
        elif "id" in message and "method" in message:
            calls.start(message["id"], answer(message))


class Web:
    """The same over HTTP. In the older era requests need a session, which nobody knows any more after a restart."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._sessions: set[str] = set()
        self._numbers = itertools.count(1)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self._exchange(first.split()[0], headers, body, writer)
                await writer.drain()
        writer.close()

    async def _exchange(self, verb: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        session = headers.get("mcp-session-id", "")
        if verb != "POST":
            if verb == "DELETE":
                self._sessions.discard(session)
            writer.write(_whole("200 OK" if verb == "DELETE" else "405 Method Not Allowed", b""))
            return
        message = json.loads(body)
        extra: dict[str, str] = {}
        if message.get("method") == "initialize":
            session = f"s-{os.getpid()}-{next(self._numbers)}"
            self._sessions.add(session)
            extra = {"mcp-session-id": session}
        if self._server.era == "legacy" and session not in self._sessions:
            writer.write(_whole("404 Not Found", b""))
        elif "id" not in message or "method" not in message:
            writer.write(_whole("202 Accepted", b""))
        else:
            await self._answer(message, extra, writer)

    async def _answer(self, message: Json, extra: dict[str, str], writer: asyncio.StreamWriter) -> None:
        begun = False

        async def say(told: Json) -> None:
            nonlocal begun
            if not begun:
                writer.write(_head("200 OK", {"content-type": "text/event-stream", "transfer-encoding": "chunked"}))
            begun = True
            writer.write(_chunk(_event(told)))
            await writer.drain()

        answer = await self._server.answer(message, say)
        if begun:
            writer.write(_chunk(_event(answer)) + b"0\r\n\r\n")
        else:
            writer.write(_whole("200 OK", json.dumps(answer).encode(), extra))


def _head(status: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def _whole(status: str, body: bytes, extra: dict[str, str] | None = None) -> bytes:
    kind = {"content-type": "application/json"} if body else {}
    return _head(status, {**kind, "content-length": str(len(body)), **(extra or {})}) + body


def _event(message: Json) -> bytes:
    return f"event: message\ndata: {json.dumps(message)}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def over_http(server: Server, port: int) -> None:
    listening = await asyncio.start_server(Web(server).connected, "127.0.0.1", port, limit=1 << 24)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - its one line of output
    await listening.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["stdio", "http"])
    parser.add_argument("--era", choices=["modern", "legacy"], required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    server = Server(chosen.era, chosen.ledger)
    asyncio.run(over_stdio(server) if chosen.transport == "stdio" else over_http(server, chosen.port))


if __name__ == "__main__":
    main()
