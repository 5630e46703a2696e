"""Policies: versions, what was accepted, the candidate, and who runs which. The caller begins and commits.

`PolicyBook` is what the rest of the program sees of it, for one place: the path of the policy's files. Its reads are
point look-ups, and wait for nobody.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from gateway.errors import StoreError
from gateway.policy.replica import FORGOTTEN_AFTER, Replica
from gateway.policy.shadow import MOST, Candidate, Difference, Found, Tally
from gateway.policy.taking import Size
from gateway.policy.version import Files, How, Version
from gateway.store.ledger import Ledger

__all__ = ["KEPT", "KEPT_BYTES", "Draft", "PolicyBook"]

T = TypeVar("T")

KEPT = 100  # versions of one place
KEPT_BYTES = 64_000_000  # of their files, together; the two newest are kept whatever they weigh
_ACCEPTED = 20

_VERSION = "SELECT number, digest, how, by, at, lines, restricting, in_force, folder, files FROM policy_versions"
_NEWEST = "SELECT digest FROM policy_versions WHERE place = ? AND in_force <> 0 ORDER BY number DESC LIMIT 1"
_CANDIDATE = "SELECT digest, base, by, at, folder, files FROM policy_candidates WHERE place = ?"
_TALLY = "SELECT seen, differed, failed, unheard FROM policy_candidates WHERE place = ?"
_REPLICA = "SELECT id, place, kind, started, digest, since, beat, problem, candidate FROM policy_processes"
_KEEP = (
    "INSERT INTO policy_versions (place, digest, how, by, at, lines, restricting, in_force, folder, files, number)"
    " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(number), 0) + 1 FROM policy_versions WHERE place = ?"
)
_FORGET = """
DELETE FROM policy_versions WHERE place = :place AND number IN (
  SELECT number FROM (
    SELECT number, row_number() OVER newest AS nth, sum(length(files)) OVER newest AS bytes
    FROM policy_versions WHERE place = :place WINDOW newest AS (ORDER BY number DESC)
  ) AS ranked WHERE nth > :kept OR (nth > 2 AND bytes > :bytes)
) AND number <> (SELECT max(number) FROM policy_versions WHERE place = :place AND in_force <> 0)
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A version that is to be kept."""

    digest: str
    how: How
    by: str
    size: Size
    folder: bool
    files: Files
    in_force: bool = True


class Access(Protocol):
    """A store, as far as it is needed here. `reading` is a look at it that keeps nobody waiting, `write` a transaction,
    `now` in milliseconds.
    """

    def read(self, sql: str, *parameters: Any) -> Sequence[Any]: ...

    def reading(self, look: Callable[[], T]) -> Awaitable[T]: ...

    def write(self, work: Callable[[Ledger], T]) -> Awaitable[T]: ...

    def now(self) -> int: ...


class PolicyBook:
    """What is kept about the policy at one place, with the newest `kept` of its versions (2 at least). Every method may
    raise StoreError.
    """

    def __init__(self, access: Access, place: str, kept: int = KEPT) -> None:
        self._access, self.place, self._kept = access, place, kept
        self.now = access.now

    async def look(self, at: Callable[[], T]) -> T:
        """One of the reads below, for who shares an event loop: it waits for a database elsewhere in a thread."""
        return await self._access.reading(at)

    # ---- versions

    def in_force(self) -> Version | None:
        """The version that came into force last."""
        return next(iter(self._versions("AND in_force <> 0 ORDER BY number DESC LIMIT 1")), None)

    def in_force_digest(self) -> str | None:
        rows = self._access.read(_NEWEST, self.place)
        return rows[0][0] if rows else None

    def previous(self) -> Version | None:
        """The newest that was in force, or stood in the files and could have been, and says something else than the one
        that is.
        """
        rest = f"AND in_force <> 0 AND digest <> ({_NEWEST}) ORDER BY number DESC LIMIT 1"
        return next(iter(self._versions(rest, self.place)), None)

    def versions(self) -> Sequence[Version]:
        """The newest first."""
        return self._versions("ORDER BY number DESC")

    def version(self, digest: str) -> Version:
        """The newest whose digest begins so. Raises StoreError when there is none, or more than one digest does."""
        begin = digest.lower()
        found = self._versions("AND substr(digest, 1, length(?)) = ? ORDER BY number DESC", begin, begin)
        if not found or len({version.digest for version in found}) > 1:
            what = "more than one version has" if found else "there is no version with"
            raise StoreError(f"{what} a digest that begins with `{digest}`; `toolgate policy versions` lists them")
        return found[0]

    async def keep(self, draft: Draft) -> bool:
        """Keeps a version, unless the newest says the same; says whether it did. The oldest go."""
        return await self._access.write(lambda db: _keep(db, self.place, draft, self._access.now(), self._kept))

    def _versions(self, rest: str, *parameters: Any) -> Sequence[Version]:
        rows = self._access.read(f"{_VERSION} WHERE place = ? {rest}", self.place, *parameters)
        return [_version(row) for row in rows]

    # ---- what a person has accepted

    def accepted(self) -> frozenset[str]:
        """Digests that may come into force however little they leave."""
        rows = self._access.read("SELECT digest FROM policy_accepted WHERE place = ?", self.place)
        return frozenset(digest for (digest,) in rows)

    async def accept(self, digest: str, by: str) -> None:
        """Says that a policy is meant."""
        await self._access.write(lambda db: _accept(db, self.place, digest, by, self._access.now()))

    # ---- the candidate

    def candidate_digest(self) -> str | None:
        rows = self._access.read("SELECT digest FROM policy_candidates WHERE place = ?", self.place)
        return rows[0][0] if rows else None

    def candidate(self) -> Candidate | None:
        rows = self._access.read(_CANDIDATE, self.place)
        return _candidate(rows[0]) if rows else None

    def tally(self) -> Tally:
        """What has been found of the candidate by all processes, the most frequent first."""
        counts = self._access.read(_TALLY, self.place)
        if not counts:
            return Tally()
        select = "SELECT difference, count, first, last, sample FROM policy_differences WHERE place = ?"
        found = self._access.read(f"{select} ORDER BY count DESC, difference", self.place)
        rows = (Found(Difference(**json.loads(text)), *seen) for text, *seen in found)
        seen, differed, failed, unheard = counts[0]
        return Tally(seen, differed, failed, unheard, tuple(rows))

    async def shadow(self, candidate: Candidate) -> None:
        """Puts a candidate beside the policy, in the place of one that may be there; counts from 0."""
        await self._access.write(lambda db: _shadow(db, self.place, candidate))

    async def unshadow(self) -> bool:
        """Takes the candidate away; says whether there was one."""
        return await self._access.write(lambda db: _unshadow(db, self.place))

    async def count(self, digest: str, tally: Tally) -> None:
        """Adds what one process has found of this candidate."""
        await self._access.write(lambda db: _count(db, self.place, digest, tally))

    # ---- who runs what

    def replicas(self) -> Sequence[Replica]:
        """Those that have reported lately, the oldest first."""
        rows = self._access.read(f"{_REPLICA} WHERE place = ? ORDER BY started, id", self.place)
        return [Replica(*row) for row in rows]

    async def report(self, replica: Replica) -> None:
        """Says that a process is there; who has not reported for a day is forgotten."""
        await self._access.write(lambda db: _report(db, replica))

    async def leave(self, replica_id: str) -> None:
        """A process ends."""
        await self._access.write(lambda db: db.execute("DELETE FROM policy_processes WHERE id = ?", (replica_id,)))


def _version(row: Sequence[Any]) -> Version:
    number, digest, how, by, at, lines, restricting, in_force, folder, files = row
    size = Size(lines, restricting, None)
    return Version(number, digest, how, by, at, size, bool(in_force), bool(folder), Files.from_text(files))


def _candidate(row: Sequence[Any]) -> Candidate:
    digest, base, by, at, folder, files = row
    return Candidate(digest, base, by, at, bool(folder), Files.from_text(files))


def _keep(db: Ledger, place: str, draft: Draft, now: int, kept: int) -> bool:
    which = "in_force <> 0 ORDER BY number DESC LIMIT 1" if draft.in_force else "digest = ?"
    known = (place,) if draft.in_force else (place, draft.digest)
    same = db.execute(f"SELECT digest FROM policy_versions WHERE place = ? AND {which}", known).fetchone()  # noqa: S608
    if same is not None and same[0] == draft.digest:
        return False
    row = (place, draft.digest, draft.how, draft.by, now, draft.size.lines, draft.size.restricting)
    db.execute(_KEEP, (*row, draft.in_force, draft.folder, draft.files.to_text(), place))
    db.execute(_FORGET, {"place": place, "kept": kept, "bytes": KEPT_BYTES})
    return True


def _accept(db: Ledger, place: str, digest: str, by: str, now: int) -> None:
    db.execute(
        "INSERT INTO policy_accepted VALUES (?, ?, ?, ?)"
        " ON CONFLICT (place, digest) DO UPDATE SET by = excluded.by, at = excluded.at",
        (place, digest, by, now),
    )
    db.execute(
        "DELETE FROM policy_accepted WHERE place = ? AND digest NOT IN"
        " (SELECT digest FROM policy_accepted WHERE place = ? ORDER BY at DESC, digest LIMIT ?)",
        (place, place, _ACCEPTED),
    )


def _shadow(db: Ledger, place: str, it: Candidate) -> None:
    _unshadow(db, place)
    db.execute(
        "INSERT INTO policy_candidates (place, digest, base, by, at, folder, files) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (place, it.digest, it.base, it.by, it.at, it.folder, it.files.to_text()),
    )


def _unshadow(db: Ledger, place: str) -> bool:
    db.execute("DELETE FROM policy_differences WHERE place = ?", (place,))
    return db.execute("DELETE FROM policy_candidates WHERE place = ?", (place,)).rowcount > 0


def _count(db: Ledger, place: str, digest: str, tally: Tally) -> None:
    """Nothing of a candidate that is there no more."""
    done = db.execute(
        "UPDATE policy_candidates SET seen = seen + ?, differed = differed + ?, failed = failed + ?,"
        " unheard = unheard + ? WHERE place = ? AND digest = ?",
        (tally.seen, tally.differed, tally.failed, tally.unheard, place, digest),
    )
    if done.rowcount:
        for found in tally.found:
            _count_one(db, place, found)


def _count_one(db: Ledger, place: str, found: Found) -> None:
    text = json.dumps(asdict(found.difference))
    done = db.execute(
        "UPDATE policy_differences SET count = count + ?, last = ? WHERE place = ? AND difference = ?",
        (found.count, found.last, place, text),
    )
    if done.rowcount:
        return
    db.execute(
        "INSERT INTO policy_differences SELECT ?, ?, ?, ?, ?, ?"
        " WHERE (SELECT count(*) FROM policy_differences WHERE place = ?) < ?",
        (place, text, found.count, found.first, found.last, found.sample, place, MOST),
    )


def _report(db: Ledger, it: Replica) -> None:
    row = (it.id, it.place, it.kind, it.started, it.digest, it.since, it.beat, it.problem, it.candidate)
    db.execute("DELETE FROM policy_processes WHERE id = ? OR beat < ?", (it.id, it.beat - FORGOTTEN_AFTER))
    db.execute("INSERT INTO policy_processes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
