"""FastMCP's proxy in front of the light server: what most people would write today.

    python -m bench.fastmcp_proxy URL shared|default

`default` opens an upstream session for each call, as FastMCP does without being told; `shared` keeps one.
"""

import asyncio
import logging
import socket
import sys

import uvicorn
from fastmcp import Client
from fastmcp.server import create_proxy
from fastmcp.server.providers.proxy import FastMCPProxy


async def _serve(proxy: FastMCPProxy) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)  # from now on a client waits, and is not refused
    config = uvicorn.Config(proxy.http_app(path="/mcp"), log_config=None, log_level="critical", access_log=False)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


async def _shared(url: str) -> None:
    async with Client(url) as client:
        await _serve(create_proxy(client))


async def _default(url: str) -> None:
    await _serve(create_proxy(url))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run({"shared": _shared, "default": _default}[sys.argv[2]](sys.argv[1]))
