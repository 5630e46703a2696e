"""What comes later by itself: a call that is made again, a time, news from outside. Facts, as `gateway.events` has the
others. Pure.

Nothing is held in memory for any of them: whoever takes the run up reads them off its record. Moments are milliseconds
since 1970.
"""

from gateway.values import value

__all__ = ["Deferred", "Notified", "Slept", "Woke"]


@value(frozen=True, slots=True)
class Deferred:
    """A call that came to nothing is made again, not before `until`: written together with what came of it, before it.

    `attempt` is the number of the attempt that came to nothing. Of a call without an answer, what became of it is asked
    not before `until`.
    """

    key: str
    until: int
    attempt: int


@value(frozen=True, slots=True)
class Slept:
    """The model waits until this moment; or for news of this name, and until this moment at most."""

    key: str
    until: int
    news: str = ""


@value(frozen=True, slots=True)
class Woke:
    """The moment has come for which the model waited."""

    key: str


@value(frozen=True, slots=True)
class Notified:
    """Somebody outside has news for the run. `data` is JSON text.

    Where the run does not wait for them (yet), they are kept for when it will. `tainting`: they are not its user's own
    words.
    """

    name: str
    data: str
    by: str
    tainting: bool = True
