"""One conversation on a terminal: its run, and how it is driven. On a terminal Ctrl-C stops the answer only."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace

from gateway.agents.context import WARN_AT
from gateway.budget import UNITS, Limits, Spend, Unit, shown
from gateway.cli.driving import JsonLines, Manner, answer_of, driven, how_it_goes_on, print_answer, raise_by
from gateway.cli.lines import amount_of, budget_line, doubts
from gateway.cli.view import LiveView
from gateway.conversation import Interrupted, Pinned, UserSpoke
from gateway.errors import ToolgateError, UnknownApproval
from gateway.events import Event, ModelFailed, Queued, Recorded, Resumed, Waited
from gateway.loop import Watcher
from gateway.run import ENDED, Run, fold
from gateway.runtime import Runtime
from gateway.session import Dialogue
from gateway.steps import users_turn
from gateway.submitting import check_text
from gateway.visible import visible

__all__ = ["ChatView", "Opening", "Talk", "spent"]

TALKING = Dialogue(conversation=True)

_COSTS = ("tokens", "nanos")


@dataclass(frozen=True, slots=True)
class Opening:
    """What `toolgate chat` was asked for."""

    agent: str | None
    model: str | None
    limits: Limits
    resume: str | None


class ChatView(LiveView):
    """A run as it is seen by whoever talks with it: what he says himself he knows."""

    def recorded(self, recorded: Recorded) -> None:
        if _known_to_him(recorded.event):
            self.passed([recorded])
        else:
            super().recorded(recorded)


def _known_to_him(event: Event) -> bool:
    match event:
        case Waited(why=why):
            return not why
        case ModelFailed(kind=kind):
            return kind == "lost"  # he stopped it
    return isinstance(event, (Queued, UserSpoke, Resumed))


@dataclass(slots=True)
class Talk:
    """One conversation. There is no run before the first word."""

    runtime: Runtime
    manner: Manner
    opening: Opening
    watcher: Watcher
    run: Run | None = None
    pins: list[str] = field(default_factory=list)
    asked: bool = False  # for an answer, since it was begun or taken up

    @property
    def model(self) -> str:
        return self.run.model if self.run else self.opening.model or self.runtime.model_of(self.opening.agent)

    @property
    def who(self) -> str:
        """The model, in short: of a file its name."""
        kind, colon, file = self.model.partition(":")
        return visible(f"{kind}{colon}{file.rpartition('/')[2]}")

    @property
    def agent(self) -> str | None:
        """Whom one talks with, where that was said."""
        told = self.run.subject.agent if self.run else None
        return told.removeprefix("agent:") if told else self.opening.agent

    @property
    def limits(self) -> Limits:
        """Those that were asked for, before there is a run."""
        return self.opening.limits

    @property
    def spent(self) -> str:
        return spent(self.run, self.opening.limits)

    def choose(self, model: str) -> None:
        """Before the first word."""
        self.opening = replace(self.opening, model=model)

    def limit(self, limits: Limits) -> None:
        """Before the first word."""
        self.opening = replace(self.opening, limits=self.opening.limits.replaced(limits))

    @property
    def user(self) -> str:
        return self.runtime.offline.subject().user

    async def look(self) -> None:
        """At the run as it is now. What happened to it meanwhile, whoever talks has done himself."""
        if self.run is None:
            return
        fresh = await self.runtime.offline.store.events(self.run.id, self.run.seq)
        self.run = fold(self.run.id, fresh, self.run)
        if isinstance(self.watcher, LiveView):
            self.watcher.passed(fresh)

    async def record(self, event: Event) -> None:
        """A fact from outside. Only of a run that there is."""
        assert self.run is not None  # noqa: S101 - whoever calls this has looked
        await self.runtime.offline.store.append(self.run.id, [event], lease=None)
        await self.look()

    async def say(self, text: str) -> None:
        """The user's next words, and the answer to them. Raises StoreError for what no store keeps."""
        check_text(text)
        if self.run is None:
            await self._begin(text)
        else:
            await self.record(UserSpoke(text, self.user))
        await self.answer()

    async def _begin(self, text: str) -> None:
        opening, runtime = self.opening, self.runtime
        subject = runtime.subject_for(opening.agent)
        run_id = await runtime.submit(text, subject, model=opening.model, limits=opening.limits, dialogue=TALKING)
        pinned = [Pinned(pin, self.user) for pin in self.pins]
        if pinned:
            await runtime.offline.store.append(run_id, pinned, lease=None)
        self.run = Run(run_id)
        await self.look()

    async def answer(self) -> None:
        """Lets the run go on, as far as it goes."""
        assert self.run is not None  # noqa: S101 - whoever calls this has begun one
        run, self.asked = self.run, True
        await self.runtime.offline.resume(run.id, self.user)
        work = driven(self.runtime, run.id, self.manner, self.watcher)
        self.run = await (self._stoppable(work) if self.manner.ask else self._whole(work))
        self._conclude(self.run)

    async def _stoppable(self, work: Coroutine[None, None, Run]) -> Run:
        """Ctrl-C ends this, and nothing else."""
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        loop.add_signal_handler(signal.SIGINT, task.cancel)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:  # SIGTERM: it is the program that ends
            task.cancel()
            await asyncio.wait([task])
            await asyncio.shield(self._stopped())
            raise
        finally:
            loop.remove_signal_handler(signal.SIGINT)
        if task.cancelled():
            return await self._stopped()
        return task.result()

    async def _whole(self, work: Coroutine[None, None, Run]) -> Run:
        try:
            return await work
        except asyncio.CancelledError:
            await asyncio.shield(self._stopped())
            raise

    async def _stopped(self) -> Run:
        """What was asked of people is taken back, what was not sent will not be."""
        offline = self.runtime.offline
        assert self.run is not None  # noqa: S101 - it was being driven
        run = await offline.run(self.run.id)
        for call in run.calls.values():
            if call.status == "held" and call.approval_id is not None:
                with contextlib.suppress(UnknownApproval):
                    await offline.store.withdraw(call.approval_id, self.user, "the answer was stopped")
        with contextlib.suppress(ToolgateError):  # it has ended by itself
            await offline.store.append(run.id, [Interrupted(self.user)], lease=None)
        run = await offline.run(run.id)
        self.watcher.recorded((await offline.store.events(run.id))[-1])
        return run

    def _conclude(self, run: Run) -> None:
        """What is left to be said to people: the answer, where it was not heard; how it goes on, where it does not."""
        if isinstance(self.watcher, JsonLines):
            return
        if users_turn(run):
            if text := answer_of(run):
                print_answer(text, heard=True)
            if self.manner.ask and run.cause not in ("user", ""):
                self.manner.say("/again has it try again")
            return
        for doubt in doubts(run):
            self.manner.say(f"{doubt.partition(': toolgate')[0]}: /settle {_doubted(run)} happened|did-not|give-up")
        if run.status == "paused" and run.budget_spent:
            command = "/again" if run.budget else f"/budget {raise_by(run.budget_spent)}"
            self.manner.say(how_it_goes_on(run, command, ""))
        elif run.status == "waiting" and not doubts(run):
            self.manner.say(f"somebody must decide: toolgate approvals · go on with: toolgate chat --resume {run.id}")

    def below(self) -> str:
        """The foot of the screen: what is spent, and of how much; who answers."""
        return f" {self.spent} · {self.who} · /help"

    def farewell(self) -> None:
        if self.run is not None and self.run.status not in ENDED:
            self.manner.say(
                f"{budget_line(self.run.limits, self.run.spend)} · go on with:"
                f" toolgate chat --resume {self.run.id}{self.manner.option}"
            )


def _doubted(run: Run) -> str:
    return next(call.key for call in run.calls.values() if call.status == "doubted")


def spent(run: Run | None, before: Limits) -> str:
    """`1,240 tokens · $0.0031 of $5`: what it costs; besides, what runs low. `before` there is a run."""
    limits, spend = (run.limits, run.spend) if run else (before, Spend())
    return " · ".join(_of(unit, limits, spend) for unit in UNITS if unit in _COSTS or _low(unit, limits, spend))


def _of(unit: Unit, limits: Limits, spend: Spend) -> str:
    limit = getattr(limits, unit)
    took = getattr(spend, unit)
    return shown(unit, took) if limit is None else amount_of(unit, took, limit)


def _low(unit: Unit, limits: Limits, spend: Spend) -> bool:
    limit = getattr(limits, unit)
    return limit is not None and getattr(spend, unit) * 100 >= limit * WARN_AT
