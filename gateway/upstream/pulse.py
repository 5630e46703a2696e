"""Whether a server that let a request go by without a word is still there.

A tool may take long, and a server that hangs looks the same from here. So whoever was given up, and of whom nothing at
all was heard meanwhile, is asked something that costs nothing (`ping`, in the modern era `server/discover`), beside
all else. Who says nothing to that either, nor anything of another kind, is gone: the connection ends, as after a crash.
"""

import asyncio
import contextlib

from mcp.shared.exceptions import MCPError

from gateway.upstream.connection import Connection
from gateway.upstream.outcomes import HELD_BACK, fate_of

__all__ = ["ANSWER", "SILENT", "UNWATCHED", "answers", "watch_over"]

ANSWER = 5.0  # seconds for the answer, at the least
AGAIN = 1.0  # seconds until somebody who could not be reached is asked again
SILENT = "it does not answer"
UNWATCHED = "whether it answers can't be told"


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
    """Whether anything is heard of it in so many seconds. What our own transport says is not of the server: it is asked
    again then. (Who can't be asked for want of credentials has the benefit of the doubt.)
    """
    before, clock = connection.said(), asyncio.get_running_loop().time
    end = clock() + seconds
    with contextlib.suppress(TimeoutError):
        while True:
            if await _answered(connection, max(0.0, end - clock())):
                return True
            if (left := end - clock()) <= 0 or connection.said() != before:
                break
            await asyncio.sleep(min(AGAIN, left))
    return connection.said() != before


async def _answered(connection: Connection, seconds: float) -> bool:
    """Whether it says something to a question; an error, too, is an answer."""
    try:
        await connection.ask("server/discover" if connection.modern else "ping", {}, seconds)
    except MCPError as error:
        return error.code == HELD_BACK or fate_of(error) not in ("unsent", "in_doubt")
    return True
