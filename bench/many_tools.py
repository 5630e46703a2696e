"""A server with as many tools as one wants, each of the size that tools have (half a kilobyte), which says `pong`.

    python -m bench.many_tools TOOLS [sdk]

Without `sdk` it is the light server, which sends bytes that it has; with it, the SDK's own, which writes its models.
"""

import asyncio
import functools
import json
import socket
import sys
from typing import Any

from bench.framing import body_of, with_length
from bench.light_server import LightServer
from bench.listening import serve

__all__ = ["definitions"]

_COMMON = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
_WORDS = ("amount", "customer", "order", "reason", "since")


def definitions(tools: int) -> list[dict[str, Any]]:
    """`echo`, and others that nobody calls."""
    return [_definition("echo" if number == 0 else f"other_{number}", number) for number in range(tools)]


def _definition(name: str, number: int) -> dict[str, Any]:
    properties = {word: {"type": "string", "description": f"The {word} that is meant."} for word in _WORDS}
    schema = {"type": "object", "properties": {"text": {"type": "string"}, **properties}, "required": ["text"]}
    about = f"Says pong, number {number}, whatever it is told; its arguments are there to be of a usual size."
    return {"name": name, "description": about, "inputSchema": schema, "annotations": {"readOnlyHint": True}}


class ManyTools(LightServer):
    def __init__(self, listed: str) -> None:
        super().__init__()
        self._listed = listed

    def received(self, message: bytes) -> None:
        request = json.loads(body_of(message)) if message.startswith(b"POST") else {}
        if request.get("method") != "tools/list":
            super().received(message)
            return
        body = f'{{"jsonrpc":"2.0","id":{json.dumps(request["id"])},"result":{self._listed}}}'
        self.send(with_length("HTTP/1.1 200 OK", {"content-type": "application/json"}, body.encode()))


async def _sdk(tools: int) -> None:
    import mcp_types as types
    import uvicorn
    from mcp.server import Server

    models = [types.Tool.model_validate(definition) for definition in definitions(tools)]

    async def listed(*_: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=models)

    server: Server[Any] = Server("light", version="1", on_list_tools=listed)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    config = uvicorn.Config(server.streamable_http_app(), log_config=None, log_level="critical", access_log=False)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    tools = int(sys.argv[1])
    if "sdk" in sys.argv:
        asyncio.run(_sdk(tools))
        return
    listed = json.dumps({"tools": definitions(tools), **_COMMON}, separators=(",", ":"))
    asyncio.run(serve(functools.partial(ManyTools, listed)))


if __name__ == "__main__":
    main()
