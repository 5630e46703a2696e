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
    if provider != "compatible" and endpoint not in endpoints:  # an `@` may be part of a model's name
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


def _known(endpoints: Mapping[str, str]) -> str:
    return f"known: {listed(sorted(name for name, provider in endpoints.items() if provider == 'compatible'))}"
