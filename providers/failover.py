"""One model after another: when one fails for good, the next one goes on with the same conversation.

Which kinds of error say that another may do better stands in `MOVES`. What a backend refuses for what it was asked
(`refused`) is not asked elsewhere, and a request that is wrong is wrong everywhere. The conversation goes on whole;
what belongs to one backend alone (signatures, encrypted reasoning) carries its name, and no other backend reads it.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from providers import (
    Effort,
    Finished,
    MovedOn,
    Provider,
    ProviderError,
    ProviderErrorKind,
    Request,
    StreamEvent,
)
from providers.clock import CLOCK, Clock
from providers.fitting import Ability, fitted
from providers.own_errors import cut

__all__ = ["MOVES", "Candidate", "Failover"]

MOVES: frozenset[ProviderErrorKind] = frozenset(
    {
        "auth", "permission", "quota", "not_found", "unsupported",  # this one will not serve us
        "too_large",  # the window of another may be larger
        "rate_limit", "overloaded", "server", "timeout", "network", "protocol",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model by the name that people know it by, and by its backend's own.

    `most_output` is the longest reply that it can give, in tokens; `effort` is what it is asked for if nobody says;
    `lacks` is what it can't do.
    """

    name: str
    model: str
    provider: Provider
    most_output: int | None = None
    effort: Effort | None = None
    lacks: frozenset[Ability] = frozenset()

    def asked(self, request: Request) -> Request:
        """The request as this model takes it."""
        most = request.max_output_tokens if self.most_output is None else self.most_output
        most, effort = min(request.max_output_tokens, most), request.effort or self.effort
        return fitted(replace(request, model=self.model, max_output_tokens=most, effort=effort), self.lacks)


class Failover:
    """The candidates, in order; at least one. The deadline in total is that of all together."""

    def __init__(self, candidates: Sequence[Candidate], clock: Clock = CLOCK) -> None:
        self._candidates, self._clock = tuple(candidates), clock

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        until = self._clock.now() + request.deadlines.total
        for candidate, following in zip(self._candidates, (*self._candidates[1:], None), strict=True):
            left = until - self._clock.now()
            asked = replace(candidate.asked(request), deadlines=replace(request.deadlines, total=max(0.0, left)))
            try:
                async with aclosing(candidate.provider.stream(asked)) as events:
                    async for event in events:
                        yield event
                        if isinstance(event, Finished):
                            return
                failed = cut()
            except ProviderError as error:
                failed = error
            if following is None or failed.kind not in MOVES or until <= self._clock.now():
                raise failed
            request = replace(
                request, most_input=request.most_input and 0
            )  # the one before may have taken what was left
            yield MovedOn(following.name, failed)
