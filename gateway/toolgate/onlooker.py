"""A program's watcher, as the loop has it: whatever goes wrong in it, the run goes on.

The loop calls a watcher in the middle of a step, where an error would break the step and nothing else could tell why.
So it is logged here, the first one whole, and the watcher hears what comes next.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gateway.events import Recorded
    from gateway.loop import Watcher
    from providers import StreamEvent

__all__ = ["Onlooker"]

T = TypeVar("T")

_LOG = logging.getLogger("toolgate.python")


class Onlooker:
    """One run's; as `gateway.loop.Watcher`."""

    def __init__(self, watcher: "Watcher") -> None:
        self._watcher, self._level = watcher, logging.ERROR

    def recorded(self, recorded: "Recorded") -> None:
        """Passes it on."""
        self._pass(self._watcher.recorded, recorded)

    def streamed(self, event: "StreamEvent") -> None:
        """Passes it on."""
        self._pass(self._watcher.streamed, event)

    def _pass(self, hear: Callable[[T], None], what: T) -> None:
        try:
            hear(what)
        except Exception:  # noqa: BLE001 - whatever it is, the run is not to blame
            _LOG.log(self._level, "a watcher failed at `%s`; the run goes on", type(what).__name__, exc_info=True)
            self._level = logging.DEBUG  # one that fails at each word fills no log
