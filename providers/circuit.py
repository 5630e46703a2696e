"""When an endpoint that fails is left alone, and when it is tried again: a table of states. Pure.

    closed      it is asked; so many failures in a row open the circuit
    open        it is not asked, for a while
    half-open   one request may find out whether it is well; the others wait for its first word

With the first word it is closed, on probation: one failure opens it again, and then the rest is twice as long. A whole
reply ends the probation. Times are seconds, of one clock.
"""

from dataclasses import dataclass, replace

from providers import ProviderError, ProviderErrorKind

__all__ = ["CLOSED", "ILL", "Closed", "HalfOpen", "Open", "Rule", "State", "admitted", "after_failure", "after_success"]
__all__ += ["after_word", "given_up", "name_of"]

ILL: frozenset[ProviderErrorKind] = frozenset({"overloaded", "server", "timeout", "network", "protocol"})
"""What says that the endpoint is not well. All else is an answer: also that we ask too much, or the wrong thing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`failures` in a row open the circuit; it rests for `rest` seconds, and never for more than `most`."""

    failures: int = 5
    rest: float = 15.0
    most: float = 300.0


@dataclass(frozen=True, slots=True)
class Closed:
    """`failures` in a row; `trips` is how often in a row it was open, on probation."""

    failures: int = 0
    trips: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """`trips` is how often in a row it has opened; `kind` is what it failed with last."""

    until: float
    trips: int
    kind: ProviderErrorKind


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One request is under way, after a rest that is over."""

    before: Open


State = Closed | Open | HalfOpen
CLOSED = Closed()


def admitted(state: State, now: float) -> State | None:
    """The state with one more request on its way; None for one that may not go."""
    match state:
        case Closed():
            return state
        case Open() if now >= state.until:
            return HalfOpen(state)
        case _:
            return None


def after_word(state: State, rule: Rule) -> State:
    """It has begun to answer."""
    return Closed(rule.failures - 1, state.before.trips) if isinstance(state, HalfOpen) else state


def after_success(_state: State) -> State:
    """It has answered: also that one may not ask, or not so much."""
    return CLOSED


def after_failure(state: State, error: ProviderError, now: float, rule: Rule) -> State:
    """It is not well. A request that was under way already when the circuit opened changes nothing."""
    match state:
        case Closed(failures, trips) if failures + 1 < rule.failures:
            return Closed(failures + 1, trips)
        case Closed(_, trips):
            return _opened(error, trips + 1, now, rule)
        case HalfOpen(before):
            return _opened(error, before.trips + 1, now, rule)
        case _:
            return state


def given_up(state: State, now: float) -> State:
    """Whoever asked went away before there was an answer: nothing is known; the next one may find out."""
    return replace(state.before, until=now) if isinstance(state, HalfOpen) else state


def name_of(state: State, now: float) -> str:
    """`closed`, `open` or `half-open`, for people; a rest that is over has half opened it."""
    match state:
        case Closed():
            return "closed"
        case Open(until) if now < until:
            return "open"
        case _:
            return "half-open"


def _opened(error: ProviderError, trips: int, now: float, rule: Rule) -> Open:
    rest = rule.rest * 2.0 ** min(trips - 1, 32)
    return Open(now + min(max(rest, error.retry_after or 0.0), rule.most), trips, error.kind)
