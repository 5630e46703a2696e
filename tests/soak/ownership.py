"""Whether claims were linearizable: a run had one driver at a time, and only he recorded in it. Pure.

The history is what the database itself noted (`tests.soak.history`), in the order of its commits: each change of a
lease and each event, and which process's connection it came by. It is gone through once, with what a single register
for each run would hold. What no such register could have done is a flaw:

    an epoch that does not follow the one before it, or an owner's name that somebody has had already
    a run that is taken from somebody while his lease lasts, and who was not dead: for he writes later
    a lease that is renewed or let go of by another process, unless it was over or its owner dead
    an event of a driver's by a process that does not hold the run then, be it the one that held it before
    an event whose number is not the next one
    an effect that is begun twice under one key and attempt, or that comes to two ends; a turn with two replies
    two commits that lie within each other

Nothing that a worker says of itself is believed: a driver's name in `Started` must be that of the lease.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Line", "flaws"]

SLACK = 5  # milliseconds by which a process's idea of the server's clock may be off
# What the event log has from those who hold no lease; all else is a driver's.
FROM_OUTSIDE = frozenset(
    {"queued", "decided", "resolved", "limits_raised", "cancelled", "user_spoke", "pinned", "model_chosen"}
    | {"interrupted", "notified", "paused", "resumed"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """`by` is the process whose connection it was, `commit` the transaction, `at` milliseconds by the server's clock.

    A change of the lease of a run has `owner` (None: nobody), `epoch` and `until`; an event has `seq` and its `told`.
    """

    by: str
    commit: int
    at: int
    run_id: str
    owner: str | None = None
    epoch: int = 0
    until: int = 0
    seq: int = 0
    told: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Register:
    owner: str | None = None
    holder: str = ""  # the process
    epoch: int = 0
    until: int = 0
    seq: int = 0
    attempts: dict[str, int] = field(default_factory=dict)  # at effects, by their keys
    open: set[str] = field(default_factory=set)  # keys of effects that have begun and not ended
    answered: int = 0  # the last turn that has its reply


def flaws(history: Iterable[Line]) -> list[str]:
    """What no order of single steps could have led to, in words; nothing where all is well."""
    return list(_Reading().through(history))


class _Reading:
    def __init__(self) -> None:
        self._registers: dict[str, _Register] = {}
        self._names: set[str] = set()  # of owners
        self._gone: dict[str, str] = {}  # processes that somebody took for dead, and where
        self._commits: set[int] = set()
        self._commit = 0

    def through(self, history: Iterable[Line]) -> Iterator[str]:
        for number, line in enumerate(history, 1):
            register = self._registers.setdefault(line.run_id, _Register())
            whats = [*self._order(line), *(_told if line.told is not None else self._leased)(register, line)]
            yield from (f"line {number}, run {line.run_id}: {what}" for what in whats)

    def _order(self, line: Line) -> Iterator[str]:
        if line.by in self._gone:
            yield f"{line.by} writes, who was taken for dead {self._gone[line.by]}"
        if line.commit != self._commit:
            if line.commit in self._commits:
                yield f"commit {line.commit} lies around another one"
            self._commits.add(line.commit)
            self._commit = line.commit

    def _leased(self, register: _Register, line: Line) -> Iterator[str]:
        before = register.owner
        if before is not None and line.by != register.holder and register.until > line.at + SLACK:
            self._gone[register.holder] = f"when {line.by} changed his lease of {line.run_id}"
        if line.epoch != register.epoch:
            yield from self._claimed(register, line)
        elif line.owner is not None and line.owner != before:
            yield f"{line.owner} has it in the epoch {line.epoch}, which is {before}'s"
        elif line.owner is not None and line.by != register.holder:
            yield f"{line.by} renews the lease that {register.holder} has"
        register.owner, register.until = line.owner, line.until

    def _claimed(self, register: _Register, line: Line) -> Iterator[str]:
        if line.epoch != register.epoch + 1:
            yield f"the epoch {line.epoch} follows {register.epoch}"
        if line.owner is None:
            yield f"nobody has it in the new epoch {line.epoch}"
        elif line.owner in self._names:
            yield f"{line.owner} has had a run before"
        self._names.add(line.owner or "")
        register.epoch, register.holder = line.epoch, line.by


def _told(register: _Register, line: Line) -> Iterator[str]:
    told = line.told or {}
    name = str(told["event"])
    if line.seq != register.seq + 1:
        yield f"the event {line.seq} follows {register.seq}"
    register.seq = line.seq
    if name not in FROM_OUTSIDE and (register.owner is None or line.by != register.holder):
        holder = register.holder if register.owner else "nobody"
        yield f"{line.by} records `{name}` in the epoch {register.epoch}, in which {holder} drives it"
    if name == "started" and told["worker"] != register.owner:
        yield f"{told['worker']} has started in the epoch {register.epoch}, which is {register.owner}'s"
    yield from _effect(register, name, told)


def _effect(register: _Register, name: str, told: Mapping[str, Any]) -> Iterator[str]:
    """A call begins once for each attempt, and comes to one end; a turn has one reply."""
    key = str(told.get("key"))
    if name == "admitted":
        attempt, last = int(told["attempt"]), register.attempts.get(key, 0)
        if attempt != last + 1:
            yield f"the attempt {attempt} at {key} follows {last}"
        register.attempts[key] = attempt
        register.open.add(key)
    elif name in ("returned", "resolved"):
        if key not in register.open:
            yield f"{key} is {name}, and is not under way"
        register.open.discard(key)
    elif name == "model_answered" and told["purpose"] == "answer":
        if told["turn"] <= register.answered:
            yield f"the turn {told['turn']} is answered after {register.answered}"
        register.answered = told["turn"]
