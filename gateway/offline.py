"""What can be had without starting a server: the store, the policy, the budgets; and what people do to runs there."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from gateway.approving import Approving
from gateway.budget import Limits
from gateway.call import Subject
from gateway.catalogue import Catalogue
from gateway.config import Budgets, Config, LiveBudgets
from gateway.doubts import in_doubt
from gateway.effects import UNDO, undo_run
from gateway.errors import Conflict, StoreError, ToolgateError
from gateway.events import Cancelled, LimitsRaised, Paused, Recorded, Resolution, Resolved, Resumed, Succeeded
from gateway.lasting import DAY
from gateway.later import Notified
from gateway.policy import LivePolicy, load
from gateway.reserving import settled_of_lost
from gateway.reversal import OF_UNDO, begun, copied_calls, here, must_be_here, said_of, settlement, undos
from gateway.rollout import Paths, open_policy
from gateway.run import ENDED, Run, fold
from gateway.standing import held_back
from gateway.store import Unchanged, run_account
from gateway.store.database import DatabaseStore
from gateway.store.lease import is_dead, leased, owner_name
from gateway.store.legible import folded
from gateway.store.opening import is_made, open_store
from gateway.store.waiting import until
from gateway.tool_words import effects_of

__all__ = ["LET_GO", "Offline", "open_offline", "policy_paths"]

LONGEST_NEWS = 64 * 1024  # bytes: they stand in the run's record, and its model is told them
MOST_NEWS = 100  # that are kept for when a run waits for them: each `wait_for` takes one
LET_GO = 30.0  # seconds: a worker's lease is over by then, but not that of a client's session


@dataclass(frozen=True, slots=True)
class Offline:
    """An open store, with the policy and the budgets that are in force."""

    config: Config
    store: DatabaseStore
    policy: LivePolicy
    live_budgets: LiveBudgets

    @property
    def budgets(self) -> Budgets:
        """As they hold now."""
        return self.live_budgets.current

    @property
    def longest(self) -> int:
        """For how many milliseconds a remembered yes and a delegation last at most."""
        return self.config.approvals.longest_days * DAY

    @property
    def approving(self) -> Approving:
        """Without servers, a condition on the tool can't be decided; so it grants nothing."""
        return Approving(self.store, self.policy, Catalogue, lambda: self.budgets.tolls, self.longest)

    def subject(self, user: str | None = None, tenant: str | None = None, agent: str | None = None) -> Subject:
        """Who is asking: what was given, else what is configured."""
        own = self.config.identity
        return Subject(own.user if user is None else user, own.tenant if tenant is None else tenant, agent)

    async def run(self, run_id: str) -> Run:
        """A run as it is now; a unique prefix of its id will do. Raises UnknownRun, Unreadable."""
        row = await self.store.run_row(run_id)
        return folded(row.id, await self.store.events(row.id))

    async def events(self, run_id: str) -> Sequence[Recorded]:
        """All that happened in a run; a unique prefix of its id will do. Raises UnknownRun."""
        return await self.store.events((await self.store.run_row(run_id)).id)

    async def raise_limits(self, run_id: str, limits: Limits, by: str) -> None:
        """A higher (or lower) budget for a run. Raises IllegalEvent when it has ended."""
        await self.store.append(run_id, [LimitsRaised(limits.to_json(), by)], lease=None)

    async def cancel(self, run_id: str, by: str, why: str = "") -> None:
        """Ends a run, and what is under way in it. Raises IllegalEvent when it has ended, StoreError for the record of
        what was undone of another one: no more could be.

        What was under way in one whose driver is gone counts as made, and nothing stays reserved for it.
        """
        self.store.removal.check(run_id)
        await self.store.stop(run_id, Cancelled(by, why))

    async def pause(self, run_id: str, by: str, why: str = "", *, at_once: bool = False) -> None:
        """Has a run stop where it can go on, and rest until somebody resumes it. Raises IllegalEvent when it has ended,
        StoreError for that of an MCP client, which nobody could resume.

        What is under way comes to its end, unless it is to stop `at_once`.
        """
        self.store.removal.check(run_id)
        if (await self.store.run_row(run_id)).driver == "client":
            raise StoreError(f"run `{run_id}` is an MCP client's: it can be cancelled, and not paused")
        await self.store.append(run_id, [Paused("person", why, by=by, at_once=at_once)], lease=None)

    async def interrupted(self, run_id: str) -> None:
        """Notes that whoever drove a run was stopped; one that is not running needs no note, nor does one that somebody
        else drives by now.
        """
        note = Paused("interrupted", "it was interrupted", by=self.subject().user)
        with contextlib.suppress(ToolgateError):
            async with leased(self.store, run_id) as lease:
                if (await self.run(run_id)).status == "running":
                    await self.store.append(run_id, [note], lease=lease)

    async def resolve(self, run_id: str, key: str, resolution: Resolution, by: str, note: str) -> None:
        """A person says what became of a call in doubt, or (`undo/t1/call/1`) of an attempt to undo one. In a run that
        has ended that is each that was sent and got no answer. Raises StoreError for a call that is not in doubt, and
        LeaseLost while somebody undoes what the run has done.
        """
        if resolution not in get_args(Resolution):
            raise StoreError(f"`{resolution}` says nothing of a call; write one of {', '.join(get_args(Resolution))}")
        word = Resolved(key, resolution, by, note)
        if key.startswith(OF_UNDO):
            await self._settle_undo(await self.run(run_id.removeprefix(UNDO)), word)
            return
        while True:
            row = await self.store.run_row(run_id)
            settled = row.status not in ENDED or await self.store.is_settled(row.id)
            seen = await self.store.events(row.id)
            run = fold(row.id, seen)
            must_be_here(run)
            _must_be_doubted(run, seen, key)
            if not settled and key in held_back(seen):
                raise StoreError(f"the call `{key}` of run `{run.id}` is under way: {row.owner} is still at it")
            with contextlib.suppress(Conflict):  # somebody wrote meanwhile: is it still in doubt?
                await self.store.append(run.id, [word], lease=None, changes=[Unchanged(run.id, run.seq)])
                return

    async def _settle_undo(self, undone: Run, word: Resolved) -> None:
        run_id, events = undo_run(undone.id), await self.store.events(undone.id)
        copied = copied_calls(events)
        if not await self.store.events(run_id):
            if word.key.removeprefix(OF_UNDO) not in copied or undone.status not in ENDED:
                raise StoreError(f"nothing of run `{undone.id}` was undone")
            who = Subject(word.by, undone.subject.tenant)
            await self.store.append(run_id, begun(undone, who, owner_name()), lease=None)
        async with leased(self.store, run_id) as lease:
            later = await self.store.events(run_id)
            facts, held = settlement(later, word, copied), held_back(here(later))
            lost = {word.key: held[word.key]} if word.key in held else {}
            changes = settled_of_lost(run_account(run_id), lost)
            await self.store.append(run_id, facts, lease=lease, changes=changes)
            later = await self.store.events(run_id)
            if not any(undo.left for undo in undos(undone, events, later, effects_of(self.config))):
                await self.store.append(run_id, [Succeeded("")], lease=lease)

    async def notify(self, run_id: str, name: str, data: str, by: Subject, *, trusted: bool = False) -> None:
        """News for a run, as JSON text: untrusted, but where its own user says that these are his words.

        Raises IllegalEvent when it has ended; StoreError for the run of an MCP client, which can't wait for any, where
        anybody else says so, and for more than a run takes (`MOST_NEWS`, each of `LONGEST_NEWS`).
        """
        run = await self.store.run_row(run_id)
        if run.driver == "client":
            raise StoreError(f"run `{run.id}` is an MCP client's: it waits for no news")
        if trusted and (by.user, by.tenant) != (run.user, run.tenant):
            own = f"`{run.user}` of `{run.tenant}`"
            raise StoreError(f"only {own}, whose run it is, can vouch for news of run `{run.id}`; say it without")
        size, kept = len(data.encode("utf-8", "replace")), await self.store.count(run.id, "notified")
        if size > LONGEST_NEWS:
            raise StoreError(f"news of {size:,} bytes are too long: at most {LONGEST_NEWS:,}; say where the rest is")
        if kept >= MOST_NEWS and kept - await self.store.count(run.id, "slept") >= MOST_NEWS:
            much = f"run `{run.id}` has been told of {MOST_NEWS} news more than it has waited for"
            raise StoreError(f"{much}; tell it again when it has")
        await self.store.append(run.id, [Notified(name, data, by.user, not trusted)], lease=None)

    async def delete(self, run_id: str, by: str, *, force: bool = False) -> str:
        """Deletes a run that has ended, and returns its id; with `force` it is cancelled first, and whoever drives it
        has `LET_GO` seconds. Raises StoreError.
        """
        run = await self.store.run_row(run_id)  # whatever it holds
        if force:
            self.store.removal.check(run.id)  # before anything is changed
            if run.status not in ENDED:
                await self.cancel(run.id, by, "it is to be deleted")
            if not await until(self.store, lambda: self._is_let_go(run.id), LET_GO):
                owner = (await self.store.run_row(run.id)).owner
                why = f"run `{run.id}` is cancelled, and {owner} has not let go of it within {LET_GO:g} s"
                raise StoreError(f"{why}; say the same again later")
        await self.store.removal.remove(run.id, by)
        return run.id

    async def _is_let_go(self, run_id: str) -> bool:
        """Whoever drove it has recorded what was under way: soon, or its lease runs out."""
        row = await self.store.run_row(run_id)
        return row.owner is None or is_dead(row.owner) or row.lease_until <= self.store.now()

    async def resume(self, run_id: str, by: str = "") -> None:
        """Lets a paused run go on, as somebody says; one that waits goes on by itself when people have answered.

        Raises StoreError for the run of an MCP client, which nobody else can drive.
        """
        run = await self.run(run_id)
        if run.driver == "client":
            raise StoreError(f"run `{run.id}` is an MCP client's: it goes on when the client calls again")
        if run.status == "paused":
            await self.store.append(run.id, [Resumed("it was resumed", by)], lease=None)


def _must_be_doubted(run: Run, events: Sequence[Recorded], key: str) -> None:
    """Raises StoreError, which says what somebody else has said of it."""
    driven = [call.key for call in run.calls.values() if call.status == "doubted"]
    doubted = [*in_doubt(events)] if run.status in ENDED else driven
    if key not in doubted:
        known = f"in doubt: {', '.join(f'`{name}`' for name in doubted)}" if doubted else "no call of it is"
        raise StoreError(f"the call `{key}` of run `{run.id}` is not in doubt{said_of(events, key)}; {known}")


@contextlib.contextmanager
def open_offline(config: Config, *, as_it_is: bool = False) -> Iterator[Offline]:
    """Opens store and policy; the store `as_it_is`, for who only looks. Raises ConfigError, PolicyError, StoreError.

    A policy that can't be used now and was in force before stays in force; without one, nothing is made.
    """
    built = None if is_made(config) else load(config.policy.model, config.policy.files)
    budgets = LiveBudgets(config.policy.budgets, config.agents)
    store = open_store(config, as_it_is=as_it_is)
    try:
        book = store.policies(config.policy.files, config.policy.kept_versions)
        policy = open_policy(policy_paths(config), book, built)
        yield Offline(config, store, policy, budgets)
    finally:
        store.close()


def policy_paths(config: Config) -> Paths:
    """Where the policy is that is in force, and what it is read with."""
    return Paths(config.policy.model, config.policy.files)
