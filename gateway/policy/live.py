"""The policy in force while its files are being edited.

A new policy is built aside and takes the old one's place as one reference: a decision sees the one or the other whole.
An edit that can't be used, or may not take the place of what is in force (`taking`), changes nothing, and says so in
`problem`. A file is read when nobody has written to it for a moment: an editor may empty it first. Until then the edit
is `coming`, and whoever decides waits for it (`settled`), so that it counts from the next decision on. Reading twice
guards against a file that changed within the same tick of the file system's clock: until a reading has settled, the
content is compared and not the stamp.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.errors import PolicyError
from gateway.policy.decide import Hear, Policy
from gateway.policy.files import Source, Stamp, is_being_written, newest_of, read_sources, stamp_of
from gateway.policy.taking import InForce, Size, restrictions, take

__all__ = ["LONGEST", "LOSES", "SETTLES", "Caution", "Coming", "LivePolicy"]

log = logging.getLogger("toolgate.policy")

SETTLES = 0.1  # seconds; file systems' clocks tick every 10 ms or less (ext4, xfs, btrfs, APFS, NTFS)
LONGEST = 1.0  # seconds that a file which is written to without a pause is left alone
LOSES = 2.0  # seconds for which a file that was written in place, and lost a line that restricts, may still be growing
AGAIN = 0.01  # seconds between two looks of somebody who waits for an edit

Stamps = tuple[Stamp, Stamp]


@dataclass(frozen=True, slots=True)
class Caution:
    """How carefully edits are taken.

    `quiet` is how many seconds a file must have been left alone; `loses`, how many one that was written in place (not
    renamed) and has lost an `ask`, `deny` or `o` line: who writes in two halves has lost the second one for a while.
    `before` is what was in force when the process before this one ended: it stays in force if the files can't be used
    now. `accepted` are digests that a person has accepted. `built` is what was read of these files a moment ago, if
    anything was: to build a policy of a thousand lines takes 3 MB, and they stay.
    """

    quiet: float = 0.0
    loses: float = 0.0
    before: InForce | None = None
    accepted: Collection[str] = ()
    built: Policy | None = None


@dataclass(frozen=True, slots=True)
class Coming:
    """An edit that was seen and is not in force yet: it will be in a moment, or be refused.

    `policy` is what it says if it was read already, and may only still be growing.
    """

    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, when, and what came of it. `content` None: it could not be read."""

    stamps: Stamps
    content: tuple[Source, ...] | None
    in_force: InForce
    policy: Policy
    problem: PolicyError | None
    settled: float  # from this moment on, an equal stamp means equal content


@dataclass(frozen=True, slots=True)
class _Unrest:
    """Stamps that are new: since when they are these, and since when they change."""

    stamps: Stamps
    since: float
    begun: float


@dataclass(frozen=True, slots=True)
class _Held:
    """Stamps of files that lost lines, what they say, and until when they may still be growing."""

    stamps: Stamps
    until: float
    coming: Coming


class LivePolicy:
    """`current` is the policy in force; an edit counts from the next time it is asked for. On an event loop ask
    `glance` and, where something is `coming`, wait for `settled`: to read ten thousand lines takes half a second.

    `every` seconds at most the files are looked at (0: each time; that costs a few microseconds on a local disk), by
    one thread while the others go on with what they have. `clock` is monotonic, in seconds. Safe between threads.
    Raises PolicyError if the first reading can't be used, and nothing was in force before.
    """

    def __init__(
        self,
        model: str | Path,
        policy: str | Path,
        *,
        every: float = 0.0,
        caution: Caution = Caution(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = Path(model), Path(policy)
        self._every, self._quiet, self._clock = every, caution.quiet, clock
        self._loses = caution.loses
        self._held: _Held | None = None
        self._accepted = frozenset(caution.accepted)
        self._looking = threading.Lock()
        self._due = clock() + every
        self._unrest: _Unrest | None = None
        self._coming: Coming | None = None
        self._seen_at = -math.inf  # when the last look began that saw all there was
        self._missed = self._answered = object()  # the last glance that found others looking, and the last one answered
        self._hear: Hear | None = None
        self._reading = self._first(caution.before, caution.built)
        if self._reading.problem is not None:
            _tell(self._reading.problem, self._reading.in_force)

    @property
    def current(self) -> Policy:
        """The last good policy. Never raises."""
        if self._clock() >= self._due:
            self._look()
        return self._reading.policy

    @property
    def glance(self) -> Policy:
        """The same, without reading what has changed: that is `coming` then. Never waits, never raises."""
        now = self._clock()
        if now < self._due:
            return self._reading.policy
        if not self._looking.acquire(blocking=False):  # who is looking may have begun before the edit
            self._missed = object()
            return self._reading.policy
        try:
            self._answered = self._missed
            self._coming = self._seen(now)
            self._seen_at = now
        finally:
            self._looking.release()
        return self._reading.policy

    def glance_since(self, moment: float) -> Policy:
        """The same for something that came at this moment of the clock: a look that began later has seen every edit
        that was made before it came. So those that came together are judged by one look.
        """
        return self._reading.policy if moment < self._seen_at else self.glance

    @property
    def coming(self) -> Coming | None:
        """What was seen when the files were last looked at, and is not in force yet; None nearly always.

        A `glance` while others look sees nothing: until a look that begins after it is over, there may be an edit.
        """
        return self._coming if self._missed is self._answered else self._coming or Coming()

    async def settled(self, same: Callable[[Policy], bool] = lambda _: False) -> Policy:
        """The policy in force, once an edit that is under way has been taken or refused. Never raises.

        It is read in a thread. One that has been read, and may only still be growing, is not waited for if it is the
        `same` to who asks. It waits no longer than an edit may take: whoever is killed while he edits stops nobody.
        """
        policy, looks = self.glance, 0
        while (coming := self.coming) is not None and looks < (LONGEST + self._loses) / AGAIN:
            if coming.policy is not None and same(coming.policy):
                break
            if looks:
                await asyncio.sleep(AGAIN)
            looks += not self._looking.locked()  # what is being read is waited for
            await asyncio.to_thread(self._look)
            policy = self._reading.policy
        return policy

    @property
    def problem(self) -> PolicyError | None:
        """What is wrong with the files as they are now; None if they are what is in force."""
        self._look()
        return self._reading.problem

    @property
    def in_force(self) -> InForce:
        """Digest, size and files of the last good policy, as it was when the files were last looked at."""
        return self._reading.in_force

    def accept(self, digests: Collection[str]) -> None:
        """What a person has accepted is taken at the next look, however little of the policy it leaves."""
        if self._accepted.issuperset(digests):
            return
        with self._looking:
            self._accepted |= frozenset(digests)
            self._reading = replace(self._reading, stamps=((), ()), content=None)
            self._held = None
            self._due = self._clock()

    def overheard(self, hear: Hear | None) -> None:
        """From the next decision on, `hear` is told of each; None: nobody is, and it costs nothing."""
        with self._looking:
            self._hear = hear
            self._reading = replace(self._reading, policy=self._reading.policy.overheard(hear))

    def _seen(self, now: float) -> Coming | None:
        last, stamps = self._reading, self._stamps()
        if stamps == last.stamps and now >= last.settled:
            return None
        held = self._held
        return held.coming if held is not None and held.stamps == stamps and now < held.until else Coming()

    def _look(self) -> None:
        now = self._clock()
        if now < self._due or not self._looking.acquire(blocking=False):
            return
        try:
            self._due = now + self._every
            before, missed = self._reading, self._missed
            self._reading, self._coming = self._next(now)
            self._answered = missed
        finally:
            self._looking.release()
        if self._reading is before:
            return
        if str(self._reading.problem) != str(before.problem):
            _tell(self._reading.problem, self._reading.in_force)
        for file in _gone(before.in_force, self._reading.in_force):
            log.warning("%s is gone, and what it said is policy no more", file)

    def _first(self, before: InForce | None, built: Policy | None) -> _Reading:
        """There is nobody yet who could wait for an edit that is under way: it is waited for here."""
        now, stamps = self._clock(), self._stamps()
        sources: tuple[Source, ...] | None = None
        try:
            sources = self._read()
            policy = take(sources, before, self._accepted, built)
            if before is not None and (seconds := self._unrested(stamps, policy, before)):
                time.sleep(seconds)
                stamps, sources = self._stamps(), self._read()
                policy = take(sources, before, self._accepted)
            return self._taken(stamps, sources, policy, now)
        except PolicyError as problem:
            if before is None:
                raise
            try:
                policy = take(before.sources, before)
            except PolicyError:  # as this version of Toolgate reads it
                raise problem from None
            return _Reading(stamps, sources, before, policy, problem, now + SETTLES)

    def _unrested(self, stamps: Stamps, policy: Policy, before: InForce) -> float:
        """For how many seconds files that say another policy than the one before may still be written to."""
        age = time.time() - max(newest_of(found, ()) for found in stamps)
        if policy.digest == before.digest or policy.digest in self._accepted or not 0 <= age < self._loses:
            return 0.0
        try:
            loses = _loses(take(before.sources, before), policy)
        except PolicyError:  # as this version of Toolgate reads it
            loses = False
        return max(0.0, (self._loses if loses else self._quiet) - age)

    def _next(self, now: float) -> tuple[_Reading, Coming | None]:
        last, stamps = self._reading, self._stamps()
        if stamps == last.stamps and now >= last.settled:
            self._unrest = None
            return last, None
        if stamps != last.stamps and (coming := self._under_way(stamps, now)):
            return last, coming
        settled = now + SETTLES if stamps != last.stamps else last.settled
        try:
            sources = self._read()
        except PolicyError as problem:
            return replace(last, stamps=stamps, content=None, problem=problem, settled=settled), None
        if sources == last.content:
            return replace(last, stamps=stamps, settled=settled), None
        try:
            policy = take(sources, last.in_force, self._accepted)
        except PolicyError as problem:
            return replace(last, stamps=stamps, content=sources, problem=problem, settled=now + SETTLES), None
        if coming := self._growing(stamps, policy, now):
            return last, coming
        return self._taken(stamps, sources, policy, now), None

    def _taken(self, stamps: Stamps, sources: tuple[Source, ...], policy: Policy, now: float) -> _Reading:
        in_force = InForce(policy.digest, Size.of(policy), sources)
        policy = policy.overheard(self._hear) if self._hear else policy
        return _Reading(stamps, sources, in_force, policy, None, now + SETTLES)

    def _under_way(self, stamps: Stamps, now: float) -> Coming | None:
        """The edit that made these stamps, if it may not be over."""
        held = self._held
        if held is not None and held.stamps == stamps and now < held.until:
            return held.coming
        return None if self._rests(stamps, now) else Coming()

    def _growing(self, stamps: Stamps, policy: Policy, now: float) -> Coming | None:
        """The edit, if it was written in place and has lost lines that restrict, which may come back in a moment."""
        last, held = self._reading, self._held
        if not self._loses or policy.digest in self._accepted or (held and held.stamps == stamps):
            return None
        written = max((_written(mine, then) for mine, then in zip(stamps, last.stamps, strict=True)), default=0)
        left = min(self._loses, written + self._loses - time.time())
        if left <= 0 or not _loses(last.policy, policy):
            return None
        self._held = _Held(stamps, now + left, Coming(policy))
        return self._held.coming

    def _rests(self, stamps: Stamps, now: float) -> bool:
        """Whether nobody has touched the files for a moment, and no promotion is under way that touches several."""
        if is_being_written(self._paths[1]):
            return False
        before = self._unrest
        if before is None or before.stamps != stamps:
            self._unrest = before = _Unrest(stamps, now, before.begun if before else now)
        fresh = [newest_of(found, then) for found, then in zip(stamps, self._reading.stamps, strict=True)]
        old = all(stamps) and max(fresh) <= time.time() - self._quiet
        rests = old or now - before.since >= self._quiet or now - before.begun >= LONGEST
        if rests:
            self._unrest = None
        return rests

    def _stamps(self) -> Stamps:
        model, policy = self._paths
        return stamp_of(model), stamp_of(policy)

    def _read(self) -> tuple[Source, ...]:
        model, policy = self._paths
        return (*read_sources(model), *read_sources(policy))


def _loses(before: Policy, now: Policy) -> bool:
    return not restrictions(before) <= restrictions(now)


def _written(now: Stamp, then: Stamp) -> float:
    """When the last of the files was written in place that are not as they were, in seconds since 1970; 0 for none.
    Where nobody knows how they were, each may have been.
    """
    before = {file[0]: file for file in then or now}
    old = [file for file in now if file[0] in before and before[file[0]][3] == file[3]]
    return max((file[2] for file in old if not then or before[file[0]] != file), default=0) / 1e9


def _gone(before: InForce, now: InForce) -> list[str]:
    """The files of which the policy in force was made, and is no more."""
    return sorted({source.file for source in before.sources} - {source.file for source in now.sources})


def _tell(problem: PolicyError | None, in_force: InForce) -> None:
    """Once for each broken edit, and once when it is mended: nobody may believe that an edit holds that does not."""
    if problem is None:
        log.warning("the policy is in force again as it stands in its files")
        return
    log.error("the policy's files are refused, and the last good one stays in force (%s)", in_force.digest[:12])
    for found in problem.problems:
        log.error("%s", found)
