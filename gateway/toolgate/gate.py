"""Toolgate for a program in Python: everything open, and what one does with it."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import ConfigError, StoreError, ToolgateError
from gateway.shielded import shielded
from gateway.toolgate.endings import Result, RunStopped, result_of, stopped
from gateway.toolgate.onlooker import Onlooker
from gateway.toolgate.people import Approvals, Runs, Sessions
from gateway.toolgate.underway import Underway
from gateway.toolgate.wishes import Budget, check_priority, limits_of, moment_of, subject_of

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.call import JsonObject, Subject
    from gateway.config import Config
    from gateway.loop import Watcher
    from gateway.parties import CallResult
    from gateway.run import Run
    from gateway.runtime import Runtime

__all__ = ["Toolgate", "resume_sync", "run_sync"]

_LOG = logging.getLogger("toolgate.python")


class Toolgate:
    """Servers, models, policy and store, open; for one user. `Toolgate.open()` makes it.

    The one that was opened is the operator's: as the command line, it has the runs and questions of everybody. One that
    `as_user` made has those of its user.

    It may be used from many tasks of one event loop at once, and there may be any number of them in one process.
    """

    def __init__(
        self, runtime: "Runtime", subject: "Subject", underway: Underway | None = None, *, of_all: bool = True
    ) -> None:
        self._runtime, self._subject, self._of_all = runtime, subject, of_all
        self._underway = underway or Underway()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, place: "str | Path | Config | None" = None, *, user: str | None = None, tenant: str | None = None
    ) -> "AsyncIterator[Toolgate]":
        """Opens what the configuration names, and closes it at the end, when it has stopped what is under way in it.

        `place` is a `toolgate.toml`, the folder of one, or a `Config`; without one, the current folder, as for
        `toolgate`. A server that can't be reached is missing, and keeps being tried. Raises ConfigError, PolicyError,
        StoreError.
        """
        from gateway.runtime import open_runtime

        async with open_runtime(_config(place), "python") as runtime:
            gate = cls(runtime, runtime.offline.subject())
            try:
                yield cls(runtime, gate._named(user, tenant), gate._underway)
            finally:
                await gate._underway.stop()

    def as_user(self, user: str | None = None, tenant: str | None = None) -> "Toolgate":
        """The same gate for somebody else: his runs, his answers, his sessions; other people's are not there
        (UnknownRun). Raises ConfigError for no user's name.

        Who that is, the program has found out: nothing is checked here.
        """
        return Toolgate(self._runtime, self._named(user, tenant), self._underway, of_all=False)

    def _named(self, user: str | None, tenant: str | None) -> "Subject":
        return subject_of("as_user", self._subject, user, tenant)

    # ---- runs

    async def run(
        self,
        text: str,
        *,
        agent: str | None = None,
        model: str | None = None,
        budget: Budget | None = None,
        session: str = "",
        output_schema: "JsonObject | None" = None,
        watcher: "Watcher | None" = None,
    ) -> Result:
        """Lets an agent (the first one, if none is named) work on a text until it has an answer.

        `budget` is in the words of budgets.toml: `{"usd": 1, "tokens": "20k"}`. With a `session`, it begins with what
        the last run of it has left. With an `output_schema` (JSON Schema; by itself, its agent's counts), `output` is
        JSON that fits it, and `value` what that says. What a `watcher` raises is logged, and the run goes on. Raises
        RunWaiting, RunPaused, RunFailed, RunCancelled (each a RunStopped, with the run), ConfigError, StoreError,
        LeaseLost; what breaks when there is a run has its `run_id`. Cancelled, it leaves the run to be resumed; where
        the gate is closed meanwhile, that is RunPaused.
        """
        from gateway.clients import new_run_id
        from gateway.session import Dialogue

        dialogue, limits, run_id = Dialogue(session=session), limits_of(budget), new_run_id()
        subject = self._through(agent)
        with self._seeing_to(run_id):
            await self._runtime.submit(
                text,
                subject,
                model=model,
                limits=limits,
                dialogue=dialogue,
                output_schema=output_schema,
                run_id=run_id,
            )
            return await self._seen_through(run_id, watcher)

    async def submit(
        self,
        text: str,
        *,
        agent: str | None = None,
        model: str | None = None,
        budget: Budget | None = None,
        session: str = "",
        output_schema: "JsonObject | None" = None,
        priority: int = 0,
        at: "datetime | None" = None,
    ) -> str:
        """Queues a run for the workers and returns its id at once. Where there are none, `resume(run_id)` drives it.

        Of higher `priority` (-100 to 100) is first; it is not begun before `at`. Raises ConfigError.
        """
        from gateway.budget import Limits
        from gateway.submitting import Submission, submit

        check_priority(priority)
        limits, ready = limits_of(budget) or Limits(), moment_of(at)
        wanted = Submission(text, self._through(agent), model, limits, priority, ready)
        return await submit(self._runtime.offline, replace(wanted, session=session, output_schema=output_schema))

    def _through(self, agent: str | None) -> "Subject":
        """The gate's user, through this agent, or the first one."""
        name = self._runtime.subject_for(agent).agent
        return self._runtime.offline.subject(self._subject.user, self._subject.tenant, name)

    async def resume(self, run_id: str, *, budget: Budget | None = None, watcher: "Watcher | None" = None) -> Result:
        """Goes on with a run that waits, is paused, or has lost whoever drove it; with a `budget`, under new limits.

        One that has succeeded gives its result again, whatever the budget. Raises as `run` does, and UnknownRun;
        StoreError for a gate that is closed.
        """
        from gateway.transitions import ENDED

        if self._underway.is_ended:
            how = f'`await gate.resume("{run_id}")` within another, or `resume_sync("{run_id}")` without an event loop'
            raise StoreError(f"the gate of run `{run_id}` is closed: go on by {how}")
        offline = self._runtime.offline
        run = await self.runs.get(run_id)
        limits = limits_of(budget)
        if limits is not None and run.status not in ENDED:
            await offline.raise_limits(run.id, limits, self._subject.user)
        await offline.resume(run.id, self._subject.user)
        with self._seeing_to(run.id):
            return await self._seen_through(run.id, watcher)

    @contextlib.contextmanager
    def _seeing_to(self, run_id: str) -> Iterator[None]:
        """Whoever is called off meanwhile is told of the run, also where it was only being queued."""
        with self._underway.one():
            try:
                yield
            except asyncio.CancelledError as error:
                how = f"run {run_id} was interrupted: {_on(run_id)}"
                error.add_note(how)
                _LOG.warning(how)
                raise

    async def _seen_through(self, run_id: str, watcher: "Watcher | None") -> Result:
        try:
            run = await self._driven(run_id, watcher)
        except Exception as error:
            if isinstance(error, ToolgateError):
                error.run_id = run_id
            error.add_note(f"it was run {run_id}: when nobody else drives it, {_on(run_id)}")
            raise
        return await self._ended(run)

    async def _driven(self, run_id: str, watcher: "Watcher | None") -> "Run":
        """As far as it goes, or until the gate ends."""
        if self._underway.is_ended:
            return await self._runtime.offline.run(run_id)
        try:
            with self._underway.driving():
                return await self._runtime.drive(run_id, None if watcher is None else Onlooker(watcher))
        except asyncio.CancelledError:
            offline, stopped = self._runtime.offline, self._underway.is_stopped()
            await shielded(offline.interrupted(run_id))
            if stopped:
                return await offline.run(run_id)
            raise

    async def _ended(self, run: "Run") -> Result:
        if run.status == "succeeded":
            return result_of(run)
        from gateway.taking_turns import ahead_of

        waiting = await self.approvals.list(run.id) if run.status == "waiting" else ()
        before = await ahead_of(self._runtime.offline.store, run.id) if run.status == "queued" else None
        raise stopped(run, lambda: self.resume(run.id), waiting, before.run_id if before else None)

    # ---- calls without a model

    async def call(self, tool: str, arguments: "JsonObject | None" = None, *, agent: str | None = None) -> "CallResult":
        """Calls one tool by its `server/tool`, under the same policy, approvals and budgets as a run.

        Returns the last fact about it (`gateway.events`): `Returned` (the server's own result is in `outcome`),
        `Denied`, `Held` (a person must agree: make the same call again afterwards), or `Doubted`.
        """
        subject = (
            self._subject
            if agent is None
            else self._runtime.offline.subject(
                self._subject.user, self._subject.tenant, self._runtime.subject_for(agent).agent
            )
        )
        async with self._runtime.clients.run(subject, f"call {tool}") as client:
            return await client.call(tool, arguments or {})

    # ---- what people say

    @property
    def runs(self) -> Runs:
        """All runs of the store; those of its user, of a gate `as_user`."""
        return Runs(self._runtime.offline, self._runtime.pipeline, self._subject, of_all=self._of_all)

    @property
    def approvals(self) -> Approvals:
        """Calls that wait for people."""
        return Approvals(self._runtime.approving, self._subject, of_all=self._of_all)

    @property
    def sessions(self) -> Sessions:
        """The user's own."""
        return Sessions(self._runtime.offline, self._subject)

    @property
    def runtime(self) -> "Runtime":
        """What it is made of, for those who need more. Not public: it may change."""
        return self._runtime


def _on(run_id: str) -> str:
    return f'go on with `await gate.resume("{run_id}")`'


def run_sync(text: str, place: "str | Path | Config | None" = None, **wish: Any) -> Result:
    """`Toolgate.run()` for a program without an event loop: opens a gate, lets it work, closes it. What it raises, it
    raises as `run` does; `resume_sync` goes on. Raises ConfigError within an event loop.
    """
    return _at_once(place, lambda gate: gate.run(text, **wish))


def resume_sync(run_id: str, place: "str | Path | Config | None" = None, **wish: Any) -> Result:
    """`Toolgate.resume()` for a program without an event loop, in the same way."""
    return _at_once(place, lambda gate: gate.resume(run_id, **wish))


def _at_once(place: "str | Path | Config | None", act: Callable[[Toolgate], Awaitable[Result]]) -> Result:
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        how = "`async with Toolgate.open(...) as gate`, and `await gate.run(...)` or `await gate.resume(...)`"
        raise ConfigError.at("run_sync, resume_sync", f"an event loop is running in this thread: {how}")

    async def work() -> Result:
        async with Toolgate.open(place) as gate:
            return await act(gate)

    try:
        return asyncio.run(work())
    except RunStopped as stopped:
        stopped.add_note(f'without an event loop: `resume_sync("{stopped.run_id}")`')
        raise


def _config(place: "str | Path | Config | None") -> "Config":
    from gateway.config import Config, load_config
    from gateway.config.folders import PROJECT_FILE

    if isinstance(place, Config):
        return place
    path = Path.cwd() if place is None else Path(place)
    if path.is_dir():
        return load_config(path, os.environ)
    if path.name != PROJECT_FILE:
        raise ConfigError.at(str(path), f"it is no folder, and no `{PROJECT_FILE}`")
    if not path.exists():
        raise ConfigError.at(str(path), "there is no such file", hint="`toolgate init` writes one")
    return load_config(path.parent, os.environ)
