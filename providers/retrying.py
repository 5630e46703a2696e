"""The same request again, after a pause, where that may help: our own retries; those of the SDKs are off.

Which kinds of error say that it may: `ProviderError.retryable`. The pause is drawn from zero up to a bound that doubles
with each attempt ("full jitter"), so that many who failed together do not come back together; never less than what the
backend asked for. Who would have to wait past the deadline gives up at once.

An attempt may fail after words of it were shown. It is made again all the same: nothing of a reply is kept, and none of
its tools is executed, before it has finished, so the only thing to take back is what somebody has seen. `Retrying` says
so; who can't take back what he showed sets `after_words` to False.
"""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from providers import (
    Finished,
    Provider,
    ProviderError,
    Request,
    Retrying,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
)
from providers.breaker import CircuitOpen
from providers.clock import CLOCK, Clock
from providers.own_errors import GaveUp, cut, was_sent

__all__ = ["Patience", "Persistent"]

Draw = Callable[[float, float], float]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how long. `attempts` counts the first one; times are seconds.

    `base` is the bound of the first pause, `most` that of any; `longest` is how long a backend may ask us to stay away
    before we look elsewhere. `for_circuit`: waits also for an endpoint that is left alone just now; that is no attempt.
    """

    attempts: int = 4
    base: float = 0.5
    most: float = 20.0
    longest: float = 60.0
    after_words: bool = True
    for_circuit: bool = True

    def pause(self, error: ProviderError, attempt: int, left: float, draw: Draw = random.uniform) -> float | None:
        """Seconds until the attempt that follows the one of this number (from 1); None: there is none. `left` is the
        deadline.
        """
        asked = error.retry_after or 0.0
        if not self._may(error, attempt) or asked > self.longest:
            return None
        pause = asked + draw(0.0, min(self.most, self.base * 2.0 ** min(attempt - 1, 32)))
        return pause if pause < left else None

    def _may(self, error: ProviderError, attempt: int) -> bool:
        if isinstance(error, CircuitOpen):
            return self.for_circuit
        return error.retryable and attempt < self.attempts


class Persistent:
    """A backend that is asked again when it fails. The deadline in total is that of all attempts together."""

    def __init__(
        self,
        provider: Provider,
        patience: Patience | None = None,
        clock: Clock = CLOCK,
        draw: Draw = random.uniform,
    ) -> None:
        self._provider, self._patience, self._clock, self._draw = provider, patience or Patience(), clock, draw

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        until = self._clock.now() + request.deadlines.total
        attempt = sent = 1
        while True:
            said = False
            try:
                async with aclosing(self._provider.stream(self._within(request, until))) as events:
                    async for event in events:
                        said = said or isinstance(event, TextDelta | ThinkingDelta)
                        yield event
                        if isinstance(event, Finished):
                            return
                failed = cut()
            except ProviderError as error:
                failed = error
            pause = self._pause(failed, sent, until, said=said)
            attempt, sent = attempt + 1, sent + was_sent(failed)
            request = replace(
                request, most_input=request.most_input and 0
            )  # the one before may have taken what was left
            yield Retrying(attempt, pause, failed)
            await self._clock.sleep(pause)

    def _pause(self, error: ProviderError, attempt: int, until: float, *, said: bool) -> float:
        """Raises the error, or GaveUp, where there is no further attempt."""
        left = until - self._clock.now()
        allowed = self._patience.after_words or not said
        pause = self._patience.pause(error, attempt, left, self._draw) if allowed else None
        if pause is not None:
            return pause
        raise GaveUp(error, attempt) if error.retryable else error

    def _within(self, request: Request, until: float) -> Request:
        left = max(0.0, until - self._clock.now())
        return replace(request, deadlines=replace(request.deadlines, total=left))
