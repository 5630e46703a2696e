"""Who sends a request, and which part of the gateway he sees. Put into the request's ASGI scope by `door`.

He stands at `scope["state"][ASKER]`. A request over HTTP that has none went round the door: it is nobody's, and
fails. Over stdio there is no request; the client is whoever started us. Where clients log in, what may be asked again
stands at `scope["state"][STILL]`: whether he may still come in.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.call import Subject
from gateway.profile import WHOLE, Profile
from gateway.results import Fact, afar

__all__ = ["ASKER", "STILL", "Asker", "Person", "Standing", "Still", "asker_of"]

ASKER = "toolgate.asker"
STILL = "toolgate.still"

# What somebody was let in with is good; has ended, or can't be looked at now; or was taken back.
Standing = Literal["good", "ended", "gone"]
Still = Callable[[], Awaitable[Standing]]
Person = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asker:
    """Compared as a whole: the same person at another profile is another client. `local`: he started this process.

    Its hash is found out once: each call of a session looks by it.
    """

    subject: Subject
    profile: Profile = WHOLE
    local: bool = False
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.subject, self.profile, self.local)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def person(self) -> Person:
        """Tenant and user: who he is at every profile, and through whichever agent he asks."""
        return self.subject.person

    def told(self, fact: Fact) -> Fact:
        """A denial or a question as he is told of it (`results.afar`): where our files are, is for who is here."""
        return fact if self.local else afar(fact)


def asker_of(request: Any, local: Asker | None) -> Asker:
    """Who sent a request: a Starlette one, or None over stdio, where `local` asks. Over HTTP `local` is None.

    Raises LookupError for a request that is nobody's.
    """
    if request is None:
        if local is None:
            raise LookupError("a request that did not come through the door")
        return local
    state: Mapping[str, Any] = request.scope["state"]
    asker: Asker = state[ASKER]
    return asker
