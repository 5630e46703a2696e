"""The MCP SDK's own server answering the call by itself: what the protocol costs before there is any gateway.

It answers in JSON, which costs it half of what event streams do: so it was measured for `facts/performance.md`.
"""

import asyncio
import socket
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server import Server

_SCHEMA = {"type": "object"}


async def _list(*_: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool(name=name, input_schema=_SCHEMA) for name in ("echo", "large")])


async def _call(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    text = "pong " * 20_000 if params.name == "large" else "pong"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


async def main() -> None:
    server: Server[Any] = Server("light", version="1", on_list_tools=_list, on_call_tool=_call)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # from now on a client waits, and is not refused
    config = uvicorn.Config(
        server.streamable_http_app(json_response=True), log_config=None, log_level="critical", access_log=False
    )
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
