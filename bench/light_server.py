"""The MCP server behind everything that is measured: both eras, ten tools, no SDK, about 0.03 ms a call.

A heavier one would hide the gateway.
"""

import asyncio
import json
from typing import Any

from bench.framing import body_of, with_length
from bench.listening import Messages, serve

_COMMON = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
_ABOUT = {"capabilities": {"tools": {}}, "serverInfo": {"name": "light", "version": "1"}}
_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
_TOOLS = [{"name": "echo", "description": "Says pong.", "inputSchema": _SCHEMA}]
_TOOLS += [{"name": "large", "description": "Says it often.", "inputSchema": _SCHEMA}]
_TOOLS += [{"name": f"other_{n}", "description": "Is there.", "inputSchema": _SCHEMA} for n in range(8)]
_RESULTS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": "2025-11-25", **_ABOUT},
    "server/discover": {"supportedVersions": ["2026-07-28"], **_ABOUT, **_COMMON},
    "tools/list": {"tools": _TOOLS, **_COMMON},
    "tools/call": {"content": [{"type": "text", "text": "pong"}], "resultType": "complete"},
    "large": {"content": [{"type": "text", "text": "pong " * 20_000}], "resultType": "complete"},  # 100 KB
    "ping": {},
}
_ANSWERS = {method: json.dumps(result) for method, result in _RESULTS.items()}
_JSON = {"content-type": "application/json"}
_UNKNOWN = '{"code": -32601, "message": "Method not found"}'


class LightServer(Messages):
    def received(self, message: bytes) -> None:
        self.send(_answer(message))


def _answer(message: bytes) -> bytes:
    if not message.startswith(b"POST"):
        return with_length("HTTP/1.1 405 Method Not Allowed", {}, b"")
    request = json.loads(body_of(message))
    if "id" not in request:
        return with_length("HTTP/1.1 202 Accepted", {}, b"")
    return with_length("HTTP/1.1 200 OK", _JSON, answer_to(request).encode())


def answer_to(request: dict[str, Any]) -> str:
    """The JSON-RPC response."""
    large = request["method"] == "tools/call" and request["params"]["name"] == "large"
    result = _ANSWERS.get("large" if large else request["method"])
    what = f'"result": {result}' if result else f'"error": {_UNKNOWN}'
    return f'{{"jsonrpc": "2.0", "id": {json.dumps(request["id"])}, {what}}}'


if __name__ == "__main__":
    asyncio.run(serve(LightServer))
