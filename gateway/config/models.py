"""What `toolgate.toml` may say about models: `[models.ALIAS]`, and `[prices]`. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.budget import Price, nanos
from gateway.config.endpoints import Variable
from gateway.config.model_names import PROVIDERS, SCRIPTED
from gateway.config.table import PriceUsd, Table, Template, Tokens, WebAddress, items
from gateway.wording import did_you_mean

__all__ = ["Effort", "ModelConfig", "PricesConfig", "Rate"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Ability = Literal["tools", "images", "files", "effort", "parallel_calls", "output_schema"]

_MILLION = 1_000_000


def _provider(value: object) -> object:
    if isinstance(value, str) and value not in PROVIDERS:
        raise ValueError(f"there is no provider `{value}`; {did_you_mean(value, PROVIDERS)}")
    return value


class Rate(Table):
    """What tokens cost, in US dollars for a million of them. Cached input costs as all other, if nothing is said."""

    input_usd_per_million: PriceUsd | None = None
    output_usd_per_million: PriceUsd | None = None
    cache_read_usd_per_million: PriceUsd | None = None
    cache_write_usd_per_million: PriceUsd | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.input_usd_per_million is None) != (self.output_usd_per_million is None):
            raise ValueError("`input_usd_per_million` and `output_usd_per_million` need each other")
        cached = self.cache_read_usd_per_million, self.cache_write_usd_per_million
        if self.input_usd_per_million is None and cached != (None, None):
            raise ValueError("the price of cached input needs `input_usd_per_million`")
        return self

    @property
    def price(self) -> Price | None:
        """Nanos a token, rounded up; None when no price is given here."""
        if self.input_usd_per_million is None or self.output_usd_per_million is None:
            return None
        read, written = self.cache_read_usd_per_million, self.cache_write_usd_per_million
        return Price(
            nanos(self.input_usd_per_million / _MILLION),
            nanos(self.output_usd_per_million / _MILLION),
            None if read is None else nanos(read / _MILLION),
            None if written is None else nanos(written / _MILLION),
        )


class PricesConfig(Rate):
    """`[prices]`: what becomes of a model whose price neither its own table nor the price list knows."""

    unknown_models: Literal["refuse", "rate", "free"] = "refuse"

    @model_validator(mode="after")
    def _complete(self) -> "PricesConfig":
        if (self.unknown_models == "rate") != (self.price is not None):
            raise ValueError('`unknown_models = "rate"` and `input_usd_per_million` need each other')
        return self


class ModelConfig(Rate):
    """`[models.ALIAS]`. Without prices the price list decides, by `name`.

    `endpoint` is where it is served: by itself the one that has the provider's name. With a `base_url`, a key or
    `headers` of its own, it is an endpoint of its own. `context_window` and `max_output` are what it can take and give,
    in tokens; `max_output_tokens` and `effort` are what it is asked for, where nobody says. `lacks`: what it can't do.
    """

    provider: Annotated[str, BeforeValidator(_provider), WithJsonSchema({"enum": [*PROVIDERS]})]
    name: str | None = None
    endpoint: str | None = None
    script: Path | None = None
    base_url: WebAddress | None = Field(default=None, repr=False)
    api_key_env: Variable | None = None
    headers: Mapping[str, Template] = Field(default={}, repr=False)
    context_window: Tokens | None = None
    max_output: Tokens | None = None
    max_output_tokens: Tokens | None = None
    effort: Effort | None = None
    lacks: Annotated[tuple[Ability, ...], BeforeValidator(items)] = ()

    @model_validator(mode="after")
    def _complete(self) -> "ModelConfig":
        if self.provider == SCRIPTED and self.script is None:
            raise ValueError("a scripted model needs `script`: the file that it plays")
        if self.provider != SCRIPTED and self.script is not None:
            raise ValueError("only a scripted model has a `script`")
        if self.provider == "compatible" and self.endpoint is None and self.base_url is None:
            raise ValueError("a compatible model needs `endpoint` (`ollama`, or one of [endpoints]) or `base_url`")
        return self
