"""The policy in force while its files are being edited.

A new policy is built aside and takes the old one's place as one reference: a decision sees the one or the other whole.
An edit that can't be used changes nothing, and says so in `problem`. Reading twice guards against a file that changed
within the same tick of the file system's clock: until a reading has settled, the content is compared and not the stamp.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import PolicyError
from gateway.policy.decide import Policy
from gateway.policy.files import Source, Stamp, read_sources, stamp_of
from gateway.policy.load import build

__all__ = ["SETTLES", "LivePolicy"]

log = logging.getLogger("toolgate.policy")

SETTLES = 0.1  # seconds; file systems' clocks tick every 10 ms or less (ext4, xfs, btrfs, APFS, NTFS)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, when, and what came of it. `content` None: it could not be read."""

    stamps: tuple[Stamp, Stamp]
    content: tuple[Source, ...] | None
    policy: Policy
    problem: PolicyError | None
    settled: float  # from this moment on, an equal stamp means equal content


class LivePolicy:
    """`current` is the policy in force; an edit counts from the next time it is asked for.

    `every` seconds at most the files are looked at (0: each time; that costs a few microseconds on a local disk), by
    one thread while the others go on with what they have. `clock` is monotonic, in seconds. Safe between threads.
    Raises PolicyError if the first reading can't be used.
    """

    def __init__(
        self,
        model: str | Path,
        policy: str | Path,
        *,
        every: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = Path(model), Path(policy)
        self._every, self._clock = every, clock
        self._looking = threading.Lock()
        self._due = clock() + every
        stamps = self._stamps()
        sources = self._read()
        self._reading = _Reading(stamps, sources, _built(sources), None, clock() + SETTLES)

    @property
    def current(self) -> Policy:
        """The last good policy. Never raises."""
        self._look()
        return self._reading.policy

    @property
    def problem(self) -> PolicyError | None:
        """What is wrong with the files as they are now; None if they are what is in force."""
        self._look()
        return self._reading.problem

    def _look(self) -> None:
        now = self._clock()
        if now < self._due or not self._looking.acquire(blocking=False):
            return
        try:
            self._due = now + self._every
            before, self._reading = self._reading, self._next(now)
        finally:
            self._looking.release()
        if str(self._reading.problem) != str(before.problem):
            _tell(self._reading.problem)
        for file in _gone(before.stamps[1], self._reading.stamps[1]):
            log.warning("%s is gone, and what it said is policy no more", file)

    def _next(self, now: float) -> _Reading:
        last, stamps = self._reading, self._stamps()
        if stamps == last.stamps and now >= last.settled:
            return last
        settled = now + SETTLES if stamps != last.stamps else last.settled
        try:
            sources = self._read()
        except PolicyError as problem:
            return _Reading(stamps, None, last.policy, problem, settled)
        if sources == last.content:
            return _Reading(stamps, sources, last.policy, last.problem, settled)
        try:
            return _Reading(stamps, sources, _built(sources), None, now + SETTLES)
        except PolicyError as problem:
            return _Reading(stamps, sources, last.policy, problem, now + SETTLES)

    def _stamps(self) -> tuple[Stamp, Stamp]:
        model, policy = self._paths
        return stamp_of(model), stamp_of(policy)

    def _read(self) -> tuple[Source, ...]:
        model, policy = self._paths
        return (*read_sources(model), *read_sources(policy))


def _built(sources: tuple[Source, ...]) -> Policy:
    return build(sources[0], sources=sources[1:])


def _gone(before: Stamp, now: Stamp) -> list[str]:
    """The files that a folder held and holds no more. Where nothing can be looked at, `problem` says so."""
    left = {name for name, *_ in now}
    return [name for name, *_ in before if now and name not in left]


def _tell(problem: PolicyError | None) -> None:
    """Once for each broken edit, and once when it is mended: nobody may believe that an edit holds that does not."""
    if problem is None:
        log.warning("the policy is in force again as it stands in its files")
        return
    log.warning("the edited policy is refused, and the last good one stays in force")
    for found in problem.problems:
        log.warning("%s", found)
