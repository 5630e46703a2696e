"""Models in a row: each is asked on its own terms, whoever failed before it.

Its deadlines are those of its endpoint, its longest reply is what is said of it; what fits the window of one must fit
that of the next, so the smallest one counts for all.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gateway.agents import DEFAULT_OUTPUT, DEFAULT_WINDOW
from gateway.backend import Backend, Model
from gateway.budget import Price
from gateway.config.choosing import Chosen
from providers import Deadlines, Provider, Request, StreamEvent
from providers.clock import Clock
from providers.failover import Candidate, Failover
from providers.late import Late
from providers.sound import sound_count

__all__ = ["Member", "Timed", "in_a_row"]


class Timed:
    """A backend with deadlines of its own, within what is left of the whole."""

    def __init__(self, provider: Provider, deadlines: Deadlines) -> None:
        self._provider, self._deadlines = provider, deadlines

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        own = replace(self._deadlines, total=min(self._deadlines.total, request.deadlines.total))
        async with aclosing(self._provider.stream(replace(request, deadlines=own))) as events:
            async for event in events:
                yield event


@dataclass(frozen=True, slots=True)
class Member:
    """One model, whoever asks it. `window` is in tokens, None where nobody has said; `late` is behind a network."""

    found: Chosen
    provider: Provider
    price: Price
    window: int | None = None
    late: Late | None = None

    @property
    def deadlines(self) -> Deadlines:
        if self.found.served is None:
            return Deadlines()
        said = self.found.served.said.deadlines
        return Deadlines(said.first, said.between, said.total)

    @property
    def readable(self) -> int | None:
        """How much it can be told: of a network's model of which nobody has said it, as much as most take."""
        return self.window if self.window is not None or self.late is None else DEFAULT_WINDOW

    def candidate(self, most: int | None) -> Candidate:
        """As it is asked for a reply of at most so many tokens; by itself as many as are said of it."""
        found, said = self.found, self.found.said
        wanted = most or (said.max_output_tokens if said else None) or DEFAULT_OUTPUT
        able = said.max_output if said else None
        effort, lacks = (said.effort if said else None), frozenset(said.lacks if said else ())
        timed = Timed(self.provider, self.deadlines)
        return Candidate(found.name, found.model, timed, min(wanted, able or wanted), effort, lacks)

    def backend(self, candidate: Candidate) -> Backend:
        """As it is billed and traced."""
        found, served, late = self.found, self.found.served, self.late
        own = Backend(
            found.name,
            found.model,
            self.price,
            most_output=candidate.most_output,
            effort=candidate.effort,
            window=self.readable,
            seconds=self.deadlines.total,
        )
        if served is None or late is None:
            return replace(own, system="scripted" if found.recording is None else "replay")

        async def count(request: Request) -> int | None:
            return sound_count(await late.count(candidate.asked(request)))

        host = urlsplit(served.base_url or "")
        return replace(own, system=served.system, address=host.hostname, port=host.port, count=count)


def in_a_row(members: Sequence[Member], most: int | None, clock: Clock) -> Model:
    """One after another. `most` is the longest reply that is wanted, in tokens; by itself each gives its own."""
    candidates = [member.candidate(most) for member in members]
    backends = tuple(member.backend(candidate) for member, candidate in zip(members, candidates, strict=True))
    first = backends[0]
    whole = Deadlines(
        max(member.deadlines.first for member in members),
        max(member.deadlines.between for member in members),
        sum(member.deadlines.total for member in members),
    )
    windows = [backend.window for backend in backends if backend.window is not None]
    known = members[0].window if len(members) == 1 else min(windows, default=None)
    longest = max(candidate.most_output or DEFAULT_OUTPUT for candidate in candidates)
    return Model(Failover(candidates, clock), first.model, first.price, whole, known, backends, longest)
