"""When a call that came to nothing is made again by itself: only where that is safe, as often as the admin says, after
a pause with full jitter.

A run of ours keeps that moment in its record. A client waits, within the time that its call may take.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.admission import Attempt, Work
from gateway.call import InDoubt, Outcome, Unsent, outcome_from_json
from gateway.effects import Effects
from gateway.events import Denied, Returned
from gateway.later import Deferred
from gateway.parties import CallResult

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "MAX_ATTEMPTS", "NOT_REACHED", "Deferring", "pause"]

MAX_ATTEMPTS = 3  # of a call in doubt that may be repeated, where the admin says nothing else
FIRST_PAUSE = 1.0  # seconds at most, doubled for each further attempt
LONGEST_PAUSE = 30.0  # seconds
NOT_REACHED = Unsent("its server is away")


def pause(attempt: int) -> float:
    """Seconds to wait after this attempt (from 1)."""
    most = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1))
    return random.uniform(0, most)  # noqa: S311 - spreads load, guards nothing


@dataclass(frozen=True, slots=True)
class Deferring:
    """`may_repeat` says of a tool whether a call of it does no harm twice; `now` is the store's."""

    effects: Effects
    may_repeat: Callable[[str], bool]
    now: Callable[[], int]

    def attempts(self, path: str) -> int:
        """How often a call in doubt is made, at most, where that does no harm."""
        retries = self.effects.of(path).retries
        return MAX_ATTEMPTS if retries is None else retries + 1

    def deferred(self, key: str, path: str, attempt: Attempt, outcome: Outcome) -> Deferred | None:
        """In a run of ours: that a call which led to this outcome is made again, and when."""
        if attempt.unasked or not self._again(path, attempt, outcome):
            return None
        until = self.now() + round(pause(attempt.number) * 1000)
        return Deferred(key, until, attempt.number)

    def _again(self, path: str, attempt: Attempt, outcome: Outcome) -> bool:
        word = self.effects.of(path)
        if word.retries is None and not isinstance(outcome, InDoubt):
            return False
        repeatable = isinstance(outcome, InDoubt) and self.may_repeat(path)
        return attempt.number < self.attempts(path) and word.again(outcome, repeatable=repeatable)

    def of_client(
        self, result: CallResult, path: str, work: Work, attempt: Attempt, most: float
    ) -> tuple[float, Attempt] | None:
        """How long a client waits before the next attempt, and which that is, where nothing was sent at all. `most` is
        the time that its call may take, in seconds.
        """
        if work.driven or attempt.answer is not None or not _unsent(result):
            return None
        if not self._again(path, attempt, NOT_REACHED):
            return None
        until, seconds = attempt.until or time.monotonic() + most, pause(attempt.number)
        if time.monotonic() + seconds >= until:
            return None
        return seconds, Attempt(attempt.number + 1, asked=True, until=until)


def _unsent(result: CallResult) -> bool:
    if isinstance(result, Denied):
        return result.gate == "reachable"
    return isinstance(result, Returned) and isinstance(outcome_from_json(result.outcome), Unsent)
