"""Whether a server that let a request go by without a word is still there.

A tool may take long, and a server that hangs looks the same from here. So whoever was given up, and of whom nothing at
all was heard meanwhile, is asked something that costs nothing (`ping`, in the modern era `server/discover`), beside
all else. Who says nothing to that either, nor anything of another kind, is gone: the connection ends, as after a crash.
"""

from mcp.shared.exceptions import MCPError

from gateway.upstream.connection import Connection

__all__ = ["ANSWER", "SILENT", "answers", "watch_over"]

ANSWER = 5.0  # seconds for the answer, at the least
SILENT = "it does not answer"


async def watch_over(connection: Connection, longest: float) -> None:
    """Loses the link of a server that does not answer. Nobody is gone before he was silent for `longest` seconds: who
    does one thing at a time may be at a call that takes so long, whatever time the one behind it had.
    """
    link = connection.link
    while True:
        await link.unheard.wait()
        await connection.unasked()
        if not await answers(connection, max(ANSWER, longest - link.silent)):
            link.end(SILENT)
            return
        link.heard()


async def answers(connection: Connection, seconds: float) -> bool:
    """Whether anything is heard of it in so many seconds; an error, too, is an answer."""
    before = connection.said()
    try:
        await connection.ask("server/discover" if connection.modern else "ping", {}, seconds)
    except TimeoutError:
        return bool(connection.said() - before)
    except MCPError:
        return True
    return True
