"""What is known of each model that is configured: where it is served, what it costs, whether it could be asked now."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.budget import Price, usd
from gateway.config import Config
from gateway.config.choosing import Chosen
from gateway.config.model_names import in_row
from gateway.errors import ConfigError, Problem
from gateway.models import Models
from providers import ProviderError

__all__ = ["Known", "checked", "known_models", "names_of"]

_MILLION = 1_000_000
_SILENT = frozenset({"network", "timeout"})  # kinds of failure without an answer

_LISTED = {
    True: "answers, and lists it",
    False: "answers, but lists no such model",
    None: "answers, but has no list of models",
}


@dataclass(frozen=True, slots=True)
class Known:
    """`problem` is why it can't be asked as it is configured. `reachable` (whether its endpoint answers), `refused` and
    `listed` (whether that knows a model of this name) are None where nobody has looked, or it does not say. `why` is
    why not, or why nobody has looked. `rests` is in seconds.
    """

    found: Chosen
    price: Price | None = None
    window: int | None = None
    circuit: str = ""
    rests: float = 0.0
    problem: Problem | None = None
    reachable: bool | None = None
    refused: bool | None = None
    listed: bool | None = None
    why: str = ""

    @property
    def bad(self) -> bool:
        """Whether it was looked at, and can't be asked."""
        return self.reachable is False or self.refused is True  # a list may be of some of its models only

    @property
    def seen(self) -> str:
        """What is known of its state, in words, and nothing more."""
        if self.problem is not None:
            return "not ready"
        if self.reachable is False:
            return f"unreachable: {self.why}"
        if self.refused:
            return f"answers, but {self.why}"
        if self.reachable:
            return _LISTED[self.listed]
        return f"left alone for {self.rests:.0f} s: it failed too often" if self.rests else self.why or "configured"

    def to_json(self) -> dict[str, Any]:
        """Money is in US dollars for a million tokens, as text."""
        found, served, said = self.found, self.found.served, self.found.said
        variable = served.key if served else None
        return {
            "name": found.name,
            "model": found.model,
            "provider": served.provider if served else "scripted",
            "endpoint": served.name if served else None,
            "key": {"variable": variable, "set": bool(os.environ.get(variable))} if variable else None,
            "price": _priced(self.price),
            "context_window": self.window,
            "max_output": said.max_output if said else None,
            "effort": said.effort if said else None,
            "lacks": list(said.lacks) if said else [],
            "requests_per_minute": served.said.requests_per_minute if served else None,
            "tokens_per_minute": served.said.tokens_per_minute if served else None,
            "circuit": self.circuit or None,
            "rests": round(self.rests, 1),
            "problem": str(self.problem) if self.problem else None,
            "reachable": self.reachable,
            "refused": self.refused,
            "listed": self.listed,
            "why": self.why,
            "seen": self.seen,
        }


def names_of(config: Config) -> Sequence[str]:
    """Every alias, and what agents name beside these."""
    agents = (name for agent in config.agents.values() for name in agent.model)
    return tuple(dict.fromkeys((*config.models, *agents)))


def known_models(models: Models, names: Sequence[str]) -> Sequence[Known]:
    """In this order. Nothing is asked. Raises ConfigError for a name that means nothing."""
    return [_known(models, models.choose(one, "NAME")) for name in names for one in in_row(name)]


async def checked(models: Models, known: Sequence[Known]) -> Sequence[Known]:
    """The same after each endpoint was asked for its list of models, side by side."""
    return await asyncio.gather(*(_reached(models, one) for one in known))


def _known(models: Models, found: Chosen) -> Known:
    known = Known(found)
    if found.served is not None:
        breaker = models.breaker(found.served)
        known = replace(known, circuit=breaker.name, rests=breaker.rests, window=models.window(found))
    try:
        known = replace(known, price=models.price(found))
        models.open(found.name)
    except ConfigError as error:
        return replace(known, problem=error.problems[0])
    return known


async def _reached(models: Models, known: Known) -> Known:
    if known.problem is not None:
        return known
    if (unasked := _unasked(known.found)) is not None:
        return replace(known, why=f"not checked: {unasked}")
    try:
        names = await models.reach(known.found)
    except ProviderError as error:
        answers = error.kind not in _SILENT
        return replace(known, reachable=answers, refused=answers, why=str(error))
    listed = None if names is None else _bare(known.found.model) in map(_bare, names)
    return replace(known, reachable=True, refused=False, listed=listed)


def _bare(name: str) -> str:
    """Ollama lists `NAME:latest` for what may be called NAME."""
    return name.removesuffix(":latest")


def _unasked(found: Chosen) -> str | None:
    """Why there is nothing that could be asked of it for nothing."""
    if found.recording is not None:
        return "a recording, which is read when it is played"
    if found.served is None:
        return "a script"
    host = found.served.said.host
    return None if host == "direct" else f"{host} has no list of models that is free to ask for"


def _priced(price: Price | None) -> dict[str, str | None] | None:
    if price is None:
        return None
    parts = {
        "input": price.input, "output": price.output, "cache_read": price.cache_read, "cache_write": price.cache_write
    }  # fmt: skip
    return {name: None if nanos is None else f"{usd(nanos * _MILLION):f}" for name, nanos in parts.items()}
