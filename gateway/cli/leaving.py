"""A process that was told to end, and can't: a commit waits for a synchronous replica that is gone, and no limit of a
statement counts there. It has its time; then it goes as if it was killed, which loses nothing (docs/durability.md).
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Self

import click

from gateway.cli.exits import Exit

__all__ = ["PATIENCE", "Leaving"]

PATIENCE = 30.0  # seconds for what comes after the grace: servers, spans, DBOS's threads, a store that is only busy

_TOLD = (
    "something does not answer, and this ends without it, as if it was killed: perhaps the store, where a commit waits"
    " for a synchronous replica that is gone. What was being written down is on record, or counts as never heard;"
    " its runs are taken up elsewhere"
)


class Leaving:
    """`with` it, round all that is to end: whoever comes to the end of the block has ended by himself."""

    def __init__(self, go: Callable[[int], object] = os._exit) -> None:
        self._go = go
        self._timer: threading.Timer | None = None
        self._signals = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_broken: object) -> None:
        self._done()

    @contextlib.contextmanager
    def after(self, grace: float) -> Iterator[None]:
        """What comes after this block is the end, also where no signal has come; it takes so many seconds at most."""
        try:
            yield
        finally:
            if self._timer is None:
                self._within(grace)

    def by(self, begin: Callable[[], None], grace: float) -> Callable[[], None]:
        """What a signal does: `begin` the end, which takes so many seconds at most; the second time there is none."""

        def stop() -> None:
            begin()
            self._signals += 1
            if self._signals > 2:  # who loses his patience does not make it last longer
                return
            self._within(0.0 if self._timer else grace)

        return stop

    def _within(self, grace: float) -> None:
        self._done()
        self._timer = threading.Timer(PATIENCE + grace, self._leave)
        self._timer.daemon = True
        self._timer.start()

    def _done(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _leave(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it
            click.echo(f"toolgate: {_TOLD}", err=True)
        self._go(Exit.ERROR)
