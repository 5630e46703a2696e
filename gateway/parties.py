"""With whom the pipeline deals, and what it answers."""

from dataclasses import dataclass
from typing import Protocol

from gateway.call import Call, JsonObject, Outcome
from gateway.caller import NOBODY, Caller
from gateway.catalogue import Catalogue
from gateway.events import Denied, Doubted, Held, Returned

__all__ = ["CallResult", "OutOfBudget", "Upstream"]


class Upstream(Protocol):
    """The servers, as the pipeline needs them."""

    @property
    def catalogue(self) -> Catalogue: ...

    async def forward(
        self,
        call: Call,
        *,
        timeout: float,
        meta: JsonObject,
        caller: Caller = NOBODY,
        answers: JsonObject | None = None,
    ) -> Outcome:
        """Sends the call's exact arguments, once. Never raises for what a server does. `timeout` is in seconds.

        `answers` are `inputResponses` and `requestState` of a further round.
        """
        ...

    def wake(self, server: str) -> None:
        """Somebody was refused because this server is away: it is tried again soon. Never waits."""
        ...


@dataclass(frozen=True, slots=True)
class OutOfBudget:
    """The call does not fit any more, or (without a unit) too many questions of its run are open. Nothing was recorded:
    a driven run pauses, and makes it once it fits.
    """

    unit: str | None
    why: str


CallResult = Denied | Held | Returned | Doubted | OutOfBudget
