"""With whom the pipeline deals, and what it answers."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.call import Call, JsonObject, Objection, Outcome, unopposed
from gateway.caller import NOBODY, Caller
from gateway.catalogue import Catalogue
from gateway.effects import Effects
from gateway.events import Denied, Doubted, Held, Returned

__all__ = ["CallResult", "CallSettings", "OutOfBudget", "Upstream"]


class Upstream(Protocol):
    """The servers, as the pipeline needs them."""

    @property
    def catalogue(self) -> Catalogue: ...

    def forward(  # noqa: PLR0913 - each has its default but the first three
        self,
        call: Call,
        *,
        timeout: float,
        meta: JsonObject,
        caller: Caller = NOBODY,
        answers: JsonObject | None = None,
        objection: Objection = unopposed,
    ) -> Awaitable[Outcome]:
        """Sends the call's exact arguments, once. Never raises for what a server does. `timeout` is in seconds.

        `answers` are `inputResponses` and `requestState` of a further round. `objection` is asked in the last moment,
        when there is a connection to its server: the call does not leave if there is one.
        """
        ...

    def wake(self, server: str) -> None:
        """Somebody was refused because this server is away: it is tried again soon. Never waits."""
        ...


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What the admin says about calls. Times are seconds; `safe_to_repeat` are globs of `server/tool`.

    `questions` is how many of one run may be open at once. `identities` says of each server, as a hash, how it is
    started or reached: what people agree to is bound to it. `secrets` are the gateway's own, as they are then: no
    question shows them. `effects` is what the admin says of single tools.
    """

    timeouts: Mapping[str, float] = field(default_factory=dict)  # by server
    timeout: float = 60.0
    approval_seconds: float = 7 * 24 * 3600.0
    safe_to_repeat: Sequence[str] = ()
    questions: int = 20
    identities: Mapping[str, str] = field(default_factory=dict)
    secrets: Callable[[], Collection[str]] = tuple
    effects: Effects = field(default_factory=Effects)

    def most(self, call: Call) -> float:
        """How long it may take, by the admin's word."""
        return self.timeouts.get(call.server, self.timeout)


@dataclass(frozen=True, slots=True)
class OutOfBudget:
    """The call does not fit any more, or (without a unit) too many questions of its run are open. Nothing was recorded:
    a driven run pauses, and makes it once it fits. `budget` is the name of the one over many runs that has no room.
    """

    unit: str | None
    why: str
    budget: str | None = None


CallResult = Denied | Held | Returned | Doubted | OutOfBudget
