"""Where models are served: `[endpoints.NAME]`, and those that everybody knows. Pure.

A built-in endpoint needs no table; one of the same name changes of it what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gateway.config.extra_fields import ExtraFields
from gateway.config.masking import looks_issued
from gateway.config.table import VARIABLE, Count, Seconds, Table, Template, Tokens, WebAddress
from gateway.wording import did_you_mean

__all__ = [
    "BUILT_IN",
    "BreakerTable",
    "DeadlinesTable",
    "EndpointConfig",
    "RetriesTable",
    "Served",
    "languages",
    "served",
]

Host = Literal["direct", "azure", "bedrock", "vertex"]
Networked = Literal["anthropic", "openai", "compatible"]


def _variable(value: object) -> object:
    if isinstance(value, str) and (not VARIABLE.fullmatch(value) or looks_issued(value)):  # it may be the key itself
        raise ValueError("must be the name of an environment variable; the key itself does not belong here")
    return value


def _profile(value: object) -> object:
    known = [name for name, one in BUILT_IN.items() if one.provider == "compatible"]
    if isinstance(value, str) and value not in known:
        raise ValueError(f"there is no profile `{value}`; {did_you_mean(value, known)}")
    return value


Variable = Annotated[str, BeforeValidator(_variable)]


class DeadlinesTable(Table):
    """Seconds until the first word of a reply, between two, and for the whole of it, with all attempts."""

    first: Seconds = 120.0
    between: Seconds = 120.0
    total: Seconds = 600.0


class RetriesTable(Table):
    """How often a request is made in all, and how long an endpoint may ask us to stay away before we give up."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    longest_wait: Seconds = 60.0


class BreakerTable(Table):
    """After so many `failures` in a row an endpoint is left alone for `rest`, then twice as long, up to 20 times."""

    failures: Count = 5
    rest: Seconds = 15.0


class EndpointConfig(Table):
    """`[endpoints.NAME]`. What is not said is what the built-in endpoint of that name has, if there is one.

    `provider` is whose language it speaks, `profile` how it deviates. `extra` are fields of its own in the body of each
    request. `free`: its models cost nothing, unless a price is known.
    """

    provider: Networked | None = None
    profile: Annotated[str, BeforeValidator(_profile)] | None = None
    base_url: WebAddress | None = Field(default=None, repr=False)
    api_key_env: Variable | None = None
    headers: Mapping[str, Template] = Field(default={}, repr=False)
    extra: ExtraFields = Field(default={})
    host: Host = "direct"
    options: Mapping[str, Template] = Field(default={}, repr=False)
    free: bool | None = None
    requests_per_minute: Count | None = None
    tokens_per_minute: Tokens | None = None
    deadlines: DeadlinesTable = Field(default_factory=DeadlinesTable)
    retries: RetriesTable = Field(default_factory=RetriesTable)
    breaker: BreakerTable = Field(default_factory=BreakerTable)


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    """`key` is the variable with the key; `needed` whether it is asked for. `system` is its name in traces (GenAI
    semantic conventions, `gen_ai.provider.name`), `prices` in the price list.
    """

    provider: Networked
    base_url: str | None = None
    key: str | None = None
    needed: bool = True
    system: str = ""
    prices: str | None = None
    free: bool = False


def _elsewhere(base_url: str, key: str, prices: str | None = None, system: str = "") -> _BuiltIn:
    """One that speaks Chat Completions, and wants a key."""
    return _BuiltIn("compatible", base_url, key, system=system, prices=prices)


def _at_home(base_url: str, key: str) -> _BuiltIn:
    """One that people run themselves."""
    return _BuiltIn("compatible", base_url, key, needed=False, free=True)


BUILT_IN: Mapping[str, _BuiltIn] = {
    "anthropic": _BuiltIn("anthropic", None, "ANTHROPIC_API_KEY", prices="anthropic"),
    "openai": _BuiltIn("openai", None, "OPENAI_API_KEY", prices="openai"),
    "ollama": _at_home("http://localhost:11434/v1", "OLLAMA_API_KEY"),
    "vllm": _at_home("http://localhost:8000/v1", "VLLM_API_KEY"),
    "llamacpp": _at_home("http://localhost:8080/v1", "LLAMACPP_API_KEY"),
    "lmstudio": _at_home("http://localhost:1234/v1", "LMSTUDIO_API_KEY"),
    "groq": _elsewhere("https://api.groq.com/openai/v1", "GROQ_API_KEY", "groq"),
    "openrouter": _elsewhere("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter"),
    "gemini": _elsewhere(
        "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", "google", "gcp.gemini"
    ),
    "deepseek": _elsewhere("https://api.deepseek.com", "DEEPSEEK_API_KEY", "deepseek"),
    "mistral": _elsewhere("https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral", "mistral_ai"),
    "xai": _elsewhere("https://api.x.ai/v1", "XAI_API_KEY", "x-ai", "x_ai"),
    "together": _elsewhere("https://api.together.xyz/v1", "TOGETHER_API_KEY", "together"),
    "fireworks": _elsewhere("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "fireworks"),
    "cerebras": _elsewhere("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "cerebras"),
    "moonshot": _elsewhere("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "moonshotai"),
}
_HOSTS: Mapping[Host, str] = {"azure": "azure.ai.openai", "bedrock": "aws.bedrock", "vertex": "gcp.vertex_ai"}


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint, all told. `table` is the key of toolgate.toml where `headers` and `options` stand."""

    name: str
    provider: str
    profile: str
    base_url: str | None = field(repr=False)
    key: str | None
    key_needed: bool
    system: str
    prices: str | None
    free: bool
    said: EndpointConfig
    table: tuple[str, str]


def languages(endpoints: Mapping[str, EndpointConfig]) -> Mapping[str, str]:
    """Which provider's language each endpoint speaks, built-in ones included."""
    built_in = {name: found.provider for name, found in BUILT_IN.items()}
    said = {name: one.provider or built_in.get(name, "compatible") for name, one in endpoints.items()}
    return {**built_in, **said}


def served(name: str, endpoints: Mapping[str, EndpointConfig]) -> Served:
    """The endpoint of this name. Raises KeyError for one that nobody knows."""
    said, known = endpoints.get(name), BUILT_IN.get(name)
    if said is None and known is None:
        raise KeyError(name)
    said, base = said or EndpointConfig(), known or _BuiltIn("compatible", needed=False)
    key = said.api_key_env or (base.key if said.host == "direct" else None)  # elsewhere it is no key of theirs
    return Served(
        name=name,
        provider=said.provider or base.provider,
        profile=said.profile or (name if known and base.provider == "compatible" else ""),
        base_url=said.base_url or base.base_url,
        key=key,
        key_needed=said.api_key_env is not None or (base.needed and said.host == "direct"),
        system=_HOSTS.get(said.host) or base.system or name,
        prices=base.prices if said.base_url is None else None,
        free=base.free if said.free is None else said.free,
        said=said,
        table=("endpoints", name),
    )
