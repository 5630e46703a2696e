"""A circuit breaker: an endpoint that fails again and again is left alone for a while. `circuit` has the rules.

One `Breaker` is shared by all that ask the same endpoint in this process; `Guarded` is a backend behind it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from providers import Finished, Provider, ProviderError, Request, StreamEvent
from providers.circuit import (
    CLOSED,
    ILL,
    Open,
    Rule,
    State,
    admitted,
    after_failure,
    after_success,
    after_word,
    given_up,
    name_of,
)
from providers.clock import CLOCK, Clock
from providers.own_errors import Unsent

__all__ = ["Breaker", "CircuitOpen", "Guarded"]

_SOON = 5.0  # seconds, after which whoever waits for the one that is trying may ask again


class CircuitOpen(Unsent):
    """The endpoint failed too often just now. `retry_after` says when it is tried again."""


class Breaker:
    """The state of one endpoint, as this process knows it. `told` hears of each change that people would notice."""

    def __init__(
        self,
        endpoint: str,
        rule: Rule | None = None,
        clock: Clock = CLOCK,
        told: Callable[["Breaker"], None] = lambda _: None,
    ) -> None:
        self.endpoint = endpoint
        self.state: State = CLOSED
        self._rule, self._clock, self._told = rule or Rule(), clock, told

    @property
    def name(self) -> str:
        """`closed`, `open` or `half-open`."""
        return name_of(self.state, self._clock.now())

    @property
    def rests(self) -> float:
        """Seconds until it may be tried again; 0 if it may be asked."""
        return max(0.0, self.state.until - self._clock.now()) if isinstance(self.state, Open) else 0.0

    def admit(self) -> None:
        """Raises CircuitOpen. Whoever is let through must say what came of it."""
        after = admitted(self.state, self._clock.now())
        if after is None:
            why = self.state.kind if isinstance(self.state, Open) else "it is being tried just now"
            rests = self.rests or _SOON
            text = f"`{self.endpoint}` failed too often and is left alone for {rests:.0f} s ({why})"
            raise CircuitOpen("overloaded", text, retry_after=rests)
        self._become(after)

    def answering(self) -> None:
        """Its first word has come."""
        self._become(after_word(self.state, self._rule))

    def succeeded(self) -> None:
        self._become(after_success(self.state))

    def failed(self, error: ProviderError) -> None:
        """Also an error may be a sign of health: it is an answer."""
        ill = error.kind in ILL
        self._become(
            after_failure(self.state, error, self._clock.now(), self._rule) if ill else after_success(self.state)
        )

    def left(self) -> None:
        """Nobody waited for the answer."""
        self._become(given_up(self.state, self._clock.now()))

    def recall(self, rests: float, trips: int, error: ProviderError) -> None:
        """What is remembered from before: the endpoint was ill, and is left alone for so many seconds more."""
        self.state = Open(self._clock.now() + rests, trips, error.kind)

    def _become(self, state: State) -> None:
        before, self.state = self.state, state
        if type(before) is not type(state):
            self._told(self)


class Guarded:
    """A backend that is asked only while its endpoint is well."""

    def __init__(self, provider: Provider, breaker: Breaker) -> None:
        self._provider, self._breaker = provider, breaker

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        self._breaker.admit()
        judged = answering = False
        try:
            async with aclosing(self._provider.stream(request)) as events:
                async for event in events:
                    if not answering:
                        answering = True
                        self._breaker.answering()
                    if isinstance(event, Finished):
                        judged = True
                        self._breaker.succeeded()
                    yield event
        except Unsent:
            raise  # it says nothing about the endpoint
        except ProviderError as error:
            judged = True
            self._breaker.failed(error)
            raise
        finally:
            if not judged:
                self._breaker.left()
