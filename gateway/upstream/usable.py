"""Tools whose input schema can be held against arguments; the others are left out, each with the reason.

A schema is looked at when it is listed, in a thread: a call must not be what finds out how long that takes.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

from gateway.call import Tool
from gateway.schema import LISTING_SECONDS, is_plain, unusable

__all__ = ["usable_among"]

_SECONDS = 5.0  # of the thread, for all that a server lists


async def usable_among(tools: Mapping[str, Tool]) -> tuple[Mapping[str, Tool], Mapping[str, str]]:
    """Those that are, by name; and why the others are not, by path."""
    unusual = [tool for tool in tools.values() if not is_plain(tool.pin, tool.input_schema)]
    if not unusual:
        return tools, {}
    wrong = await asyncio.to_thread(_wrong_with, unusual)
    return {name: tool for name, tool in tools.items() if tool.path not in wrong}, wrong


def _wrong_with(tools: Iterable[Tool]) -> dict[str, str]:
    until = time.thread_time() + _SECONDS
    found: dict[str, str] = {}
    for tool in tools:
        left = min(until - time.thread_time(), LISTING_SECONDS)
        why = unusable(tool.pin, tool.input_schema, left)
        if why is not None:
            found[tool.path] = f"its `inputSchema` {why}"
    return found
