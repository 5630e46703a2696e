"""One MCP client of the soak: what it asks, and whether the answer is its own."""

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.soak.line import Answer, Line

__all__ = ["NONCE", "Client"]

MODERN, LEGACY = "2026-07-28", "2025-11-25"
NONCE = re.compile(r"n-\d+-\d+-[0-9a-f]{8}")
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
PREFIX = "io.modelcontextprotocol/"


class Client:
    """Over HTTP, in one of the eras, on a connection of its own."""

    def __init__(self, line: Line, era: str, name: str) -> None:
        self.line, self.era, self.name = line, era, name
        self.session = ""
        self._numbers = itertools.count(1)
        self.number = 0  # of the last request
        self.capabilities: Mapping[str, Any] = {}  # what a modern client declares, request by request

    async def introduce(self) -> None:
        """The handshake, in the era that has one."""
        if self.era == "legacy":
            about = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": self.name, "version": "1"}}
            answer = await self.request("initialize", about)
            self.session = answer.headers["mcp-session-id"]
            await self.notify("notifications/initialized")

    async def leave(self) -> None:
        """Ends the session. The connection stays."""
        if self.session:
            answer = await self.line.ask("DELETE", self._headers({}))
            assert answer.status == 200, answer
            self.session = ""

    async def request(self, method: str, params: Mapping[str, Any] | None = None) -> Answer:
        self.number = next(self._numbers)
        return await self._post({"id": self.number, "method": method, "params": dict(params or {})})

    async def notify(self, method: str, params: Mapping[str, Any] | None = None) -> Answer:
        return await self._post({"method": method, "params": dict(params or {})})

    async def cancel(self, line: Line) -> None:
        """Takes the last request back, by another connection."""
        told = {"method": "notifications/cancelled", "params": {"requestId": self.number}}
        await line.ask("POST", self._headers(told), json.dumps({"jsonrpc": "2.0", **told}).encode())

    async def listen(self) -> int:
        """Opens the stream of the older era, and says with which status; it stays open until the line is dropped."""
        return await self.line.open_stream(self._headers({}))

    async def _post(self, message: dict[str, Any]) -> Answer:
        if self.era == "modern":
            envelope = {
                f"{PREFIX}protocolVersion": MODERN,
                f"{PREFIX}clientInfo": {"name": self.name, "version": "1"},
                f"{PREFIX}clientCapabilities": self.capabilities,
            }
            message["params"]["_meta"] = envelope | message["params"].get("_meta", {})
        return await self.line.ask("POST", self._headers(message), json.dumps({"jsonrpc": "2.0", **message}).encode())

    def _headers(self, message: dict[str, Any]) -> dict[str, str]:
        own = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if self.era == "legacy":
            return own | ({"mcp-session-id": self.session, "mcp-protocol-version": LEGACY} if self.session else {})
        name = message["params"].get(NAMED.get(message["method"], ""))
        return (
            own
            | {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}
            | ({"mcp-name": name} if name else {})
        )
