"""The `when` column: a condition over `args`, `tool`, `subject`, `run` and `now`, compiled once. Pure.

A condition is true, false or undecidable, never an error: what is missing or of another kind than the rule expects
makes it undecidable, and the effect of its line says what that means (`holds`).
"""

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any

from gateway.policy.logic import UNDECIDED, Truth, truth
from gateway.policy.scope import Scope
from gateway.policy.wording import Effect
from gateway.values import value

__all__ = ["TRACING", "Condition", "ConditionError", "Node", "Part", "Path", "holds"]

Node = Callable[[Scope], Any]
TRACING = ("from_user(", "from_untrusted(")  # how a path begins that says where a value came from


class ConditionError(ValueError):
    """A condition that can't be read. `offset` counts characters of its text from 0."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        self.offset, self.message, self.hint = offset, message, hint
        super().__init__(message)


@value(frozen=True, slots=True)
class Path:
    """One value that a condition looks at: `args.amount`. `key` is the first step below `args`, else None.

    `guarded` says that the condition only asks whether it is there.
    """

    text: str
    root: str
    key: str | None
    run: Node = field(compare=False, repr=False)
    guarded: bool = False


@value(frozen=True, slots=True)
class Part:
    """One operand of the outermost `and`; a condition without one has a single part."""

    text: str
    run: Node = field(compare=False, repr=False)
    paths: tuple[Path, ...] = ()

    def test(self, scope: Scope) -> Truth:
        return truth(self.run(scope))


@value(frozen=True, slots=True)
class Condition:
    """Text, what decides it, and what it looks at."""

    text: str
    run: Node = field(compare=False, repr=False)
    parts: tuple[Part, ...]
    _names: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = self.parts[0].paths if len(self.parts) == 1 else [*_all_paths(self.parts)]
        names = frozenset([path.text for path in found] + [path.root for path in found])
        object.__setattr__(self, "_names", names)

    def test(self, scope: Scope) -> Truth:
        return truth(self.run(scope))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every value looked at, each once, in the order of the text."""
        return tuple(dict.fromkeys(_all_paths(self.parts)))

    @property
    def traces(self) -> bool:
        """Whether it asks where a value came from."""
        return "run" in self._names and any(path.text.startswith(TRACING) for path in _all_paths(self.parts))

    def mentions(self, text: str) -> bool:
        """Whether the condition looks at this name, or below it: `args`, `subject.is_requester`."""
        return text in self._names


def _all_paths(parts: tuple[Part, ...]) -> Iterator[Path]:
    for part in parts:
        yield from part.paths


def holds(effect: Effect, answer: Truth) -> bool:
    """Whether a line takes part: undecidable never grants and always restricts."""
    return answer is True or (answer is UNDECIDED and effect != "allow")
