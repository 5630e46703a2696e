"""What the model is told fits its window: where it does not, less is told, and that is recorded before it is.

A step at a time, as everything in a run: first a summary is asked for (a question to the model like any other:
reserved, settled, traced), then it takes the place of what it is about. Whoever takes the run up in between goes on
there.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from gateway.agents import Agent
from gateway.agents.compaction import Room, left_out, planned, settled, weigh
from gateway.agents.context import assemble, estimated_tokens, room_of, window_of
from gateway.agents.history import History, told
from gateway.agents.offering import Offer
from gateway.agents.summary import by_rule, summary_request
from gateway.conversation import Compacted, Compaction
from gateway.counting import counted
from gateway.events import Event
from gateway.run import Run
from gateway.steps import tells_less
from gateway.tracing import Interval, Tracing
from gateway.turn import Model
from gateway.values import value
from providers import Deadlines, Request

__all__ = ["Fitting", "Teller"]


@value(frozen=True, slots=True)
class Teller:
    """Who is told, what there is to be told, and how it is done."""

    agent: Agent
    model: Model
    offer: Offer
    record: Callable[[Event], Awaitable[None]]
    tracing: Tracing


@dataclass(slots=True)
class Fitting:
    """One driver's knowledge of one run. `scale` is how many tokens there really are to each estimated one."""

    history: History = field(default_factory=History)
    scale: float = 1.0
    _known: tuple[Teller, tuple[object, ...], Room] | None = None

    def request(self, run: Run, teller: Teller, deadlines: Deadlines | None = None) -> Request:
        """The next question to the model; the deadlines are those of `providers`, if nobody says others."""
        self.history.keep_up(run.messages, run.compaction)
        shown = self.history.shown
        return assemble(teller.agent, run, teller.model.name, teller.offer, shown, deadlines=deadlines)

    async def fits(self, run: Run, turn: int, teller: Teller, ask: Callable[[Request], Awaitable[object]]) -> bool:
        """Whether the conversation fits; if not, one step has been taken towards it. `ask` puts a question for a
        summary. Raises ContextTooSmall.

        What the model has refused as too large does not fit, whatever its window is said to be: half of it may.
        """
        room = self._room(run, teller)
        if run.size <= room.mark or await self._counted(run, teller):
            return True
        begin = time.time_ns()
        self.history.keep_up(run.messages, run.compaction)
        wanted = planned(self.history.messages, run.compaction, teller.agent.context.keep_recent, room)
        grows = wanted.messages > run.compaction.messages
        if grows and not run.draft and not run.draft_failed:
            await ask(self._summary(run, wanted, teller, room))
            return False
        if grows:
            wanted = replace(wanted, summary=run.draft or self._by_rule(run, wanted, room))
        told_now = settled(self.history.messages, wanted, room)
        by = teller.model.name if grows and run.draft else ""
        because = "too_large" if tells_less(run) else ""
        await teller.record(replace(self._event(turn, told_now), by=by, because=because))
        teller.tracing.compacted(run, turn, Interval(begin, time.time_ns()))
        return False

    def _room(self, run: Run, teller: Teller) -> Room:
        """Reckoned again only when something is another that takes room."""
        taking = (run.pinned, run.output_schema, run.overfull, self.scale)
        if self._known is None or self._known[0] is not teller or self._known[1] != taking:
            window = window_of(teller.agent, teller.model.window)
            room = room_of(teller.agent, run, teller.offer.shown, window, self.scale)
            self._known = teller, taking, room if run.overfull is None else room.at_most(run.overfull // 2)
        return self._known[2]

    async def _counted(self, run: Run, teller: Teller) -> bool:
        """Whether it fits after all, by a backend that can count: it is asked only where the estimate says no."""
        refused = run.overfull is not None and run.size > run.overfull // 2
        backend = teller.model.narrowest
        if backend.count is None or refused:
            return False
        request = self.request(run, teller)
        tokens = await counted(backend, request)
        if tokens is None:
            return False
        self.scale = max(0.1, tokens / estimated_tokens(request, run))
        return run.size <= self._room(run, teller).mark

    def _summary(self, run: Run, wanted: Compaction, teller: Teller, room: Room) -> Request:
        older = self.history.messages[run.compaction.messages : wanted.messages]
        return summary_request(teller.model.name, older, run.compaction.summary, room.mark)

    def _by_rule(self, run: Run, wanted: Compaction, room: Room) -> str:
        older = self.history.messages[run.compaction.messages : wanted.messages]
        return by_rule(older, run.compaction.summary, room.summary)

    def _event(self, turn: int, now: Compaction) -> Compacted:
        messages = self.history.messages
        size, missing = weigh(told(messages, now)), left_out(messages, now)
        return Compacted(turn, now.results, now.messages, now.summary, size, now.cut, now.longest, missing)
