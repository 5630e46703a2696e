"""What a run has done before, as one writes it: `tainted=true,calls=3,usd=0.25`. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from gateway.budget import nanos
from gateway.policy.scope import RunFacts
from gateway.wording import did_you_mean

__all__ = ["run_facts"]

_YES = {"true": True, "yes": True, "false": False, "no": False}


def run_facts(text: str, start: RunFacts = RunFacts()) -> RunFacts:  # noqa: B008 - frozen
    """These facts on top of others. A word without a value is true. Raises ValueError."""
    facts = start
    for word in filter(None, map(str.strip, text.split(","))):
        name, equals, value = word.partition("=")
        if name not in _FACTS:
            raise ValueError(f"there is no fact `{name}`; {did_you_mean(name, _FACTS)}")
        try:
            facts = _FACTS[name](facts, value.strip() if equals else "true")
        except (ValueError, KeyError, ArithmeticError):
            raise ValueError(f"`{word}` can't be read; write `{_USAGE[name]}`") from None
    return facts


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


_FACTS: Mapping[str, Callable[[RunFacts, str], RunFacts]] = {
    "calls": lambda facts, value: replace(facts, calls=_count(value)),
    "tokens": lambda facts, value: replace(facts, tokens=_count(value)),
    "usd": lambda facts, value: replace(facts, nanos=nanos(Decimal(value))),
    "seconds": lambda facts, value: replace(facts, millis=round(float(value) * 1000)),
    "tainted": lambda facts, value: replace(facts, tainted=_YES[value]),
}
_USAGE = {
    "calls": "calls=3",
    "tokens": "tokens=1000",
    "usd": "usd=0.25",
    "seconds": "seconds=12",
    "tainted": "tainted=true",
}
