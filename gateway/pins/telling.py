"""What is held, for the log: each thing once, and of a server that has ever new ones a line a minute."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.names import split_path

__all__ = ["MOST", "SPAN", "Telling"]

log = logging.getLogger("toolgate.pins")

MOST = 20  # lines about one server within a span
SPAN = 60.0  # seconds


@dataclass(slots=True)
class _Span:
    since: float
    told: int = 0
    untold: int = 0


class Telling:
    """Remembers what was held the last time, and how much was said of which server."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: Mapping[str, str] = {}
        self._spans: dict[str, _Span] = {}

    def tell(self, held: Mapping[str, str]) -> None:
        """Logs what is held from now on, or for another reason; `held` says why by path, of all that is."""
        for path, why in held.items():
            if self._held.get(path) != why:
                self._say(path, why)
        self._held = held

    def _say(self, path: str, why: str) -> None:
        server, _ = split_path(path)
        span = self._spans.get(server)
        if span is None or self._clock() - span.since >= SPAN:
            if span is not None and span.untold:
                log.warning("%s: %d more were held since; see `toolgate pins`", server, span.untold)
            flooded = span is not None and span.untold > MOST
            span = self._spans[server] = _Span(self._clock(), MOST if flooded else 0)
        if span.told >= MOST:
            span.untold += 1
            return
        span.told += 1
        log.warning("%s is held: %s", path, why)
        if span.told == MOST:
            log.warning("%s: what else is held within the next minute is not told here; see `toolgate pins`", server)
