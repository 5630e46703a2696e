"""One question to a model: reserve, ask, settle. Whatever goes wrong becomes a `ModelFailed`, never a lost turn.

An answer that never came whole is not free: a backend that had begun to answer, or was given up after its time, has
read the question, so what was read is counted as spent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace

from gateway.accounts import Bill
from gateway.agents.context import estimated_tokens
from gateway.booking import Booking
from gateway.budget import Price, Spend
from gateway.errors import BudgetExceeded
from gateway.events import Budgeted, Event, ModelAnswered, ModelAsked, ModelFailed, Paused
from gateway.reserving import reserves, settled_in
from gateway.run import Run
from gateway.store import Change, Lease, Reserve, Settle, Store, run_account
from gateway.tracing import Interval, Tracing
from providers import Deadlines, Finish, Finished, Provider, ProviderError, Reply, Request, StreamEvent, message_to_json

__all__ = ["Model", "Turn"]

_COMPLETE: frozenset[Finish] = frozenset({"stop", "tool_calls"})

log = logging.getLogger("toolgate.turn")


@dataclass(frozen=True, slots=True)
class Model:
    """A backend, and what it calls the model."""

    provider: Provider
    name: str
    price: Price
    deadlines: Deadlines = field(default_factory=Deadlines)


@dataclass(frozen=True, slots=True)
class _Failure:
    """No whole reply. `read` says that the question had been read by then, and has to be paid for."""

    error: ProviderError
    read: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that one question to the model needs. `resolve` turns an exposed name into a `server/tool` path.

    `booking` says which other budgets than the run's count it.
    """

    store: Store
    tracing: Tracing
    model: Model
    lease: Lease
    resolve: Callable[[str], str]
    watch: Callable[[StreamEvent], None]
    booking: Booking | None = None

    async def ask(self, run: Run, number: int, request: Request) -> ProviderError | None:
        """Asks once, and records what came of it. Returns how the backend failed, if it did. Raises StoreError."""
        reserved = self._reservation(run, number, request)
        asked, bill = ModelAsked(number, reserved.to_json()), await self._bill(run, reserved, request)
        told = (Budgeted(f"t{number}/model", bill.accounts, bill.left()),) if bill.claims else ()
        own = Reserve(run_account(run.id), reserved, run.limits)
        try:
            await self._append(run, (asked, *told), own, *reserves(bill.claims))
        except BudgetExceeded as error:
            await self._append(run, (Paused("budget", str(error), error.unit),))
            return None
        if 0 < run.turn < number:  # a turn ends where the next one begins
            self.tracing.stepped(run, "tool")
        begin = time.time_ns()
        reply = await self._reply(request)
        when = Interval(begin, time.time_ns())
        event = self._event(run, number, request, reply, reserved)
        spent = Spend.from_json(event.spent)
        took = replace(spent, millis=when.millis)
        await self._append(
            run, (event,), Settle(run_account(run.id), reserved, spent), *settled_in(bill.accounts, took)
        )
        self.tracing.asked(run, event, request.deadlines.total, when)
        return reply.error if isinstance(reply, _Failure) else None

    async def forget(self, run: Run, request: Request) -> None:
        """A reply that was lost with its worker. What it read has been paid for; it is settled, and asked again."""
        reserved = run.asked or Spend()
        spent = self._read(run, request, reserved)
        lost = ModelFailed(run.turn, "lost", "the worker died before the reply came", True, spent.to_json())
        own = Settle(run_account(run.id), reserved, spent)
        await self._append(run, (lost,), own, *settled_in(run.asked_of, spent))

    async def _bill(self, run: Run, reserved: Spend, request: Request) -> Bill:
        if self.booking is None or not self.booking.counts:
            return Bill(reserved)
        return await self.booking.question_to_model(run, reserved, request.deadlines.total)

    def _event(
        self, run: Run, number: int, request: Request, reply: Reply | _Failure, reserved: Spend
    ) -> ModelAnswered | ModelFailed:
        if isinstance(reply, Reply):
            return self._answered(number, reply, reserved)
        error = reply.error
        nothing = replace(reserved, tokens=0, nanos=0, input_tokens=0, output_tokens=0)
        spent = self._read(run, request, reserved) if reply.read else nothing
        return ModelFailed(number, error.kind, str(error), error.retryable, spent.to_json())

    def _read(self, run: Run, request: Request, reserved: Spend) -> Spend:
        """What a question costs that was read and not answered."""
        read = estimated_tokens(request, run)
        return replace(reserved, tokens=read, nanos=self.model.price.of(read, 0), input_tokens=read, output_tokens=0)

    def _reservation(self, run: Run, number: int, request: Request) -> Spend:
        read = estimated_tokens(request, run)
        nanos = self.model.price.most(read, request.max_output_tokens)
        turns = 1 if number > run.turn else 0  # a retry is the same turn
        most = request.max_output_tokens
        return Spend(turns=turns, tokens=read + most, nanos=nanos, input_tokens=read, output_tokens=most, model_calls=1)

    async def _reply(self, request: Request) -> Reply | _Failure:
        heard, total = False, request.deadlines.total
        try:
            async with asyncio.timeout(total), aclosing(self.model.provider.stream(request)) as events:
                async for event in events:
                    heard = True
                    self.watch(event)
                    if isinstance(event, Finished):
                        return event.reply
        except TimeoutError:
            return _Failure(ProviderError("timeout", f"no whole reply within {total:g} s"), read=True)
        except ProviderError as error:
            return _Failure(error, heard)
        except Exception as broken:  # a defect of an adapter: it must not take the turn along
            log.debug("a model backend failed", exc_info=True)
            why = f"the adapter of this backend failed: {type(broken).__name__}"  # its text may hold a secret
            return _Failure(ProviderError("protocol", why), heard)
        return _Failure(ProviderError("protocol", "the reply ended before it was complete"), heard)

    def _answered(self, number: int, reply: Reply, reserved: Spend) -> ModelAnswered:
        """Tools run only if the reply is complete: the calls of one that was cut are kept as words, and not made."""
        usage = reply.usage
        price = max(0, self.model.price.of(usage.input, usage.output, usage.cache_read, usage.cache_write))
        spent = Spend(
            turns=reserved.turns,
            tokens=usage.total,
            nanos=price if reply.cost_nanos is None else max(0, reply.cost_nanos),
            input_tokens=usage.input,
            output_tokens=usage.output,
            model_calls=1,
        )
        wishes = reply.message.tool_calls if reply.finish in _COMPLETE else ()
        calls = tuple(
            {"key": f"t{number}/call/{index}", "id": wish.id, "path": self.resolve(wish.name)}
            for index, wish in enumerate(wishes, 1)
        )
        message = message_to_json(reply.message)
        return ModelAnswered(number, message, reply.finish, reply.model, asdict(usage), spent.to_json(), calls)

    async def _append(self, run: Run, events: Sequence[Event], *changes: Change) -> None:
        await self.store.append(run.id, events, lease=self.lease, changes=changes)
