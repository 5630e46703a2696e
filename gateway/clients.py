"""The gateway as somebody uses it who brings his own loop: an editor, a coding agent, `toolgate call`.

A client's session is a run without a model: its calls take the same path, meet the same gates and leave the same
record.
"""

import asyncio
import contextlib
import itertools
import math
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import field
from typing import Any, Protocol

from gateway.admission import FIRST, Attempt, Proposal, Work
from gateway.budget import Limits, Spend
from gateway.call import Action, Deny, JsonObject, Subject, outcome_from_json, says
from gateway.caller import NOBODY, Caller
from gateway.catalogue import Catalogue
from gateway.earlier import NOTHING_READ, Read, given_up, read_by, stopped_by, together, who_is
from gateway.errors import IllegalEvent, LeaseLost
from gateway.events import Denied, Event, Failed, Queued, Returned, Started, Succeeded
from gateway.facts import aware
from gateway.gates import Facts, judge_subscriber
from gateway.halting import Leaving
from gateway.hearing import Listening
from gateway.insistence import Insistence
from gateway.offer import Offer
from gateway.pipeline import CallResult, Pipeline, Upstream
from gateway.policy import LivePolicy, Policy, RunFacts
from gateway.profile import WHOLE, Profile
from gateway.run import Run
from gateway.shown import Shown
from gateway.store import Lease, Once, Store, run_account, title_of
from gateway.store.lease import owner_name
from gateway.tracing import Place, Tracing
from gateway.unrecorded import Unrecorded
from gateway.uris import meant
from gateway.values import value

__all__ = ["ClientRun", "Clients", "Exchange", "Round", "Seat", "new_run_id"]

CLIENT_LEASE_SECONDS = 24 * 3600.0  # no call lasts longer; a gateway has shorter ones, which it renews (`orphans`)


def new_run_id() -> str:
    """Sortable by nothing, guessable by nobody."""
    return f"r-{secrets.token_hex(8)}"


class LimitsOfClients(Protocol):
    """Budgets, as far as clients have them."""

    @property
    def for_clients(self) -> Limits: ...


class CurrentLimits(Protocol):
    """The budgets in force: another value after an edit."""

    @property
    def current(self) -> LimitsOfClients: ...


@value(frozen=True, slots=True)
class Clients:
    """Opens runs for clients. `limits` are those of each such run, or else what `budgets` say now. `tracing` is told of
    its end. Whoever keeps a run for longer than `lease_seconds` renews its lease.
    """

    pipeline: Pipeline
    store: Store
    policy: LivePolicy
    upstream: Upstream
    limits: Limits
    tracing: Tracing | None = None
    budgets: CurrentLimits | None = None
    lease_seconds: float = CLIENT_LEASE_SECONDS
    leaving: Leaving = field(default_factory=Leaving)

    @property
    def most(self) -> Limits:
        """What a run may spend as of now."""
        return self.limits if self.budgets is None else self.budgets.current.for_clients

    @contextlib.asynccontextmanager
    async def run(self, subject: Subject, title: str, profile: Profile = WHOLE) -> AsyncIterator["ClientRun"]:
        """A run for as long as the client is there. Raises StoreError."""
        client = await self.open(subject, title, profile)
        try:
            yield client
        finally:
            await client.close()

    async def open(
        self,
        subject: Subject,
        title: str,
        profile: Profile = WHOLE,
        *,
        follows: float = 0.0,
        before: Read = NOTHING_READ,
    ) -> "ClientRun":
        """Like `run`; the caller closes it.

        A run of the same subject and title that was active within `follows` seconds is the same client at work,
        whichever process served it: what that run has read taints this one, as what he has read `before` does.
        """
        if follows:
            before = together([before, await read_by(self.store, who_is(subject, title), follows)])
        run_id, lease = await self.begin(subject, title, before)
        return ClientRun(self, Seat(run_id, subject, lease, profile, *before, title_of(title)))

    async def begin(self, subject: Subject, title: str, before: Read) -> tuple[str, Lease | None]:
        """Its id, and the right to record in it."""
        run_id, owner, (tainted, servers) = new_run_id(), owner_name(), before
        who = (subject.user, subject.tenant, subject.agent)
        read = None if servers is None else sorted(servers)
        limits = self.most.to_json()
        queued = Queued("client", *who, input=title, limits=limits, tainted=tainted, servers=read)
        await self.store.append(run_id, [queued, Started(owner)], lease=None)
        return run_id, await self.store.acquire(run_id, owner, self.lease_seconds)

    async def trace_end(self, run_id: str, cause: str = "lost") -> None:
        """The root of a run's spans, sent when it has ended, with why it failed. Unread where nobody wants it."""
        if self.tracing is None or not self.tracing.on:
            return
        row, taken = await self.store.run_row(run_id), await self.store.spend(run_account(run_id))
        ended = Run(
            run_id,
            row.status,
            driver="client",
            subject=Subject(row.user, row.tenant, row.agent),
            limits=self.most,
            created=row.created,
            updated=row.updated,
            spend=taken,
            cause=cause if row.status == "failed" else "",
        )
        self.tracing.ended(ended)


@value(frozen=True, slots=True)
class Round:
    """A further round of a request that its server answered with questions (MCP's `input_required`).

    It goes on in the run that began it, under the same key; in another run it has a key of its own. `number` counts
    from 2. Whoever sends a client away with it makes sure that it comes back unchanged, with the same request.
    """

    run_id: str
    key: str
    number: int


@value(frozen=True, slots=True)
class Exchange:
    """How a request is made: who waits for its answer, and which round of it this is, with the answers to the last,
    which may be given `once`. `came`: as `Work` has it.
    """

    caller: Caller = NOBODY
    answers: JsonObject | None = None
    round: Round | None = None
    once: Once | None = None
    came: float = math.inf


ALONE = Exchange()


@value(frozen=True, slots=True)
class Seat:
    """Where a client sits: whose run it is, and what of the gateway is there for it."""

    run_id: str
    subject: Subject
    lease: Lease | None = None
    profile: Profile = WHOLE
    tainted: bool = False
    servers: frozenset[str] | None = frozenset()
    client: str = ""


class ClientRun(Shown):
    """One client's session, within a profile: what is outside of it is not there for this client."""

    _stopping: "asyncio.Task[bool] | None" = None

    def __init__(self, clients: Clients, seat: Seat) -> None:
        self._clients, self._lease, self.profile = clients, seat.lease, seat.profile
        self.run_id, self.subject = seat.run_id, seat.subject
        self._client, self._numbers, self._insistence = seat.client, itertools.count(1), Insistence()
        self._unrecorded = Unrecorded(clients.store, seat.run_id, seat.lease)
        self.ear, self._servers = Listening(tainted=seat.tainted), seat.servers  # what the run's events say

    @property
    def catalogue(self) -> Catalogue:
        return self.profile.of(self._clients.upstream.catalogue)

    @property
    def glance(self) -> Policy:
        return self._clients.policy.glance

    # ---- what it asks for: each returns the last fact about it, and raises StoreError when that can't be recorded

    def call(
        self,
        name: str,
        arguments: str | bytes | JsonObject,
        meta: JsonObject | None = None,
        exchange: Exchange | None = None,
    ) -> Coroutine[Any, Any, CallResult]:
        """Calls a tool by its exposed name or its path."""
        return self._make("call", self.catalogue.resolve(name), arguments, meta, exchange)

    async def read(self, uri: str, meta: JsonObject | None = None, exchange: Exchange | None = None) -> CallResult:
        """Reads a resource by its exposed URI, or by one that a template or a result of the server has led to."""
        path, own = self._resource(uri)
        return await self._make("read", path, {"uri": own}, meta, exchange)

    async def get(
        self,
        name: str,
        arguments: str | bytes | JsonObject,
        meta: JsonObject | None = None,
        exchange: Exchange | None = None,
    ) -> CallResult:
        """Gets a prompt by its exposed name or its path."""
        path = self.catalogue.resolve_prompt(name)
        return await self._make("get", path, arguments, meta, exchange)

    async def complete(
        self, params: JsonObject, meta: JsonObject | None = None, exchange: Exchange | None = None
    ) -> CallResult:
        """Completes an argument: `params` as the client sent them, with its names in `ref`."""
        path, reference = self._reference(params.get("ref"))
        own = {key: value for key, value in params.items() if key != "_meta"} | {"ref": reference}
        return await self._make("complete", path, own, meta, exchange)

    async def may_subscribe(self, uri: str) -> Offer | Deny:
        """The resource, by its server's own URI, if it may hear of its changes. Nothing is recorded of it."""
        clients, resource = self._clients, self.catalogue.route(uri)
        if resource is None or not self.offers(resource.path, "read"):
            return Deny("known", f"there is no resource `{uri}`")
        place = (await self.work()).place
        run = RunFacts.of(place.taken, tainted=place.tainted, servers=place.servers)
        facts = Facts(self.catalogue, await clients.policy.settled(), aware(clients.store.now()), run)
        verdict = judge_subscriber(self.subject, resource, facts)
        return verdict if isinstance(verdict, Deny) else resource

    def next_round(self, returned: Returned, exchange: Exchange | None = None) -> Round:
        """What goes on when the server asked back: the client's next request, with the answers, belongs to it."""
        before = exchange.round if exchange else None
        return Round(self.run_id, returned.key, before.number + 1 if before else 2)

    async def _make(
        self,
        action: Action,
        path: str,
        arguments: str | bytes | JsonObject,
        meta: JsonObject | None,
        exchange: Exchange | None,
    ) -> CallResult:
        asked = exchange or ALONE
        further = asked.round is not None and asked.round.run_id == self.run_id
        key = asked.round.key if asked.round and further else self.new_key(action)
        attempt = Attempt(asked.round.number, asked=True, once=asked.once) if asked.round else FIRST
        if self._insistence.why:
            return await self._refuse(key, path, arguments, action)
        proposal = Proposal(key, path, arguments, meta or {}, action, asked.answers, asked.caller)
        unrecorded, store, run_id = self._unrecorded, self._clients.store, self.run_id
        task = (leaving := self._clients.leaving).begin(run_id, store)
        try:
            if unrecorded.away:
                await unrecorded.settled()
            account = run_account(self.run_id)
            taken = store.known_spend(account) or await store.spend(account)
            work = self._work(taken, hints=asked.caller is NOBODY, came=asked.came)
            result = await self._clients.pipeline.call(proposal, work, attempt)
        except BaseException as error:
            left = leaving.end(task)
            await unrecorded.left(key, error)
            if left and (made := await given_up(store, run_id, key)) is not None:
                return made
            # the run may have ended, and this session with it where a person wanted that
            if not (left or isinstance(error, (IllegalEvent, LeaseLost))) or not await self._is_stopped():
                raise
            return await self._refuse(key, path, arguments, action)
        leaving.end(task)
        if isinstance(result, Returned):
            self._hear(path, result)
        else:
            self._insistence.heard(result)
        return result

    async def _refuse(self, key: str, path: str, arguments: str | bytes | JsonObject, action: Action) -> Denied:
        refused = self._insistence.refusal(key, path, arguments, action)
        await self.record([refused])
        return refused

    @property
    def is_over(self) -> bool:
        """Whether this session has ended: it is refused all that it asks for."""
        return bool(self._insistence.why)

    async def _is_stopped(self) -> bool:
        """Whether a person has ended the run: then another one holds what is still asked for, all of which is refused.
        A new budget is not what he meant.
        """
        self._stopping = self._stopping or asyncio.ensure_future(self._stop())
        stopped = False
        try:
            stopped = await asyncio.shield(self._stopping)
        finally:
            self._stopping = self._stopping if stopped else None  # it may be, later
        return stopped

    async def _stop(self) -> bool:
        clients, ended = self._clients, await stopped_by(self._clients.store, self.run_id)
        if ended is None:
            return False
        before, read = (self.run_id, self._lease), (self.ear.tainted, self._servers)
        self.run_id, self._lease = await clients.begin(self.subject, self._client, read)
        self._unrecorded = Unrecorded(clients.store, self.run_id, self._lease)
        self._insistence.stop(ended.by, ended.why)
        if before[1] is not None:
            await clients.store.release(before[1])
        await clients.trace_end(before[0])
        return True

    def _hear(self, path: str, returned: Returned) -> None:
        server, known = path.partition("/")[0], self._servers
        if known is not None and server not in known and says(outcome_from_json(returned.outcome)):
            self._servers = known | {server}

    def authenticated(self, subject: Subject) -> None:
        """The same person is here again: what counts is when he last showed who he is."""
        if subject.since is not None and (self.subject.since is None or self.subject.since < subject.since):
            self.subject = subject

    async def record(self, events: Sequence[Event]) -> None:
        """Facts about what this client did, beside its calls."""
        try:
            await self._clients.store.append(self.run_id, events, lease=self._lease)
        except (IllegalEvent, LeaseLost):
            await self._is_stopped()
            raise

    def new_key(self, action: str) -> str:
        """The name of what it does next."""
        return f"{action}/{next(self._numbers)}"

    def taint(self) -> None:
        """It reads what a server says that the admin does not trust."""
        self.ear.miss()

    async def work(self) -> Work:
        """What its calls are part of. The reservation sees what others spent meanwhile."""
        return self._work(await self._clients.store.spend(run_account(self.run_id)))

    def _work(self, taken: Spend, *, hints: bool = True, came: float = math.inf) -> Work:
        """With what is spent of its budget. Without `hints`, whoever answers says which name may have been meant."""
        most, tainted = self._clients.most, self.ear.tainted
        place = Place(self.run_id, self.subject, most, taken, tainted=tainted, servers=self._servers)
        return Work(place, self._lease, profile=self.profile, hints=hints, ear=self.ear, client=self._client, came=came)

    def _resource(self, uri: str) -> tuple[str, str]:
        """Its path, and the server's own URI; what nobody has stands for itself."""
        found = self.catalogue.route(uri)
        if found is not None:
            return found.path, found.name
        whose = meant(uri)
        return "/".join(whose) if whose else uri, uri

    def _reference(self, reference: Any) -> tuple[str, Any]:
        """The path of what is completed, and the reference in the server's own words."""
        match reference:
            case {"type": "ref/prompt", "name": str(name)}:
                path = self.catalogue.resolve_prompt(name)
                return path, {**reference, "name": path.partition("/")[2]}
            case {"type": "ref/resource", "uri": str(uri)}:
                found = self.catalogue.uris.template(uri) or self.catalogue.route(uri)
                return (found.path, {**reference, "uri": found.name}) if found else (uri, reference)
        return "", reference

    async def close(self, output: str = "") -> None:
        """The client is gone. What it asked people stays, and the same call may claim the answer later.

        `output` is a word on how it ended, for the list of runs.
        """
        await self._unrecorded.settled()
        why, kind = self._insistence.why, self._insistence.kind
        end = Failed(kind, why) if why else Succeeded(output)
        with contextlib.suppress(IllegalEvent):  # others have ended it, while a call was under way or after the last
            await self._clients.store.append(self.run_id, [end], lease=self._lease)
        if self._lease is not None:
            await self._clients.store.release(self._lease)
        await self._clients.trace_end(self.run_id, f"{kind}: {why}")
