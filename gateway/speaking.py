"""How a run speaks with its model: which agent speaks, which model answers, which tools that one is shown, and how long
it may take.

One for each driver of a run. What it has looked up it keeps for as long as it is that: the agent for good, the model
until the user chooses another, the tools until the servers', the policy or the window change.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from gateway.agents import Agent
from gateway.agents.context import window_of
from gateway.agents.offering import Offer, offer, wanted
from gateway.booking import Booking
from gateway.call import Tool
from gateway.calling import seconds_left
from gateway.catalogue import Catalogue
from gateway.conversation import Purpose
from gateway.events import Event
from gateway.facts import aware
from gateway.fitting import Fitting, Teller
from gateway.gates import listed
from gateway.journal import Journal
from gateway.pipeline import Pipeline
from gateway.policy import LivePolicy, Policy
from gateway.run import Run
from gateway.store import Store
from gateway.tracing import Tracing
from gateway.turn import Model, Turn, unheard
from gateway.values import value
from providers import Deadlines, Request, StreamEvent, ToolCall

__all__ = ["Parts", "Speaking"]


@value(frozen=True, slots=True)
class Parts:
    """What a loop works with. `agent` and `model` look up by name; they raise ConfigError for one that is unknown.

    A model is asked for as long a reply as its agent says, in tokens; for one of its own length, if he does not.
    """

    store: Store
    pipeline: Pipeline
    policy: LivePolicy
    tracing: Tracing
    catalogue: Callable[[], Catalogue]
    agent: Callable[[str | None], Agent]
    model: Callable[[str, int | None], Model]
    booking: Booking | None = None


@value(frozen=True, slots=True)
class _Offered:
    """An offer, and what it was made of."""

    catalogue: Catalogue
    policy: Policy
    window: int
    offer: Offer

    def of(self, catalogue: Catalogue, policy: Policy, window: int) -> bool:
        """Whether it is what they make."""
        return self.catalogue is catalogue and (self.policy.digest, self.window) == (policy.digest, window)


class Speaking:
    """For the run of a journal; `heard` is told what the model says just now, `rests` for how long it is left alone."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        heard: Callable[[StreamEvent], None],
        rests: Callable[[float], None] = unheard,
    ) -> None:
        self._parts, self._journal, self._heard, self._rests = parts, journal, heard, rests
        self._fitting = Fitting()
        self._agent: Agent | None = None
        self._model: tuple[str, Model] | None = None
        self._offered: _Offered | None = None
        self._teller: Teller | None = None

    @property
    def _run(self) -> Run:
        return self._journal.run

    @property
    def agent(self) -> Agent:
        """Raises ConfigError."""
        if self._agent is None:
            name = self._run.subject.agent
            self._agent = self._parts.agent(name.partition(":")[2] if name else None)
        return self._agent

    @property
    def model(self) -> Model:
        """Raises ConfigError."""
        if self._model is None or self._model[0] != self._run.model:
            self._model = self._run.model, self._parts.model(self._run.model, self.agent.max_output_tokens)
        return self._model[1]

    def check(self) -> None:
        """Raises ConfigError for an agent or a model that is not configured."""
        _ = self.model

    @property
    def offer(self) -> Offer:
        """What the model is shown."""
        catalogue, policy, agent = self._parts.catalogue(), self._parts.policy.glance, self.agent
        window, subject = window_of(agent, self.model.window), self._run.subject
        if self._offered is None or not self._offered.of(catalogue, policy, window):
            now = aware(self._parts.store.now())

            def visible(tool: Tool) -> bool:
                return listed(tool, catalogue, policy, subject, now)

            self._offered = _Offered(catalogue, policy, window, offer(agent, catalogue, visible, window))
        return self._offered.offer

    @property
    def traces(self) -> bool:
        """Whether the policy by which tools were offered asks where values came from, or nobody knows yet."""
        return self._offered is None or self._offered.policy.traces

    async def fits(self, turn: int) -> bool:
        """Whether the next question fits the window, by the tools that there are now; if not, one step has been taken
        towards it. Raises ContextTooSmall.
        """
        return await self._fitting.fits(self._run, turn, self._told(), self._summarised)

    def request(self) -> Request:
        """The next question, as it was found to fit."""
        return self._fitting.request(self._run, self._teller or self._told(), self._deadlines)

    def turn(self, purpose: Purpose = "answer") -> Turn:
        """One that is asked for this."""
        parts, heard = self._parts, self._heard if purpose == "answer" else unheard
        return Turn(self._journal, parts.tracing, self.model, self._wanted, heard, parts.booking, purpose, self._rests)

    def resolved(self, name: str) -> str:
        """By the tools that there are when the model has spoken: a server may have come back meanwhile."""
        return self._parts.catalogue().resolve(name)

    def _told(self) -> Teller:
        model, made = self.model, self.offer
        if self._teller is None or self._teller.model is not model or self._teller.offer is not made:
            agent = self.agent
            agent = agent if agent.max_output_tokens else replace(agent, max_output_tokens=model.most_output)
            self._teller = Teller(agent, model, made, partial(_record, self._journal), self._parts.tracing)
        return self._teller

    async def _summarised(self, request: Request) -> None:
        request = replace(request, deadlines=self._deadlines)
        await self.turn("summary").ask(self._run, self._run.turn, request)

    def _wanted(self, wish: ToolCall) -> Mapping[str, str]:
        return wanted(wish, self._offered.offer if self._offered else self.offer, self.resolved)

    @property
    def _deadlines(self) -> Deadlines:
        """Those of the model, within the time that the run may still work."""
        said, left = self.model.deadlines, seconds_left(self._run, self._parts.store.now())
        return said if left is None or left >= said.total else replace(said, total=left)


async def _record(journal: Journal, event: Event) -> None:
    await journal.append((event,))
