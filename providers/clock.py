"""The time, for what waits and counts: tests bring their own, and wait for nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["CLOCK", "Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is in seconds since anything, and never goes back; `sleep` takes seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


CLOCK = Clock()
