"""What a run has done before, as one writes it: `tainted=true,calls=3,usd=0.25,servers=shop+mail`. Pure.

Among these words may stand `auth_age=300`, which is about who asks: seconds since he showed who he is.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.budget import nanos
from gateway.policy.scope import RunFacts
from gateway.wording import did_you_mean

__all__ = ["WORDS", "auth_age", "run_facts", "said_of", "written"]

_YES = {"true": True, "yes": True, "false": False, "no": False}


def run_facts(text: str, start: RunFacts = RunFacts()) -> RunFacts:  # noqa: B008 - frozen
    """These facts on top of others. A word without a value is true. Raises ValueError."""
    facts = start
    for word in filter(None, map(str.strip, text.split(","))):
        name, equals, value = word.partition("=")
        if name not in WORDS:
            raise ValueError(f"there is no fact `{name}`; {did_you_mean(name, (*WORDS, 'auth_age'))}")
        try:
            facts = WORDS[name](facts, value.strip() if equals else "true")
        except (ValueError, KeyError, ArithmeticError):
            raise ValueError(f"`{word}` can't be read; write `{_USAGE[name]}`") from None
    return facts


def auth_age(text: str) -> tuple[float | None, str]:
    """Seconds since the subject showed who he is, None if no word says it; and the words that are about the run.

    Raises ValueError.
    """
    found, rest = None, []
    for word in text.split(","):
        name, _, value = word.strip().partition("=")
        if name != "auth_age":
            rest.append(word)
            continue
        try:
            found = float(_count(value.strip()))
        except ValueError:
            raise ValueError(f"`{word.strip()}` can't be read; write `auth_age=300`, in seconds") from None
    return found, ",".join(rest)


def said_of(run: RunFacts) -> Mapping[str, Any]:
    """What it has done, by the same words; without what it has not. `servers` None: nobody knows which it heard."""
    done = {"calls": run.calls, "tokens": run.tokens, "usd": run.nanos / 1e9, "seconds": run.millis / 1000}
    said: dict[str, Any] = {name: amount for name, amount in done.items() if amount}
    if run.tainted:
        said["tainted"] = True
    if run.servers is None or run.servers:
        said["servers"] = run.servers and sorted(run.servers)
    return said


def written(run: RunFacts) -> str:
    """The same as `run_facts` reads it."""
    return ",".join(f"{name}={_text(value)}" for name, value in said_of(run).items())


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(value)
    return "?" if value is None else str(value).lower() if value is True else f"{value:.12g}"


def _servers(text: str) -> frozenset[str] | None:
    """`shop+mail`; `?` is for nobody knows which."""
    return None if text == "?" else frozenset(filter(None, text.split("+")))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return int(text)


WORDS: Mapping[str, Callable[[RunFacts, str], RunFacts]] = {
    "calls": lambda facts, value: replace(facts, calls=_count(value)),
    "tokens": lambda facts, value: replace(facts, tokens=_count(value)),
    "usd": lambda facts, value: replace(facts, nanos=nanos(Decimal(value))),
    "seconds": lambda facts, value: replace(facts, millis=round(float(value) * 1000)),
    "tainted": lambda facts, value: replace(facts, tainted=_YES[value]),
    "servers": lambda facts, value: replace(facts, servers=_servers(value)),
}
"""How each is read. Raises ValueError, KeyError or ArithmeticError."""

_USAGE = {
    "calls": "calls=3",
    "tokens": "tokens=1000",
    "usd": "usd=0.25",
    "seconds": "seconds=12",
    "tainted": "tainted=true",
    "servers": "servers=shop+mail",
}
