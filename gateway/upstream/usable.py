"""Tools whose input schema can be held against arguments; the others are left out, each with the reason.

A schema is looked at when it is listed, in a thread: a call must not be what finds out how long that takes. There is
one such thread for all servers, and they take turns: a slice of one server's schemas, then one of the next. Who lists
thousands waits longer for his own, and between slices there is a rest, in which whoever else has something to do in
this process does it. A schema that is not through in a moment is put off, and looked at in a second thread, in which
those that take long wait for nobody but each other. To stop, nothing has to be told to the threads: no further slice is
asked for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gateway.call import Tool
from gateway.schema import LISTING_SECONDS, TOO_MUCH, is_plain, unusable

__all__ = ["AT_FIRST", "IN_ALL", "NOT_YET", "Usable", "usable_among"]

AT_FIRST = 5.0  # seconds of the thread for what a server lists, until it is served with what was looked at
IN_ALL = 30.0  # ... for what was left then: enough for all that a list may hold
AT_EASE = 0.1  # seconds of the thread: whatever a usual server lists is through by then, without a rest
_SLICE = 0.003  # seconds; one schema at the least
_MANY, _GLANCES = 256, 0.003  # tools that are looked at without a thread, and seconds of it, while all others wait
_BRIEFLY = 0.03  # seconds for one schema, at first
_clock = time.monotonic
_THREAD = ThreadPoolExecutor(1, "toolgate-schemas")
_LONG = ThreadPoolExecutor(1, "toolgate-long-schemas")

NOT_YET = "its `inputSchema` has not been looked at yet: its server lists many"
TOO_LATE = f"its `inputSchema` {TOO_MUCH}"


@dataclass(frozen=True, slots=True)
class Usable:
    """`tools` by name; why the others are `wrong`, by path; those among them for which the time was too short are
    `unseen`, by name.
    """

    tools: Mapping[str, Tool]
    wrong: Mapping[str, str] = field(default_factory=dict)
    unseen: Mapping[str, Tool] = field(default_factory=dict)


async def usable_among(tools: Mapping[str, Tool], seconds: float = IN_ALL, late: str = TOO_LATE) -> Usable:
    """Looks at as many as so much time of the thread allows, and says `late` of the rest. What was found stays known: a
    second look goes on where the first one ended, also where that was called off.
    """
    left = deque(await _unusual(tools.values()))
    if not left:
        return Usable(tools)
    wrong: dict[str, str] = {}
    put_off: deque[Tool] = deque()
    spent, loop = 0.0, asyncio.get_running_loop()
    while (left or put_off) and spent < seconds:
        if left:
            took = await loop.run_in_executor(_THREAD, _look, left, seconds - spent, wrong, put_off)
        else:
            took = await loop.run_in_executor(_LONG, _look_long, put_off.popleft(), wrong)
        spent += took
        if spent > AT_EASE:
            await asyncio.sleep(took)
    unseen = {tool.name: tool for tool in (*put_off, *left)}
    wrong |= {tool.path: late for tool in unseen.values()}
    return Usable({name: tool for name, tool in tools.items() if tool.path not in wrong}, wrong, unseen)


async def _unusual(tools: Iterable[Tool]) -> list[Tool]:
    """Those that take more than a glance. Even a glance takes milliseconds where a schema is as long as it may be."""
    found: list[Tool] = []
    began = _clock()
    for number, tool in enumerate(tools, 1):
        if not is_plain(tool.pin, tool.input_schema):
            found.append(tool)
        if number % _MANY == 0 or _clock() - began > _GLANCES:
            await asyncio.sleep(0)
            began = _clock()
    return found


def _look(left: deque[Tool], seconds: float, wrong: dict[str, str], put_off: deque[Tool]) -> float:
    """A slice: takes from the `left` what it has looked at, or put off. Returns how much time of the thread it took."""
    began = time.thread_time()
    took = 0.0
    while left and took < min(seconds, _SLICE):
        tool = left.popleft()
        why = unusable(tool.pin, tool.input_schema, _BRIEFLY)
        if why == TOO_MUCH:
            put_off.append(tool)
        elif why is not None:
            wrong[tool.path] = f"its `inputSchema` {why}"
        took = time.thread_time() - began
    return took


def _look_long(tool: Tool, wrong: dict[str, str]) -> float:
    """The same for one that was put off."""
    began = time.thread_time()
    why = unusable(tool.pin, tool.input_schema, LISTING_SECONDS)
    if why is not None:
        wrong[tool.path] = f"its `inputSchema` {why}"
    return time.thread_time() - began
