"""A model as it is asked, billed and traced; and what a question costs, however it ends. Pure.

An answer that never came whole is not free: a backend that had begun to answer, or was given up after its time, has
read the question; so what was read, and what had come of the answer, is counted as spent.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.agents.context import BYTES_A_TOKEN
from gateway.budget import Limits, Price, Spend
from gateway.values import value
from providers import (
    Deadlines,
    Finished,
    MovedOn,
    Provider,
    ProviderError,
    Reply,
    Request,
    Retrying,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.own_errors import was_sent

__all__ = ["Backend", "Heard", "Model", "answered", "failed", "readable", "reservation", "spent"]

_WORDS = (TextDelta, ThinkingDelta, ToolCallStarted, ToolCallArgumentsDelta)
_NANOS = 1_000_000_000


@value(frozen=True, slots=True)
class Backend:
    """One model: its `name` for people, and its provider's own for it. `system`, `address` and `port` are for traces.

    `most_output` is the longest reply that it is asked for, in tokens. `count` says how many tokens a request has, or
    None. `window` is how many it can read, where that is known; `seconds` are for its whole reply, with all attempts.
    """

    name: str
    model: str
    price: Price
    system: str = ""
    address: str | None = None
    port: int | None = None
    most_output: int | None = None
    effort: str | None = None
    count: Callable[[Request], Awaitable[int | None]] | None = None
    window: int | None = None
    seconds: float | None = None


@value(frozen=True, slots=True)
class Model:
    """What a run asks: a provider, behind which there may be several backends, in this order.

    `name` and `price` are the first one's; `window` is how many tokens each of them can read, where that is known;
    `deadlines` are for all of them together, `most_output` is the longest reply that one of them is asked for.
    """

    provider: Provider
    name: str
    price: Price
    deadlines: Deadlines = field(default_factory=Deadlines)
    window: int | None = None
    backends: tuple[Backend, ...] = ()
    most_output: int | None = None

    @property
    def narrowest(self) -> Backend:
        """The one with the smallest window: what fits it fits all."""
        known = [backend for backend in self.backends if backend.window is not None]
        return min(known, key=lambda backend: backend.window or 0, default=self.first)

    @property
    def first(self) -> Backend:
        """Whoever is asked before all others."""
        return self.backends[0] if self.backends else Backend("", self.name, self.price)

    def backend(self, name: str) -> Backend:
        """The one of this name; the first, for a name that is not (any more) among them."""
        return next((backend for backend in self.backends if backend.name == name), self.first)


@dataclass(slots=True)
class Heard:
    """What has come of one attempt's reply until now. Times are in nanoseconds since 1970."""

    began: int
    first: int | None = None
    anything: bool = False
    size: int = 0  # bytes of words
    usage: Usage | None = None

    def hear(self, event: StreamEvent, now: int) -> None:
        """Raises TypeError, AttributeError for what is no event: an adapter has a defect."""
        _check(event)
        if isinstance(event, (Retrying, MovedOn)):
            return  # they tell of the attempt before
        self.anything = True
        if isinstance(event, UsageUpdate):
            self.usage = event.usage
        elif isinstance(event, _WORDS):
            self.first = self.first or now
            self.size += 0 if isinstance(event, ToolCallStarted) else len(event.text.encode(errors="surrogatepass"))

    @property
    def seconds_to_first(self) -> float | None:
        """Until the first word of the reply."""
        return None if self.first is None else max(0, self.first - self.began) / _NANOS


def _check(event: StreamEvent) -> None:
    """What decides how it goes on is what it says that it is."""
    held: Any = event
    match event:
        case Finished():
            sound = isinstance(held.reply, Reply)
        case Retrying():
            sound = isinstance(held.error, ProviderError) and isinstance(held.delay, (int, float))
        case MovedOn():
            sound = isinstance(held.error, ProviderError)
        case _:
            return
    if not sound:
        raise TypeError(type(event).__name__)


def reservation(backend: Backend, read: int, request: Request, *, new_turn: bool) -> Spend:
    """The most that a question may take. `read` is how many tokens it has; another attempt is no new turn."""
    most = min(request.max_output_tokens, backend.most_output or request.max_output_tokens)
    return Spend(
        turns=int(new_turn),
        tokens=read + most,
        nanos=backend.price.most(read, most),
        input_tokens=read,
        output_tokens=most,
        model_calls=1,
    )


def readable(backends: Sequence[Backend], reserved: Spend, limits: Limits, taken: Spend) -> int | None:
    """How many tokens may be read in all for one reply, where a backend reads several times: what is reserved, and what
    a run's own limits leave of the rest. `taken` is what it has spent and reserved, this question included.

    None where nothing limits it. Whichever of the backends answers, at the dearest of its prices.
    """
    left, most = limits.left(taken), []
    most += [reserved.input_tokens + left[unit] for unit in ("tokens", "input_tokens") if unit in left]
    prices = [price for each in backends for price in (each.price, *(tier for _, tier in each.price.tiers))]
    dearest = max((max(price.input, price.cache_write or 0) for price in prices), default=0)
    if "nanos" in left and dearest:
        said = max(price.output for price in prices) * reserved.output_tokens
        most.append(max(0, reserved.nanos + left["nanos"] - said) // dearest)
    return min(most, default=None)


def answered(backend: Backend, reply: Reply, reserved: Spend) -> Spend:
    """What a whole reply has cost: what its backend says, else by its price. Only the admin says that it is free."""
    cost = spent(backend, reply.usage, reserved)
    return replace(cost, nanos=max(0, reply.cost_nanos)) if reply.cost_nanos else cost


def failed(backend: Backend, read: int, heard: Heard, error: ProviderError, reserved: Spend) -> Spend:
    """What an attempt has cost that failed."""
    nothing = replace(reserved, tokens=0, nanos=0, input_tokens=0, output_tokens=0)
    if not was_sent(error):
        return replace(nothing, model_calls=0)
    if not (heard.anything or error.kind == "timeout"):
        return nothing
    usage = heard.usage or Usage()
    return spent(backend, replace(usage, input=usage.input or read, output=_output(usage, heard)), reserved)


def spent(backend: Backend, usage: Usage, reserved: Spend) -> Spend:
    """By its price."""
    nanos = max(0, backend.price.of(usage.input, usage.output, usage.cache_read, usage.cache_write))
    return replace(reserved, tokens=usage.total, nanos=nanos, input_tokens=usage.input, output_tokens=usage.output)


def _output(usage: Usage, heard: Heard) -> int:
    """What it says, or what was seen of it, whichever is more."""
    return max(usage.output, heard.size // BYTES_A_TOKEN)
