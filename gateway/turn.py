"""One question to a model: reserve, ask, settle. Whatever goes wrong becomes a `ModelFailed`, never a lost turn."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace

from gateway.agents.context import estimated_tokens
from gateway.budget import Price, Spend
from gateway.errors import BudgetExceeded
from gateway.events import Event, ModelAnswered, ModelAsked, ModelFailed, Paused
from gateway.run import Run
from gateway.store import Lease, Reserve, Settle, Store, run_account
from gateway.tracing import Interval, Tracing
from providers import Finish, Finished, Provider, ProviderError, Reply, Request, StreamEvent, message_to_json

__all__ = ["Model", "Turn"]

_COMPLETE: frozenset[Finish] = frozenset({"stop", "tool_calls"})


@dataclass(frozen=True, slots=True)
class Model:
    """A backend, and what it calls the model. `timeout` is in seconds, for a whole reply."""

    provider: Provider
    name: str
    price: Price
    timeout: float = 120.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that one question to the model needs. `resolve` turns an exposed name into a `server/tool` path."""

    store: Store
    tracing: Tracing
    model: Model
    lease: Lease
    resolve: Callable[[str], str]
    watch: Callable[[StreamEvent], None]

    async def ask(self, run: Run, number: int, request: Request) -> None:
        """Asks once, and records what came of it. Raises StoreError."""
        account = run_account(run.id)
        reserved = self._reservation(run, number, request)
        asked = ModelAsked(number, reserved.to_json())
        try:
            await self._append(run, asked, Reserve(account, reserved, run.limits))
        except BudgetExceeded as error:
            await self._append(run, Paused("budget", str(error), error.unit))
            return
        begin = time.time_ns()
        try:
            reply = await self._reply(request)
        except ProviderError as error:
            await self._fail(run, number, reserved, error)
            return
        answered = self._answered(number, reply, reserved)
        await self._append(run, answered, Settle(account, reserved, Spend.from_json(answered.spent)))
        self.tracing.asked(run, answered, request.timeout, Interval(begin, time.time_ns()))

    async def forget(self, run: Run) -> None:
        """A reply that was lost with its worker. What it read has been paid for; it is settled, and asked again."""
        reserved = run.asked or Spend()
        spent = replace(reserved, tokens=0, nanos=0)
        lost = ModelFailed(run.turn, "lost", "the worker died before the reply came", True, spent.to_json())
        await self._append(run, lost, Settle(run_account(run.id), reserved, spent))

    def _reservation(self, run: Run, number: int, request: Request) -> Spend:
        read = estimated_tokens(request, run)
        nanos = self.model.price.of(read, request.max_output_tokens)
        turns = 1 if number > run.turn else 0  # a retry is the same turn
        return Spend(turns=turns, tokens=read + request.max_output_tokens, nanos=nanos)

    async def _reply(self, request: Request) -> Reply:
        try:
            async with asyncio.timeout(request.timeout), aclosing(self.model.provider.stream(request)) as events:
                async for event in events:
                    self.watch(event)
                    if isinstance(event, Finished):
                        return event.reply
        except TimeoutError:
            raise ProviderError("timeout", f"no whole reply within {request.timeout:g} s") from None
        raise ProviderError("protocol", "the reply ended before it was complete")

    async def _fail(self, run: Run, number: int, reserved: Spend, error: ProviderError) -> None:
        spent = replace(reserved, tokens=0, nanos=0)
        failed = ModelFailed(number, error.kind, str(error), error.retryable, spent.to_json())
        await self._append(run, failed, Settle(run_account(run.id), reserved, spent))

    def _answered(self, number: int, reply: Reply, reserved: Spend) -> ModelAnswered:
        """Tools run only if the reply is complete: the calls of one that was cut are kept as words, and not made."""
        usage = reply.usage
        price = self.model.price.of(usage.input, usage.output)
        spent = Spend(
            turns=reserved.turns,
            tokens=usage.total,
            nanos=price if reply.cost_nanos is None else max(0, reply.cost_nanos),
        )
        wishes = reply.message.tool_calls if reply.finish in _COMPLETE else ()
        calls = tuple(
            {"key": f"t{number}/call/{index}", "id": wish.id, "path": self.resolve(wish.name)}
            for index, wish in enumerate(wishes, 1)
        )
        message = message_to_json(reply.message)
        return ModelAnswered(number, message, reply.finish, reply.model, asdict(usage), spent.to_json(), calls)

    async def _append(self, run: Run, event: Event, *changes: Reserve | Settle) -> None:
        events: Sequence[Event] = (event,)
        await self.store.append(run.id, events, lease=self.lease, changes=changes)
