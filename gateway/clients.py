"""The gateway as somebody uses it who brings his own loop: an editor, a coding agent, `toolgate call`.

A client's session is a run without a model: its calls take the same path, meet the same gates and leave the same
record.
"""

import contextlib
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.budget import Limits
from gateway.call import JsonObject, Subject, Tool
from gateway.catalogue import Catalogue
from gateway.errors import IllegalEvent
from gateway.events import Failed, Queued, Returned, Started, Succeeded
from gateway.pipeline import CallResult, CurrentPolicy, Pipeline, Proposal, Upstream, Work
from gateway.profile import WHOLE, Profile
from gateway.run import fold
from gateway.store import Lease, RunRow, Store, run_account, title_of
from gateway.store.lease import is_dead, owner_name
from gateway.tracing import Place

__all__ = ["ClientRun", "Clients", "Seat", "new_run_id"]

MOST_READ = 1_000  # events of a run
RUNS_SEEN = 500  # the newest, among which those of clients are looked for
CLIENT_LEASE_SECONDS = 30 * 24 * 3600.0  # the owner's process is what counts: it is seen to be dead, not timed out


def new_run_id() -> str:
    """Sortable by nothing, guessable by nobody."""
    return f"r-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Clients:
    """Opens runs for clients. `limits` are those of each such run."""

    pipeline: Pipeline
    store: Store
    policy: CurrentPolicy
    upstream: Upstream
    limits: Limits

    @contextlib.asynccontextmanager
    async def run(self, subject: Subject, title: str, profile: Profile = WHOLE) -> AsyncIterator["ClientRun"]:
        """A run for as long as the client is there. Raises StoreError."""
        client = await self.open(subject, title, profile)
        try:
            yield client
        finally:
            await client.close()

    async def open(
        self, subject: Subject, title: str, profile: Profile = WHOLE, *, follows: float = 0.0
    ) -> "ClientRun":
        """Like `run`; the caller closes it.

        A run of the same subject and title that was active within `follows` seconds is the same client at work,
        whichever process served it: what that run has read taints this one.
        """
        run_id, owner, limits = new_run_id(), owner_name(), self.limits.to_json()
        tainted = await self._was_tainted(subject, title, follows)
        who = (subject.user, subject.tenant, subject.agent)
        queued = Queued("client", *who, input=title, limits=limits, tainted=tainted)
        await self.store.append(run_id, [queued, Started(owner)], lease=None)
        lease = await self.store.acquire(run_id, owner, CLIENT_LEASE_SECONDS)
        return ClientRun(self, Seat(run_id, subject, lease, profile, tainted))

    async def _was_tainted(self, subject: Subject, title: str, seconds: float) -> bool:
        if not seconds:
            return False
        since = round((time.time() - seconds) * 1000)
        client = ("client", subject.user, subject.tenant, subject.agent, title_of(title))
        rows = [row for row in await self.store.run_rows(limit=RUNS_SEEN) if row.updated >= since]
        same = [row for row in rows if (row.driver, row.user, row.tenant, row.agent, row.title) == client]
        return any([await self._taints(row, since) for row in same])

    async def _taints(self, row: RunRow, since: int) -> bool:
        """Whether the run was at work after `since`, and had read untrusted text. One that is too long to read had."""
        if row.seq > MOST_READ:
            return True
        events = await self.store.events(row.id)
        worked = [recorded.at for recorded in events if not isinstance(recorded.event, Succeeded | Failed)]
        return worked[-1] >= since and fold(row.id, events).tainted

    async def sweep(self) -> int:
        """Closes the runs of gateways that were killed; says how many. Their open questions stay."""
        rows = [row for row in await self.store.run_rows(limit=RUNS_SEEN) if row.driver == "client"]
        lost = [row for row in rows if row.status == "running" and row.owner and is_dead(row.owner)]
        for row in lost:
            with contextlib.suppress(IllegalEvent):  # another gateway that starts up was faster
                await self.store.append(row.id, [Failed("lost", "the gateway was killed")], lease=None)
        return len(lost)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a client sits: whose run it is, and what of the gateway is there for it."""

    run_id: str
    subject: Subject
    lease: Lease | None = None
    profile: Profile = WHOLE
    tainted: bool = False


class ClientRun:
    """One client's session, within a profile: what is outside of it is not there for this client."""

    def __init__(self, clients: Clients, seat: Seat) -> None:
        self._clients, self._lease, self._profile = clients, seat.lease, seat.profile
        self.run_id, self.subject = seat.run_id, seat.subject
        self._numbers = itertools.count(1)
        self._tainted = seat.tainted  # what the run's events say, kept up with

    @property
    def catalogue(self) -> Catalogue:
        return self._profile.of(self._clients.upstream.catalogue)

    def tools(self) -> Sequence[tuple[str, Tool]]:
        """The tools that this subject may call with some arguments, by exposed name, in a stable order."""
        catalogue, policy, now = self.catalogue, self._clients.policy.current, datetime.now(UTC)
        found = ((name, catalogue.tools[path]) for name, path in catalogue.names.items())
        return [(name, tool) for name, tool in found if policy.visible(self.subject, tool, now)]

    def offers(self, path: str) -> bool:
        """Whether `tools()` has it; also for a tool that is missing together with its server."""
        tool = self.catalogue.tools.get(path)
        if tool is None:
            return path.partition("/")[0] in self.catalogue.missing
        return self._clients.policy.current.visible(self.subject, tool, datetime.now(UTC))

    async def call(self, name: str, arguments: str | bytes | JsonObject, meta: JsonObject | None = None) -> CallResult:
        """Calls a tool by its exposed name or its path. Raises StoreError when the call can't be recorded."""
        clients = self._clients
        taken = await clients.store.spend(run_account(self.run_id))
        proposal = Proposal(f"call/{next(self._numbers)}", self.catalogue.resolve(name), arguments, meta or {})
        place = Place(self.run_id, self.subject, clients.limits, taken, tainted=self._tainted)
        result = await clients.pipeline.call(proposal, Work(place, self._lease, profile=self._profile))
        self._tainted = self._tainted or (isinstance(result, Returned) and result.tainting)
        return result

    async def close(self, output: str = "") -> None:
        """The client is gone. What it asked people stays, and the same call may claim the answer later.

        `output` is a word on how it ended, for the list of runs.
        """
        await self._clients.store.append(self.run_id, [Succeeded(output)], lease=self._lease)
        if self._lease is not None:
            await self._clients.store.release(self._lease)
