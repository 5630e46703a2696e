"""Rate limits, shared by all that ask the same endpoint in this process: who asks too soon waits for his turn.

What may go is what the admin says, and what the endpoint says: in its headers how much more it takes, and after a 429
nobody asks before the time that it named. `Paced` is a backend behind such a limit.
"""

import json
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from providers import Finished, Provider, ProviderError, Request, StreamEvent, Text, Thinking, ToolCall, ToolResult
from providers.allowance import allowance
from providers.bucket import Bucket
from providers.clock import CLOCK, Clock
from providers.own_errors import Unsent

__all__ = ["LONGEST_REST", "Limiter", "OverOurLimit", "Paced", "Rates", "weight"]

BYTES_A_TOKEN = 3  # as budgets estimate, on the safe side
_SPREAD = 1.0  # seconds, at most, between those who were held up together
_Name = tuple[str, str]  # of what, and whose limit
_UNKNOWN = 5.0  # seconds of rest after a 429 that names no time
LONGEST_REST = 300.0  # seconds for which an endpoint's word keeps everybody away: then one asks, and hears it anew


class OverOurLimit(Unsent):
    """Its turn would come too late. `retry_after` says when it would."""


@dataclass(frozen=True, slots=True)
class Rates:
    """In a minute; None: as much as the endpoint lets us."""

    requests: float | None = None
    tokens: float | None = None


class Limiter:
    """One endpoint's limits, as this process knows them."""

    def __init__(
        self,
        endpoint: str,
        rates: Rates | None = None,
        clock: Clock = CLOCK,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        rates = rates or Rates()
        self.endpoint = endpoint
        self._clock, self._draw = clock, draw
        self._buckets: dict[_Name, Bucket] = {
            (what, "ours"): Bucket.full(rate, clock.now())
            for what, rate in (("requests", rates.requests), ("tokens", rates.tokens))
            if rate is not None
        }
        self._heard_at: dict[_Name, float] = {}
        self._held_until = 0.0

    @property
    def held(self) -> float:
        """Seconds for which the endpoint wants nothing from us."""
        return max(0.0, self._held_until - self._clock.now())

    @property
    def weighs(self) -> bool:
        """Whether it matters how many tokens a request has."""
        return ("tokens", "ours") in self._buckets

    async def admit(self, tokens: float, patience: float) -> None:
        """Returns when this request may go. Raises OverOurLimit if that takes more seconds than there are."""
        wait = self._take(tokens)
        if wait > patience:
            self._give_back(tokens)
            text = f"`{self.endpoint}` may be asked again in {wait:.0f} s, which is too late"
            raise OverOurLimit("rate_limit", text, retry_after=wait)
        try:
            while wait > 0:
                await self._clock.sleep(wait)
                wait = self.held  # somebody else may have been refused meanwhile
                wait += self._draw(0.0, _SPREAD) if wait else 0.0
        except BaseException:
            self._give_back(tokens)
            raise

    def settle(self, reserved: float, used: float) -> None:
        """What a request took in the end, of our own limit: the endpoint counts for itself."""
        name = ("tokens", "ours")
        if name in self._buckets:
            self._buckets[name] = self._buckets[name].given_back(reserved - used, self._clock.now())

    def heard(self, headers: Mapping[str, str]) -> None:
        """What the endpoint says with an answer: how much more it takes, and when it takes all again.

        It holds for LONGEST_REST: then one asks, and hears it anew.
        """
        now = self._clock.now()
        for what in ("requests", "tokens"):
            said = allowance(headers, what, time.time())
            if said is not None and said.per_second is not None:
                self._buckets[what, "theirs"] = Bucket(said.limit, said.per_second, said.left, now)
                self._heard_at[what, "theirs"] = now

    def refused(self, retry_after: float | None) -> None:
        """The endpoint says that it was too much. It is left alone for as long as it wants, or for LONGEST_REST."""
        rest = _UNKNOWN if retry_after is None else min(retry_after, LONGEST_REST)
        self._held_until = max(self._held_until, self._clock.now() + rest)

    def _take(self, tokens: float) -> float:
        now, held = self._clock.now(), self.held
        self._forget(now)
        waits = [0.0, held + self._draw(0.0, _SPREAD) if held else 0.0]
        for name, bucket in self._buckets.items():
            self._buckets[name], wait = bucket.taken(_amount(name, tokens), now)
            heard = self._heard_at.get(name)
            waits.append(wait if heard is None else min(wait, heard + LONGEST_REST - now))
        return max(waits)

    def _forget(self, now: float) -> None:
        """What was heard so long ago that it holds no more."""
        for name in [name for name, heard in self._heard_at.items() if now >= heard + LONGEST_REST]:
            del self._buckets[name], self._heard_at[name]

    def _give_back(self, tokens: float) -> None:
        """Nothing was sent."""
        now = self._clock.now()
        for name, bucket in self._buckets.items():
            self._buckets[name] = bucket.given_back(_amount(name, tokens), now)


def _amount(name: _Name, tokens: float) -> float:
    """What a request takes of a bucket. Of the endpoint's own tokens it is one: our estimate of how many it will count
    is on the safe side, and nobody should wait for what it would let through.
    """
    return tokens if name == ("tokens", "ours") else 1.0


class Paced:
    """A backend that is asked only as often as its endpoint wants. `patience` is how long a request waits, in seconds;
    never past its own deadline.
    """

    def __init__(self, provider: Provider, limiter: Limiter, patience: float = 60.0) -> None:
        self._provider, self._limiter, self._patience = provider, limiter, patience

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        reserved = weight(request) if self._limiter.weighs else 0.0
        await self._limiter.admit(reserved, min(self._patience, request.deadlines.total))
        try:
            async with aclosing(self._provider.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished) and event.reply.usage.total:
                        self._limiter.settle(reserved, event.reply.usage.total)
                    yield event
        except ProviderError as error:
            if error.kind == "rate_limit":
                self._limiter.refused(error.retry_after)
            raise


def weight(request: Request) -> float:
    """Tokens that a request may take, about: all that is read, and the longest reply."""
    size = len(request.system) + sum(
        len(tool.name) + len(tool.description) + len(json.dumps(tool.input_schema)) for tool in request.tools
    )
    size += sum(_size(part) for message in request.messages for part in message.parts)
    return size / BYTES_A_TOKEN + request.max_output_tokens


def _size(part: object) -> int:
    match part:
        case Text(text) | Thinking(text):
            return len(text)
        case ToolCall(arguments=arguments):
            return len(arguments)
        case ToolResult(content=content):
            return sum(len(str(block.get("text", ""))) for block in content)
        case _:
            return BYTES_A_TOKEN * 1000  # a picture is about a thousand tokens
