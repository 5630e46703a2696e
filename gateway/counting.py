"""How many tokens a question has, by a backend that can count.

It is asked only where an estimate says that the question does not fit; and whatever goes wrong, the estimate must do.
"""

import asyncio
import logging

from gateway.backend import Backend
from providers import Request

__all__ = ["COUNT_SECONDS", "counted"]

COUNT_SECONDS = 10.0  # so long a backend has for it

log = logging.getLogger("toolgate.counting")


async def counted(backend: Backend, request: Request, seconds: float = COUNT_SECONDS) -> int | None:
    """The tokens; None where the backend can't say, does not say it in time, or fails."""
    if backend.count is None:
        return None
    try:
        async with asyncio.timeout(seconds):
            return await backend.count(request)
    except Exception:  # whatever it is: it could not count, and its text may hold a secret
        log.debug("a model backend could not count", exc_info=True)
        return None
