"""How a session of the handshake era is closed from here: as its own client would close it."""

from gateway.serve.asgi import App, Message, Scope
from gateway.serve.asking import ASKER, Asker
from gateway.serve.door import MCP_PATH

__all__ = ["SESSION", "end_session"]

SESSION = b"mcp-session-id"


async def end_session(app: App, session: str, asker: Asker) -> None:
    """The request with which `asker`, whose session it is, would end it. Raises what the application raises."""
    await app(_farewell(session, asker), _nothing, _unheard)


def _farewell(session: str, asker: Asker) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "DELETE",
        "path": MCP_PATH,
        "raw_path": MCP_PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (SESSION, session.encode("latin-1"))],
        "client": None,
        "server": None,
        "state": {ASKER: asker},
    }


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _unheard(_message: Message) -> None:
    """Nobody waits for the answer."""
