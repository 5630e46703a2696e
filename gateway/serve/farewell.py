"""Requests of our own, in a client's name. How a session of the handshake era is closed from here: as its own client
would close it.
"""

from typing import Any

from gateway.serve.asgi import App, Message, Scope
from gateway.serve.asking import ASKER, Asker
from gateway.serve.door import MCP_PATH

__all__ = ["SESSION", "end_session", "in_his_name"]

SESSION = b"mcp-session-id"


async def end_session(app: App, session: str, asker: Asker) -> None:
    """The request with which `asker`, whose session it is, would end it. Raises what the application raises."""
    await app(in_his_name(asker, "DELETE", [(SESSION, session.encode("latin-1"))]), _nothing, _unheard)


def in_his_name(asker: Asker, verb: str, headers: list[tuple[bytes, bytes]], **state: Any) -> Scope:
    """The scope of a request that `asker` sends, as it is behind the door."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": verb,
        "path": MCP_PATH,
        "raw_path": MCP_PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), *headers],
        "client": None,
        "server": None,
        "state": {ASKER: asker, **state},
    }


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _unheard(_message: Message) -> None:
    """Nobody waits for the answer."""
