"""What a process that decides does about its policy, beside deciding: once a second, and never on the path of a call.

It keeps each version that comes into force, takes what people have accepted, compares a candidate with what is in force
on the decisions that are made, reports which policy it runs, and tells telemetry of an edit that was taken or refused.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import PolicyError, StoreError
from gateway.policy import Decision, LivePolicy, Policy, Query
from gateway.policy.files import owner_of, shown
from gateway.policy.live import LOSES, Caution
from gateway.policy.load import build
from gateway.policy.replica import BEAT, Replica
from gateway.policy.shadow import Candidate, Heard, Tally, compare
from gateway.policy.version import Files, How
from gateway.policy.writing import finish
from gateway.store.lease import owner_name
from gateway.store.policies import Draft, PolicyBook
from gateway.telemetry import Telemetry
from gateway.tracing import reloaded

__all__ = ["LOOK", "QUIET", "TICK", "Paths", "Rollout", "open_policy", "rolled_out"]

LOOK = 0.0  # seconds: each decision looks whether the files have changed
QUIET = 0.05  # seconds that nobody has written to a file that is read; whoever decides meanwhile waits for it
TICK = 1.0  # seconds between two looks at the store
SHADOW_TICK = 0.25  # the same while there is a candidate
LASTING = ("serve", "worker")  # kinds of processes that are known from their first look on
MOST_HEARD = 2_000  # decisions that wait to be compared
_BATCH = 100  # of them, between which others have their turn

log = logging.getLogger("toolgate.policy")


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the policy stands: its model, and its file or folder."""

    model: Path
    policy: Path


def open_policy(paths: Paths, book: PolicyBook, built: Policy | None = None) -> LivePolicy:
    """The policy as its files say, or, if they can't be used, as it was in force last. `built` as for `Caution`.

    Raises PolicyError if nothing was ever in force, and StoreError.
    """
    _finish(paths)
    kept = book.in_force()
    before = kept.before(paths.model, paths.policy) if kept else None
    caution = Caution(QUIET, LOSES, before, book.accepted(), built)
    return LivePolicy(paths.model, paths.policy, every=LOOK, caution=caution)


@contextlib.asynccontextmanager
async def rolled_out(rollout: "Rollout") -> AsyncIterator[None]:
    """While this lasts, it is seen to."""
    await rollout.begin()
    task = asyncio.create_task(rollout.run(), name="toolgate.policy")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await rollout.end()


class Rollout:
    """One process's part. `kind` says what it is, such as `serve`."""

    def __init__(self, live: LivePolicy, book: PolicyBook, paths: Paths, telemetry: Telemetry, kind: str) -> None:
        self._live, self._book, self._paths, self._telemetry, self._kind = live, book, paths, telemetry, kind
        self._id, self._started = owner_name(), self._book.now()
        self._kept: str | None = None  # the digest that is known to be in the store
        self._since, self._told = self._started, ""
        self._reported: Replica | None = None
        self._candidate: tuple[Candidate, Policy | None] | None = None
        self._heard: deque[Heard] = deque()
        self._unheard = 0
        self._trouble = ""
        self.also: list[Callable[[], None]] = []  # what else is to be looked after; never raises

    async def begin(self) -> None:
        """The first look. What serves or works is known by it: whoever has seen it start may `policy reload` at once.
        Of others nothing is reported yet: most commands are over before that.
        """
        await self.look(report=self._kind in LASTING)

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await asyncio.sleep(SHADOW_TICK if self._candidate else TICK)
            for look in self.also:
                look()
            await self.look()

    async def end(self) -> None:
        """Compares what waits, and takes leave."""
        with contextlib.suppress(StoreError):
            await self._compare()
            if self._reported is not None:
                await self._book.leave(self._id)

    async def look(self, *, report: bool = True) -> None:
        """Sees to everything once. Whatever is wrong here, calls are decided; it is said once."""
        try:
            await self._see_to_it(report=report)
        except StoreError as error:
            if self._trouble != str(error):
                log.warning("the policy's versions can't be kept: %s", error)
            self._trouble = str(error)
        except Exception:
            log.exception("the policy can't be looked after")
        else:
            self._trouble = ""

    async def _see_to_it(self, *, report: bool) -> None:
        _finish(self._paths)
        accepted = await self._book.look(self._book.accepted)
        self._live.accept(accepted)
        policy = await self._live.settled()
        problem = self._live.problem
        newest = None if problem is None else await self._book.look(self._book.in_force_digest)
        if newest is not None:
            self._live.accept({newest})  # another process has taken it, from what was in force in between
        await self._keep(policy, accepted)
        self._tell(policy, problem)
        await self._follow()
        await self._compare()
        if report:
            await self._report(problem)

    async def _keep(self, policy: Policy, accepted: frozenset[str]) -> None:
        in_force = self._live.in_force
        if in_force.digest == self._kept:
            return
        how: How = "started" if self._kept is None else "forced" if policy.digest in accepted else "edited"
        files, folder = Files.of(in_force.sources), self._paths.policy.is_dir()
        draft = Draft(in_force.digest, how, owner_of(self._paths.policy), in_force.size, folder, files)
        await self._book.keep(draft)
        self._since = self._since if self._kept is None else self._book.now()
        self._kept = in_force.digest

    def _tell(self, policy: Policy, problem: PolicyError | None) -> None:
        """Telemetry hears of each edit once, whether it was taken or not."""
        said = f"{policy.digest} {problem}"
        if said != self._told and (self._told or problem is not None):
            self._telemetry.emit(reloaded(policy.digest, len(policy.rules), problem, time.time_ns()))
        self._told = said

    # ---- the candidate

    async def _follow(self) -> None:
        """A candidate is compared from the next decision on, until it is taken away."""
        digest = await self._book.look(self._book.candidate_digest)
        if digest == (self._candidate[0].digest if self._candidate else None):
            return
        candidate = await self._book.look(self._book.candidate) if digest else None
        self._candidate = (candidate, self._built(candidate)) if candidate else None
        self._heard.clear()
        self._live.overheard(self._hear if self._candidate and self._candidate[1] else None)

    def _built(self, candidate: Candidate) -> Policy | None:
        model, *files = candidate.files.sources(self._paths.model, self._paths.policy, folder=candidate.folder)
        try:
            return build(model, sources=files, hollow=True)
        except PolicyError as error:  # as this version of Toolgate reads it
            log.warning("the candidate can't be used, and nothing is compared with it: %s", error)
            return None

    def _hear(self, query: Query, decision: Decision) -> None:
        if len(self._heard) < MOST_HEARD:
            self._heard.append((query, decision))
        else:
            self._unheard += 1

    async def _compare(self) -> None:
        while self._candidate and self._candidate[1] and (self._heard or self._unheard):
            candidate, policy = self._candidate[0], self._candidate[1]
            batch = [self._heard.popleft() for _ in range(min(_BATCH, len(self._heard)))]
            found = compare(policy, batch, self._book.now())
            unheard, self._unheard = self._unheard, 0
            tally = Tally(found.seen, found.differed, found.failed, unheard, found.found)
            await self._book.count(candidate.digest, tally)
            await asyncio.sleep(0)

    # ---- who runs what

    async def _report(self, problem: PolicyError | None) -> None:
        now, why = self._book.now(), str(problem) if problem else None
        candidate = self._candidate[0].digest if self._candidate and self._candidate[1] else None
        digest = self._live.in_force.digest
        replica = Replica(
            self._id, self._book.place, self._kind, self._started, digest, self._since, now, why, candidate
        )
        last = self._reported
        if (
            last is None
            or now - last.beat >= BEAT
            or (digest, why, candidate)
            != (
                last.digest,
                last.problem,
                last.candidate,
            )
        ):
            await self._book.report(replica)
            self._reported = replica


def _finish(paths: Paths) -> None:
    """What a command began that was killed is finished by whoever comes next."""
    try:
        if finish(paths.model, paths.policy):
            log.warning("%s: a change that was interrupted has been finished", shown(paths.policy))
    except OSError as error:
        log.warning("%s: a change was interrupted, and can't be finished: %s", shown(paths.policy), error.strerror)
