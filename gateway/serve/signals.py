"""SIGINT and SIGTERM as a wish to end, so that what is under way is recorded before the process goes."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

__all__ = ["Bounded", "as_it_is", "on_stop"]

Bounded = Callable[[Callable[[], None]], Callable[[], None]]  # of what begins the end, with a bound for all of it


def as_it_is(stop: Callable[[], None]) -> Callable[[], None]:
    """The end takes as long as it takes."""
    return stop


@contextlib.contextmanager
def on_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Has `stop` called at each such signal, in the running loop. Only the main thread gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
