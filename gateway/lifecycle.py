"""The course of a run beside its questions and calls: how it began, who drives it, where it rests, how it ended. Pure.

Like all events (`gateway.events`): facts, in the past tense, never changed, and their JSON must read for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from gateway.call import JsonObject
from gateway.values import value

__all__ = ["Cancelled", "Failed", "LimitsRaised", "Paused", "Queued", "Resumed", "Started", "Succeeded", "Waited"]
__all__ += ["Imported"]

WaitCause = Literal["approval", "doubt", "user", "timer", "event"]


@value(frozen=True, slots=True)
class Queued:
    """The first event of every run. `driver` is `loop` for an agent's run, `client` for an MCP client's.

    `tainted` and `servers` are what it brings along: in the run before this one, the same client read untrusted text,
    and what these servers said; `servers` None: nobody knows which. In a `conversation`, the user goes on. With a
    `session`, it begins when the runs before it in that have ended, with what they have left. `output_schema` is the
    JSON Schema that its answer must fit: `Succeeded.output` is then JSON text that does.
    """

    driver: Literal["loop", "client"]
    user: str
    tenant: str
    agent: str | None = None
    model: str = ""
    input: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    tainted: bool = False
    servers: Sequence[str] | None = field(default_factory=list)
    conversation: bool = False
    session: str = ""
    output_schema: JsonObject | None = None


@value(frozen=True, slots=True)
class Imported:
    """It was taken in from a file, by a person: all before this is what the file says. Whose the run is, he said, too.

    From here on it is tainted, nobody knows what it has read and what its user has said; and unless it `moved`, it is a
    copy: what it has done can be undone where it was copied from.
    """

    by: str
    moved: bool = False


@value(frozen=True, slots=True)
class Started:
    """A worker drives the run from here on; again after another one died."""

    worker: str


@value(frozen=True, slots=True)
class Waited:
    """Nothing more can be done until people answer, a moment comes, or news from outside: the driver lets go. `why`
    says what went wrong, if anything did. From `until` on (milliseconds since 1970) it can go on in any case.
    """

    cause: WaitCause
    why: str = ""
    until: int | None = None


@value(frozen=True, slots=True)
class Paused:
    """Stopped where it can go on. `unit` is what ran out: of the run's own budget, or of the one over many runs that is
    called `budget`.

    A `person` who pauses it lets what is under way come to its end, unless he says `at_once`; and nobody takes the run
    up again before somebody resumes it.
    """

    cause: Literal["budget", "interrupted", "person"]
    why: str
    unit: str | None = None
    budget: str | None = None
    by: str = ""
    at_once: bool = False


@value(frozen=True, slots=True)
class LimitsRaised:
    limits: Mapping[str, int]
    by: str


@value(frozen=True, slots=True)
class Resumed:
    """`by` is the person who said so, where it was one. `queued`: it had not begun when it was paused, and stands where
    it stood; the store says so.
    """

    cause: str
    by: str = ""
    queued: bool = False


@value(frozen=True, slots=True)
class Succeeded:
    output: str


@value(frozen=True, slots=True)
class Failed:
    kind: str
    why: str


@value(frozen=True, slots=True)
class Cancelled:
    """It is over, because somebody says so; or, with where it `moved` to, because it goes on in another store."""

    by: str
    why: str = ""
    moved: str = ""
