"""Recalled calls -> the questions that the policy denied, and those that people answered. Pure.

Their facts are those of then. Of arguments that were too long to be kept whole, and of a tool that nobody noted then,
nothing is known, and nothing is guessed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.policy.again import facts_of
from gateway.policy.history import Recalled, Stopped
from gateway.policy.scope import Query

__all__ = ["Answered", "Refused", "questions"]

_SAID = {"approved": True, "consumed": True, "denied": False}
_ACTIONS = ("call", "read", "get")  # what is completed rests on what may be read or got: lines are written for those


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that the policy denied, as the question that it was. `name` is `RUN/KEY`, `at` milliseconds since 1970.

    The query's `args` are None where the record does not have them whole.
    """

    name: str
    at: int
    query: Query = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that a person was asked about, and said yes or no to."""

    name: str
    at: int
    query: Query = field(repr=False)
    yes: bool
    by: str


def questions(
    calls: Iterable[tuple[str, Recalled | Stopped, Mapping[str, Any] | None]],
    answer: Callable[[str], tuple[str, str | None]],
) -> Iterator[Refused | Answered]:
    """In the order of the calls (`gateway.recalling.recalled`). `answer` gives the state of an approval, and who
    decided it. An approval counts once, however often the call came back to it.
    """
    counted: set[str] = set()
    for run_id, call, seen in calls:
        if isinstance(call, Stopped):
            continue
        name = f"{run_id}/{call.key}"
        if call.effect == "deny" and call.action in _ACTIONS:
            yield Refused(name, call.at, facts_of(call, seen).query)
        elif call.effect == "ask" and call.approval and call.approval not in counted:
            counted.add(call.approval)
            state, by = answer(call.approval)
            if state in _SAID and by:
                yield Answered(name, call.at, facts_of(call, seen).query, _SAID[state], by)
