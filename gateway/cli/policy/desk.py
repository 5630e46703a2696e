"""What the commands that roll a policy out have before them: its files, what the store knows of it, and who asks."""

import asyncio
import contextlib
import os
import pwd
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.cli.options import Caller

if TYPE_CHECKING:
    from gateway.errors import PolicyError
    from gateway.policy import Policy
    from gateway.policy.files import Source
    from gateway.policy.replica import Replica
    from gateway.policy.version import How, Version
    from gateway.rollout import Paths
    from gateway.store.policies import Draft, PolicyBook

__all__ = ["Desk", "OnDisk", "opened", "short", "waited"]

T = TypeVar("T")

_INTERRUPTED = "a change of several files was interrupted, and can't be finished; see that they may be written"
PATIENCE = 20.0  # seconds for the running processes to take a policy: on a machine that is at its limit they need them


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What the files say now: `policy` if it may be in force, else `problem`. Without `sources`, they can't be read."""

    sources: "tuple[Source, ...]" = ()
    digest: str | None = None
    policy: "Policy | None" = None
    problem: "PolicyError | None" = None


@dataclass(frozen=True, slots=True)
class Desk:
    """`by` is whoever gives the command, by the name that this machine knows."""

    paths: "Paths"
    book: "PolicyBook"
    by: str

    def on_disk(self, in_force: "Version | None", *, force: bool = False) -> OnDisk:
        """What the files say, looked at as a running gateway looks at it; `force`: as if it had been accepted."""
        from gateway.errors import PolicyError, Problem
        from gateway.policy.files import is_being_written, journal_of, read_sources, shown
        from gateway.policy.load import digest_of
        from gateway.policy.taking import take

        if is_being_written(self.paths.policy):
            journal = shown(journal_of(self.paths.policy))
            return OnDisk(problem=PolicyError([Problem(journal, 0, 0, _INTERRUPTED)]))
        try:
            sources = (*read_sources(self.paths.model), *read_sources(self.paths.policy))
        except PolicyError as problem:
            return OnDisk(problem=problem)
        digest = digest_of(sources[0], sources[1:])
        accepted = self.book.accepted() | ({digest} if force else set())
        before = in_force.before(self.paths.model, self.paths.policy) if in_force else None
        try:
            return OnDisk(sources, digest, take(sources, before, accepted))
        except PolicyError as problem:
            return OnDisk(sources, digest, None, problem)

    def draft(self, found: OnDisk, how: "How") -> "Draft":
        """What is on disk, to be kept; in force if it may be, so that a rollback finds it."""
        from gateway.policy.taking import Size
        from gateway.policy.version import Files
        from gateway.store.policies import Draft

        size = Size.of(found.policy) if found.policy else Size(0, 0)
        files, folder = Files.of(found.sources), self.paths.policy.is_dir()
        return Draft(found.digest or "", how, self.by, size, folder, files, found.policy is not None)

    def running(self) -> "list[Replica]":
        """The processes that decide by this policy, as far as they have reported and are not known to be dead."""
        from gateway.store.lease import is_dead

        now = self.book.now()
        return [it for it in self.book.replicas() if not it.silent(now) and not is_dead(it.id)]

    def write(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for something to be kept. Raises StoreError."""
        return asyncio.run(work)


@contextlib.contextmanager
def opened(caller: Caller, *, looks: bool = False) -> Iterator[Desk]:
    """The policy itself may be broken. What a command began that was killed is finished first. A store that a command
    only `looks` at stays of the version that it is of.

    Raises ConfigError and StoreError.
    """
    from gateway.errors import TooOld
    from gateway.policy.writing import finish
    from gateway.rollout import Paths
    from gateway.store.opening import open_store

    config = caller.config()
    paths = Paths(config.policy.model, config.policy.files)
    with contextlib.suppress(OSError):  # then the command itself says what is wrong
        finish(paths.model, paths.policy)
    try:
        store = open_store(config, as_it_is=looks)
    except TooOld:  # nothing is in it yet
        store = open_store(config)
    try:
        yield Desk(paths, store.policies(paths.policy, config.policy.kept_versions), _by())
    finally:
        store.close()


def waited(desk: Desk, digest: str) -> "list[Replica]":
    """Waits for every running process to take the policy; returns those that have not."""
    until = time.monotonic() + PATIENCE
    while late := [it for it in desk.running() if it.digest != digest]:
        if time.monotonic() > until:
            return late
        time.sleep(0.05)
    return []


def short(digest: str) -> str:
    """So much of it that people can tell it from others."""
    return digest[:12]


def _by() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
