"""What a supervisor is given: with each call an errand, and to a private connection a share of the public one."""

from collections.abc import Callable, Collection
from dataclasses import field

from gateway.call import JsonObject, Objection, unopposed
from gateway.caller import NOBODY, Caller
from gateway.upstream.listing import Listing
from gateway.upstream.watching import Watched
from gateway.values import value

__all__ = ["Errand", "Public"]


@value(frozen=True, slots=True)
class Errand:
    """What goes along with a call. `timeout`, in seconds, includes the wait for a restart. If there is an `objection`
    once there is a connection, nothing is sent.
    """

    timeout: float
    meta: JsonObject = field(default_factory=dict)
    caller: Caller = NOBODY
    answers: JsonObject | None = None
    objection: Objection = unopposed


@value(frozen=True, slots=True)
class Public:
    """What a private connection has from the public one to the same server, and what it tells in return: `adopt` what
    its own process lists now to a client that declares so much, and `stirred`, the kinds of lists that it says have
    changed. `told` says whether anything was listed to one that declares this.

    `relist` has the public one ask anew. It takes the place of `adopt` where the server acts for each user: what it
    lists for one says nothing about the others. `suspect` has the public one asked whether it is there.
    """

    listing: Callable[[], Listing]
    watched: Watched
    adopt: Callable[[Listing, str], None]
    told: Callable[[str], bool]
    stirred: Callable[[Collection[str]], None]
    relist: Callable[[], None]
    suspect: Callable[[], None] = lambda: None
