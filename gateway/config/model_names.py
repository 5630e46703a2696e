"""Names of models: an alias of toolgate.toml, or `PROVIDER:NAME`, and `@ENDPOINT` where it is served. Pure.

Several names in a row, separated by commas, are asked one after another when one fails.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.wording import did_you_mean, listed

__all__ = ["NETWORKED", "PROVIDERS", "REPLAY", "SCRIPTED", "ModelName", "chained", "direct", "in_row"]

SCRIPTED, REPLAY = "scripted", "replay"
NETWORKED = ("anthropic", "openai", "compatible")
PROVIDERS = (SCRIPTED, *NETWORKED)

_ENDPOINT = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_OF_A_NAME = frozenset({"latest", "default"})  # with dates (`@20250101`), what providers write behind an `@` themselves

_COMMA = re.compile(rf",\s*(?=(?:{'|'.join((*PROVIDERS, REPLAY))}):|[A-Za-z0-9][\w.-]*\s*(?:,|$))")


@dataclass(frozen=True, slots=True)
class ModelName:
    """`name` is the provider's own; `endpoint` where it is asked."""

    provider: str
    name: str
    endpoint: str


def in_row(text: str) -> tuple[str, ...]:
    """The names in a text; a comma within a file's name (`scripted:a,b/c.yaml`) separates nothing."""
    return tuple(part.strip() for part in _COMMA.split(text.strip()))


def chained(names: tuple[str, ...]) -> str:
    """The inverse: how a run remembers which models it may ask."""
    return ",".join(names)


def direct(text: str, endpoints: Mapping[str, str]) -> ModelName | None:
    """What `anthropic:claude-x`, `openai:gpt-x@azure` or `compatible:qwen@ollama` mean; None for what has no colon.

    `endpoints` says of each which provider's language it speaks. Raises ValueError with what is wrong, and what to do.
    """
    provider, colon, rest = text.partition(":")
    if not colon:
        return None
    if provider not in NETWORKED:
        raise ValueError(f"there is no provider `{provider}`; {did_you_mean(provider, PROVIDERS)}")
    name, at, endpoint = rest.rpartition("@")
    if endpoint not in endpoints and (provider != "compatible" or endpoint in _OF_A_NAME):
        _check_endpoint(name, endpoint, endpoints)
        name, at, endpoint = rest, "", provider
    if not (name if at or provider != "compatible" else rest):
        raise ValueError(f"`{text}` names no model: write `{provider}:NAME`")
    if not at and provider == "compatible":
        raise ValueError(f"`{text}` does not say where it is served: write `{text}@ENDPOINT`; {_known(endpoints)}")
    if endpoint not in endpoints:
        raise ValueError(f"there is no endpoint `{endpoint}`; {did_you_mean(endpoint, endpoints)}")
    if endpoints[endpoint] != provider:
        right = f"{endpoints[endpoint]}:{name}@{endpoint}"
        raise ValueError(f"the endpoint `{endpoint}` speaks `{endpoints[endpoint]}`: write `{right}`")
    return ModelName(provider, name, endpoint)


def _check_endpoint(name: str, word: str, endpoints: Mapping[str, str]) -> None:
    """An `@` may be part of a model's name: before a version. Raises ValueError for a word that means an endpoint."""
    if name and word not in _OF_A_NAME and _ENDPOINT.fullmatch(word):
        own = f"if `@{word}` is part of the model's name, write it as `name` in a table [models.ALIAS]"
        hints = filter(None, (did_you_mean(word, endpoints), own))
        raise ValueError(f"there is no endpoint `{word}`; {'; '.join(hints)}")


def _known(endpoints: Mapping[str, str]) -> str:
    return f"known: {listed(sorted(name for name, provider in endpoints.items() if provider == 'compatible'))}"
