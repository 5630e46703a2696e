"""One question to a model: reserve, ask, settle, for each attempt. Whatever goes wrong becomes a `ModelFailed`, never a
lost turn.

The provider may ask again, or ask another model (`Retrying`, `MovedOn`). Each attempt is reserved before it is made and
settled when it has failed, so that a budget stops the next one; and each is recorded, and has its span.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.accounts import Bill
from gateway.agents.context import estimated_tokens
from gateway.backend import Backend, Heard, Model, answered, failed, readable, reservation, spent
from gateway.booking import Booking
from gateway.budget import Spend
from gateway.conversation import Purpose
from gateway.counting import counted
from gateway.errors import BudgetExceeded, ToolgateError
from gateway.events import Budgeted, ModelAnswered, ModelAsked, ModelFailed, Paused
from gateway.journal import Journal
from gateway.reserving import reserves, settled_in
from gateway.run import Run
from gateway.shielded import shielded
from gateway.standing import asking
from gateway.store import Change, Reserve, Settle, run_account
from gateway.tracing import Asked, Interval, Tracing
from gateway.values import value
from providers import (
    Finish,
    Finished,
    MovedOn,
    ProviderError,
    Reply,
    Request,
    Retrying,
    StreamEvent,
    ToolCall,
    Usage,
    message_to_json,
)
from providers.own_errors import Unsent, cut

__all__ = ["LONGEST_PAUSE", "Backend", "Model", "Turn", "unheard"]

LONGEST_PAUSE = 60.0  # seconds, however long a backend asks to be left alone

_COMPLETE: frozenset[Finish] = frozenset({"stop", "tool_calls"})
_READ = frozenset({"tokens", "input_tokens", "nanos"})  # what reading takes
_MILLION = 1_000_000
_NANOS = 1_000_000_000

log = logging.getLogger("toolgate.turn")


def unheard(_what: object) -> None:
    """Nobody wants to know."""


def _answered_again(run: Run) -> bool:
    """Whether the turn before has made no calls, but an answer that its run can't end in."""
    return bool(run.rejected) and run.messages[-1]["role"] == "user"


@value(frozen=True, slots=True)
class _Attempt:
    """`run` is as it was before it was made; `read` is how many tokens the question has, about. It is the `nth` of its
    backend, which is left `alone` until a moment by the loop's clock.
    """

    run: Run
    number: int
    request: Request
    backend: Backend
    read: int
    reserved: Spend
    bill: Bill
    heard: Heard
    alone: float = 0.0
    nth: int = 1


@dataclass(slots=True)
class _Current:
    """The attempt that is under way: another one when it has failed and the provider goes on. `over`: it is recorded
    as failed, and the next one is not begun.
    """

    attempt: _Attempt
    over: bool = False


@value(frozen=True, slots=True)
class Turn:
    """Everything that one question to the model needs. `resolve` says which call a wish means: its `server/tool` path,
    and its arguments where they are not the wish's own.

    `rests` hears for how many seconds the backend is left alone before the next attempt.
    `booking` says which other budgets than the run's count it. A question for a summary is no turn, and makes no calls.
    """

    journal: Journal
    tracing: Tracing
    model: Model
    resolve: Callable[[ToolCall], Mapping[str, str]]
    watch: Callable[[StreamEvent], None]
    booking: Booking | None = None
    purpose: Purpose = "answer"
    rests: Callable[[float], None] = unheard

    async def ask(self, run: Run, number: int, request: Request) -> ProviderError | None:
        """Asks, and records what came of it. Returns how the backend failed, if it did. Raises StoreError."""
        attempt = await self._begun(run, number, request, self.model.first)
        if attempt is None:
            return None
        if 0 < run.turn < number:  # a turn ends where the next one begins
            self.tracing.stepped(run, "answer" if _answered_again(run) else "tool")
        current = _Current(attempt)
        try:
            came = await self._streamed(current, replace(request, most_input=self._readable(attempt)))
        except asyncio.CancelledError:
            with suppress(ToolgateError):  # then it stays asked without an answer, and is forgotten later
                await shielded(self._left(current))
            raise
        if came is None:
            return None
        return await self._ended(current.attempt, came)

    async def forget(self, run: Run, request: Request) -> None:
        """A reply that was lost with its worker. What it read has been paid for; it is settled, and asked again."""
        reserved, backend = run.asked or Spend(), self.model.backend(run.asked_model)
        cost = spent(backend, Usage(estimated_tokens(request, run)), reserved)
        why = "the worker died before the reply came"
        told = (run.turn, "lost", why, True, cost.to_json(), run.asked_model)
        lost = ModelFailed(*told, purpose=run.asked_for)
        own = Settle(run_account(run.id), reserved, cost)
        await self.journal.append((lost,), (own, *settled_in(run.asked_of, cost)))

    # ---- an attempt begins

    async def _begun(
        self, run: Run, number: int, request: Request, backend: Backend, delay: float = 0.0
    ) -> _Attempt | None:
        """Reserved and recorded; None when it does not fit the budget, and the run is paused.

        What the question has in tokens is an estimate on the safe side. Only where that does not fit is it counted.
        """
        read = estimated_tokens(request, run)
        try:
            return await self._reserved(run, number, request, backend, read, delay)
        except BudgetExceeded as error:
            exact = await counted(backend, request)
            if exact is None or exact >= read:
                await self._paused(error)
                return None
        try:
            return await self._reserved(run, number, request, backend, exact, delay)
        except BudgetExceeded as error:
            await self._paused(error)
            return None

    async def _reserved(  # noqa: PLR0913, PLR0917 - what an attempt is made of
        self, run: Run, number: int, request: Request, backend: Backend, read: int, delay: float
    ) -> _Attempt:
        """Raises BudgetExceeded."""
        reserved = reservation(backend, read, request, new_turn=number > run.turn)
        bill = await self._bill(run, reserved, request, backend)
        asked = ModelAsked(number, reserved.to_json(), backend.name, self.purpose)
        told = (Budgeted(asking(number), bill.accounts, bill.left()),) if bill.claims else ()
        own = Reserve(run_account(run.id), reserved, run.limits)
        await self.journal.append((asked, *told), (own, *reserves(bill.claims)))
        heard = Heard(time.time_ns() + round(delay * _NANOS))
        alone = asyncio.get_running_loop().time() + delay
        return _Attempt(run, number, request, backend, read, reserved, bill, heard, alone)

    def _readable(self, attempt: _Attempt) -> int | None:
        """What a backend may read in all, if it reads several times: nothing more is reserved for that.

        What a run's own limits leave is its own, as it asks nothing else meanwhile. Other budgets are others', too: of
        them it has what is reserved.
        """
        run, reserved, backends = attempt.run, attempt.reserved, self.model.backends or (self.model.first,)
        most = readable(backends, reserved, run.limits, run.taken + reserved)
        shared = any(left["unit"] in _READ for left in attempt.bill.left())
        return reserved.input_tokens if shared else most

    async def _paused(self, error: BudgetExceeded) -> None:
        await self.journal.append((Paused("budget", str(error), error.unit, error.budget),))

    async def _bill(self, run: Run, reserved: Spend, request: Request, backend: Backend) -> Bill:
        if self.booking is None or not self.booking.counts:
            return Bill(reserved)
        return await self.booking.question_to_model(run, reserved, request.deadlines.total, backend.name)

    # ---- it is under way

    async def _streamed(self, current: _Current, request: Request) -> Reply | ProviderError | None:
        """As `_came`. An adapter that breaks when its stream is opened or closed takes no turn along either."""
        try:
            events = self.model.provider.stream(request)
        except Exception as error:  # noqa: BLE001 - a defect of an adapter, which `_broken` notes
            return _broken(error)
        try:
            return await self._came(current, events)
        finally:
            await _closed(events)

    async def _came(self, current: _Current, events: AsyncGenerator[StreamEvent, None]) -> Reply | ProviderError | None:
        """What came of the last attempt; None when the budget ended it. The deadline is that of all together."""
        total = current.attempt.request.deadlines.total
        late = ProviderError("timeout", f"no whole reply within {total:g} s")
        try:
            async with asyncio.timeout(total) as clock:
                while True:
                    event = await self._next(events, late)
                    if isinstance(event, ProviderError):
                        return event
                    if (broken := _hear(current.attempt, event)) is not None:
                        return broken
                    if isinstance(event, (Retrying, MovedOn)) and not await self._goes_on(current, event, clock):
                        return None
                    self.watch(event)
                    if isinstance(event, Finished):
                        return event.reply
        except TimeoutError:
            if not clock.expired():
                raise
            return late

    async def _next(
        self, events: AsyncGenerator[StreamEvent, None], late: ProviderError
    ) -> StreamEvent | ProviderError:
        """The next event, or how it failed instead."""
        try:
            event = await anext(events, None)
        except TimeoutError:
            return late
        except ProviderError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a defect of an adapter, which `_broken` notes
            return _broken(error)
        except asyncio.CancelledError as stray:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return _broken(stray)  # nobody has cancelled anything: what the adapter waited for was
        return event or cut()

    async def _goes_on(self, current: _Current, event: Retrying | MovedOn, clock: asyncio.Timeout) -> bool:
        """What is written down meanwhile is not cut short by the deadline."""
        until = clock.when()
        clock.reschedule(None)
        current.over = True
        following = await self._again(current.attempt, event)
        current.over = False
        clock.reschedule(until)
        current.attempt = following or current.attempt
        self.rests(event.delay if isinstance(event, Retrying) else 0.0)
        return following is not None

    async def _again(self, attempt: _Attempt, event: Retrying | MovedOn) -> _Attempt | None:
        """One attempt is over, and the next begins, perhaps with another model."""
        then, delay = (event.model, 0.0) if isinstance(event, MovedOn) else ("again", event.delay)
        await self._ended(attempt, event.error, then, delay)
        moved = isinstance(event, MovedOn)
        backend = self.model.backend(then) if moved else attempt.backend
        following = await self._begun(self.journal.run, attempt.number, attempt.request, backend, delay)
        return following and replace(following, nth=1 if moved else attempt.nth + 1)

    # ---- it is over

    async def _ended(
        self, attempt: _Attempt, came: Reply | ProviderError, then: str = "", delay: float = 0.0
    ) -> ProviderError | None:
        """Recorded, settled, traced. `then` is how it goes on by itself after a failure, in `delay` seconds.

        Returns how it failed. A reply that is none, by a defect of an adapter, is a failure.
        """
        try:
            event, cost = self._event(attempt, came, then, round(delay, 3))
        except ToolgateError:  # ours: an agent that is not configured any more
            raise
        except Exception as error:  # noqa: BLE001 - a defect of an adapter, which `_broken` notes
            attempt.heard.usage, came = None, _broken(error)
            event, cost = self._event(attempt, came, then, round(delay, 3))
        await self._settled(attempt, event, cost, came)
        return came if isinstance(came, ProviderError) else None

    async def _left(self, current: _Current) -> None:
        """Nobody waits for the reply any more. What it read, and what was seen of it until then, has been paid for;
        nothing, where the backend was still left alone.
        """
        attempt = current.attempt
        if current.over:
            return
        came = ProviderError("timeout", "it was stopped before the reply was whole")
        if asyncio.get_running_loop().time() < attempt.alone and not attempt.heard.anything:
            came = Unsent("timeout", "whoever drove the run was stopped before")
        cost = failed(attempt.backend, attempt.read, attempt.heard, came, attempt.reserved)
        told = (attempt.number, "lost", str(came), True, cost.to_json(), attempt.backend.name)
        event = ModelFailed(*told, purpose=self.purpose)
        await self._settled(attempt, event, cost, came)

    async def _settled(
        self, attempt: _Attempt, event: ModelAnswered | ModelFailed, cost: Spend, came: Reply | ProviderError
    ) -> None:
        when = Interval(attempt.heard.began, max(attempt.heard.began, time.time_ns()))
        changes: tuple[Change, ...] = (Settle(run_account(attempt.run.id), attempt.reserved, cost),)
        if attempt.bill.accounts:
            changes = (*changes, *settled_in(attempt.bill.accounts, replace(cost, millis=when.millis)))
        if isinstance(event, ModelAnswered):  # nothing is done on it before a call, or the end, is written down
            self.journal.hold((event,), changes)
        else:
            await self.journal.append((event,), changes)
        if self.tracing.on:
            self.tracing.asked(attempt.run, event, self._asked(attempt, came), when)

    def _event(
        self, attempt: _Attempt, came: Reply | ProviderError, then: str, delay: float
    ) -> tuple[ModelAnswered | ModelFailed, Spend]:
        backend, number = attempt.backend, attempt.number
        if isinstance(came, Reply):
            cost = answered(backend, came, attempt.reserved)
            return self._answered(number, came, cost), cost
        cost = failed(backend, attempt.read, attempt.heard, came, attempt.reserved)
        again = came.retryable or bool(then)
        if again and not then:
            delay = round(min(came.retry_after or 0.0, LONGEST_PAUSE), 3)
        told = (number, came.kind, str(came), again, cost.to_json(), backend.name, then)
        return ModelFailed(*told, self.purpose, attempt.nth, delay), cost

    def _answered(self, number: int, reply: Reply, cost: Spend) -> ModelAnswered:
        """Tools run only if the reply is complete: the calls of one that was cut are kept as words, and not made."""
        complete = reply.finish in _COMPLETE and self.purpose == "answer"
        wishes = reply.message.tool_calls if complete else ()
        calls = tuple(
            {"key": f"t{number}/call/{index}", "id": wish.id, **self.resolve(wish)}
            for index, wish in enumerate(wishes, 1)
        )
        message = message_to_json(reply.message)
        usage = {name: getattr(reply.usage, name) for name in reply.usage.__dataclass_fields__}
        told = (number, message, reply.finish, reply.model, usage, cost.to_json(), calls)
        return ModelAnswered(*told, self.purpose)

    def _asked(self, attempt: _Attempt, came: Reply | ProviderError) -> Asked:
        backend, request = attempt.backend, attempt.request
        return Asked(
            model=backend.model,
            provider=backend.system,
            timeout=min(request.deadlines.total, backend.seconds or request.deadlines.total),
            address=backend.address,
            port=backend.port,
            max_output_tokens=min(request.max_output_tokens, backend.most_output or request.max_output_tokens),
            effort=request.effort or backend.effort,
            first_seconds=attempt.heard.seconds_to_first,
            response_id=came.response_id if isinstance(came, Reply) else "",
            attempt=attempt.nth,
        )


def _hear(attempt: _Attempt, event: StreamEvent) -> ProviderError | None:
    """Nothing; or that what the adapter yields is no event."""
    try:
        attempt.heard.hear(event, time.time_ns())
    except Exception as error:  # noqa: BLE001 - a defect of an adapter, which `_broken` notes
        return _broken(error)
    return None


def _broken(error: BaseException) -> ProviderError:
    """A defect of an adapter, of which its text is not told: it may hold a secret."""
    log.debug("a model backend failed", exc_info=error)
    return ProviderError("protocol", f"the adapter of this backend failed: {type(error).__name__}")


async def _closed(events: AsyncGenerator[StreamEvent, None]) -> None:
    """Whatever came before counts, however that ends."""
    try:
        await events.aclose()
    except Exception:
        log.debug("a model backend failed when its stream was closed", exc_info=True)
