"""A server is met in the era that is remembered of it. One that is of another by now is met anew, within one start."""

from contextlib import AsyncExitStack
from dataclasses import replace

from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from gateway.upstream.connect import Opening, connect
from gateway.upstream.connection import Connection, Link
from gateway.upstream.eras import Eras, fingerprint
from gateway.upstream.outcomes import fate_of

__all__ = ["meet"]

_NOTHING_LIKE_IT = (400, 404, 405)  # HTTP's answers of one that does not know what it was sent


async def meet(stack: AsyncExitStack, opening: Opening, link: Link, eras: Eras) -> Connection:
    """As `connect`; whatever the era, if it is not prescribed, it is remembered then."""
    if opening.era != "auto":
        return await connect(stack, opening, link)
    mark = fingerprint(opening.name, opening.transport)
    connection = await _as_remembered(stack, opening, link, eras) or await connect(stack, opening, link)
    eras.learn(mark, "modern" if connection.modern else "legacy")
    return connection


async def _as_remembered(stack: AsyncExitStack, opening: Opening, link: Link, eras: Eras) -> Connection | None:
    """None if nothing is remembered, or it is not true any more: what was opened for it is closed then."""
    mark = fingerprint(opening.name, opening.transport)
    known = eras.of(mark)
    if known is None:
        return None
    trial = AsyncExitStack()
    stack.push_async_exit(trial)
    try:
        return await connect(trial, replace(opening, era=known), link)
    except Exception as error:
        eras.doubted(mark, error)
        if not _answers_otherwise(error):
            raise
    await trial.aclose()
    link.renew()
    return None


def _answers_otherwise(error: Exception) -> bool:
    """Whether it is there, and not of that era. What says no to us would say it in each."""
    if isinstance(error, MCPError):
        fate = fate_of(error)
        return fate is None or (fate == "refused" and error.code in _NOTHING_LIKE_IT)
    return isinstance(error, (ValidationError, RuntimeError))
