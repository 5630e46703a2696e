"""What a case says about the tool, the run and the time, in words. Pure.

    read_only destructive idempotent open_world trusted   about the tool; trusted is needed for the others to count
    not_read_only ... not_trusted                         the opposite
    pin=0a1b                                              the hash of the tool's definition
    tainted calls=3 tokens=1000 usd=0.25 seconds=12       about the run
    servers=shop+mail                                     those that have said anything to it
    said=TEXT                                             the user's own words; a key of its own where they hold blanks
    read=TEXT                                             what an untrusted server said, so that the run is tainted
    auth_age=300                                          seconds since the user has shown who he is
    now=2026-11-21T09:30                                  when; UTC, unless the time says its zone
    requester=user:ann                                    who asked, for the action approve

Of words that say opposite things the last one counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

from gateway.policy.run_words import WORDS
from gateway.policy.scope import RunFacts
from gateway.sources import Sources
from gateway.wording import did_you_mean

__all__ = ["Facts", "Unreadable", "said"]

_NOON = datetime(2026, 1, 7, 12, 0, tzinfo=UTC)  # a Wednesday: tables do not depend on the day they are run

_REMEMBERED = 1024
_SOMEWHERE = "somewhere"


class Unreadable(ValueError):
    """A word that says nothing."""

    def __init__(self, word: str, message: str, hint: str = "") -> None:
        self.word, self.message, self.hint = word, message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Facts:
    """`trusted` None: the case does not say. The hints are MCP's annotations by their own names."""

    hints: Mapping[str, bool] = field(default_factory=dict)
    trusted: bool | None = None
    pin: str = ""
    run: RunFacts = field(default_factory=RunFacts)
    now: datetime = _NOON
    requester: str = "user:somebody-else"
    auth_age: float | None = None

    @property
    def about_tool(self) -> bool:
        """Whether anything is said of the tool: then nothing else counts about it."""
        return bool(self.trusted is not None or self.hints or self.pin)


@lru_cache(_REMEMBERED)
def said(words: tuple[str, ...]) -> Facts:
    """What these words say, the later ones on top. Raises Unreadable. Many cases of a table say the same."""
    facts = Facts()
    for word in words:
        facts = _with(facts, word)
    return facts


def _with(facts: Facts, word: str) -> Facts:
    name, equals, value = word.partition("=")
    known: Mapping[str, object] = _VALUES if equals else _FLAGS
    if name not in known:
        raise Unreadable(word, f"unknown fact `{word}`", did_you_mean(name, _WORDS))
    try:
        return _VALUES[name](facts, value) if equals else _FLAGS[name](facts)
    except (ValueError, ArithmeticError):
        raise Unreadable(word, f"`{word}` can't be read", _EXAMPLES.get(name, "")) from None


def _hint(name: str, *, value: bool) -> Callable[[Facts], Facts]:
    return lambda facts: replace(facts, hints={**facts.hints, name: value})


def _run(word: str) -> Callable[[Facts, str], Facts]:
    return lambda facts, value: replace(facts, run=WORDS[word](facts.run, value))


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _said(facts: Facts, text: str) -> Facts:
    known = facts.run.sources or Sources()
    return replace(facts, run=replace(facts.run, sources=replace(known, said=text)))


def _read(facts: Facts, text: str) -> Facts:
    """An answer of a server that nobody trusts; what the user said stays unknown if the case does not say it."""
    known = facts.run.sources or Sources()
    sources = known.hearing(_SOMEWHERE, "read", {"text": text})
    return replace(facts, run=replace(facts.run, sources=sources, tainted=True))


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


_HINTS = {
    "read_only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open_world": "openWorldHint",
}
_YES: Mapping[str, Callable[[Facts], Facts]] = {
    "trusted": lambda facts: replace(facts, trusted=True),
    "tainted": lambda facts: replace(facts, run=replace(facts.run, tainted=True)),
    **{word: _hint(name, value=True) for word, name in _HINTS.items()},
}
_NO: Mapping[str, Callable[[Facts], Facts]] = {
    "not_trusted": lambda facts: replace(facts, trusted=False),
    "not_tainted": lambda facts: replace(facts, run=replace(facts.run, tainted=False)),
    **{f"not_{word}": _hint(name, value=False) for word, name in _HINTS.items()},
}
_FLAGS: Mapping[str, Callable[[Facts], Facts]] = {**_YES, **_NO}
_VALUES: Mapping[str, Callable[[Facts, str], Facts]] = {
    **{word: _run(word) for word in WORDS if word != "tainted"},
    "said": _said,
    "read": _read,
    "auth_age": lambda facts, value: replace(facts, auth_age=float(_count(value))),
    "now": lambda facts, value: replace(facts, now=_time(value)),
    "requester": lambda facts, value: replace(facts, requester=value),
    "pin": lambda facts, value: replace(facts, pin=value),
}
_EXAMPLES = {"now": "write `now=2026-11-21T09:30`", "usd": "write `usd=0.25`"}
_WORDS = (*_FLAGS, *(f"{name}=" for name in _VALUES))
