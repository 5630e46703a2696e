"""What `toolgate.toml` may say, as frozen models. Unknown keys are refused; nothing is converted behind one's back.

Every key, with its meaning and default: docs/configuration.md.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.budget import Limits, Price, nanos
from gateway.config import amounts
from gateway.config.auth_word import AuthWord
from gateway.config.channels import ApprovalsConfig
from gateway.config.network import NetworkConfig
from gateway.config.serving import OAuthConfig, ProfileConfig, ServeConfig, User
from gateway.config.table import (
    Seconds,
    Strings,
    Table,
    Template,
    ToolGlobs,
    WebAddress,
    is_web_address,
    items,
    written,
)
from gateway.screens.finding import Kind
from gateway.wording import did_you_mean

__all__ = [
    "NAME",
    "PROVIDERS",
    "AgentConfig",
    "ApprovalsConfig",
    "BudgetTable",
    "Era",
    "IdentityConfig",
    "ModelConfig",
    "NetworkConfig",
    "OAuthConfig",
    "PolicyConfig",
    "PricesConfig",
    "ProfileConfig",
    "ServeConfig",
    "ServerWord",
    "Settings",
    "StoreConfig",
    "Table",
    "TelemetryConfig",
    "TrustConfig",
    "is_web_address",
]

PROVIDERS = ("scripted",)  # grows with the modules in providers/
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]|_(?!_)){0,63}")

Era = Literal["auto", "legacy", "modern"]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MILLION = 1_000_000


def _name(value: object) -> object:
    if isinstance(value, str) and not NAME.fullmatch(value):
        raise ValueError("a name has letters, digits, `.`, `-` and single `_`, at most 64, and no sign in front")
    return value


def _provider(value: object) -> object:
    if isinstance(value, str) and value not in PROVIDERS:
        raise ValueError(f"there is no provider `{value}`; {did_you_mean(value, PROVIDERS)}")
    return value


def _variable(value: object) -> object:
    if isinstance(value, str) and not _VARIABLE.fullmatch(value):  # not shown: it may be the key itself
        raise ValueError("must be the name of an environment variable; the key itself does not belong here")
    return value


Name = Annotated[str, BeforeValidator(_name)]
Count = Annotated[int, BeforeValidator(amounts.count), written(amounts.COUNT)]
Tokens = Annotated[int, BeforeValidator(amounts.tokens), written(amounts.TOKENS)]
PriceUsd = Annotated[Decimal, BeforeValidator(amounts.price), written(amounts.DOLLARS)]


class BudgetTable(Table):
    """Limits as budgets.toml and `[agents.NAME.budgets]` write them. What is missing is not limited here."""

    turns: Count | None = None
    model_calls: Count | None = None
    tool_calls: Count | None = None
    tokens: Tokens | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    usd: Annotated[Decimal, BeforeValidator(amounts.usd), written(amounts.DOLLARS)] | None = None
    wall_time: Annotated[float, BeforeValidator(amounts.duration), written(amounts.TIME)] | None = None
    questions: Count | None = None

    @property
    def limits(self) -> Limits:
        money = None if self.usd is None else nanos(self.usd)
        millis = None if self.wall_time is None else max(1, round(self.wall_time * 1000))
        return Limits(
            turns=self.turns,
            tool_calls=self.tool_calls,
            tokens=self.tokens,
            nanos=money,
            millis=millis,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            model_calls=self.model_calls,
            questions=self.questions,
        )


class Rate(Table):
    """What tokens cost, in US dollars for a million of them."""

    input_usd_per_million: PriceUsd | None = None
    output_usd_per_million: PriceUsd | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.input_usd_per_million is None) != (self.output_usd_per_million is None):
            raise ValueError("`input_usd_per_million` and `output_usd_per_million` need each other")
        return self

    @property
    def price(self) -> Price | None:
        """Nanos a token, rounded up; None when no price is given here."""
        if self.input_usd_per_million is None or self.output_usd_per_million is None:
            return None
        return Price(nanos(self.input_usd_per_million / _MILLION), nanos(self.output_usd_per_million / _MILLION))


class PricesConfig(Rate):
    """`[prices]`: what becomes of a model whose price neither its own table nor the price list knows."""

    unknown_models: Literal["refuse", "rate", "free"] = "refuse"

    @model_validator(mode="after")
    def _complete(self) -> "PricesConfig":
        if (self.unknown_models == "rate") != (self.price is not None):
            raise ValueError('`unknown_models = "rate"` and `input_usd_per_million` need each other')
        return self


class ModelConfig(Rate):
    """`[models.ALIAS]`. Without prices the price list decides, by `name`."""

    provider: Annotated[str, BeforeValidator(_provider), WithJsonSchema({"enum": [*PROVIDERS]})]
    name: str | None = None
    script: Path | None = None
    base_url: WebAddress | None = Field(default=None, repr=False)
    api_key_env: Annotated[str, BeforeValidator(_variable)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ModelConfig":
        if self.provider == "scripted" and self.script is None:
            raise ValueError("a scripted model needs `script`: the file that it plays")
        return self


class AgentConfig(Table):
    """`[agents.NAME]`. `tools` is what its model is shown; what it may call is the policy's affair."""

    instructions: str = ""
    model: str | None = None
    tools: ToolGlobs = ("*/*",)
    max_output_tokens: Count = 4096
    budgets: BudgetTable = Field(default_factory=BudgetTable)


class StoreConfig(Table):
    """`[store]`. `full` survives a power cut after each commit, `normal` a crash of the process."""

    path: Path
    synchronous: Literal["normal", "full"] = "normal"


class TelemetryConfig(Table):
    """`[telemetry]`. `headers` hold `${VARIABLES}`; `Config.telemetry_headers` expands them."""

    endpoint: WebAddress | None = Field(default=None, repr=False)
    headers: Mapping[str, Template] = Field(default={}, repr=False)
    service_name: str = "toolgate"


class PolicyConfig(Table):
    """`[policy]`. `files` is one file of lines, or a folder of them. The newest `kept_versions` stay in the store."""

    model: Path
    files: Path
    budgets: Path
    kept_versions: Annotated[int, Field(ge=2, le=100_000)] = 100


def _not_empty(value: object) -> object:
    if value == "":
        raise ValueError("it is empty")
    return value


class IdentityConfig(Table):
    """`[identity]`: who is asking, when nobody says who."""

    user: User
    tenant: Annotated[str, BeforeValidator(_not_empty), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")] = (
        "default"
    )


class ServerWord(AuthWord):
    """`[servers.NAME]`: the admin's word about a server of .mcp.json; how to get in is `AuthWord`. Times are seconds.

    `safe_to_repeat` are globs of this server's tools that may be sent again when it is in doubt whether they ran.
    Without `prefix`, models and clients see its tools by their own names, where these are nobody else's. `new_tools`
    says what becomes of a tool that it adds when its others are pinned already.
    """

    trusted: bool = False
    era: Era = "auto"
    call_timeout: Seconds = 60.0
    connect_timeout: Seconds = 15.0
    safe_to_repeat: Strings = ()
    prefix: bool = True
    disabled: bool = False
    new_tools: Literal["accept", "hold"] = "accept"


class TrustConfig(Table):
    """`[trust]`: what is believed of what servers say. docs/trust.md says what each of these means."""

    accept_changes: Literal["none", "harmless"] = "none"
    hold_on: Annotated[tuple[Kind, ...], BeforeValidator(items)] = ("hidden_text", "bidi", "terminal_escape")


class Settings(Table):
    """The whole of toolgate.toml, with the environment, the flags and the defaults already merged in."""

    models: Mapping[Name, ModelConfig] = {}
    prices: PricesConfig = Field(default_factory=PricesConfig)
    agents: Mapping[Name, AgentConfig] = {}
    store: StoreConfig
    telemetry: TelemetryConfig = Field(default_factory=TelemetryConfig)
    serve: ServeConfig = Field(default_factory=ServeConfig)
    policy: PolicyConfig
    identity: IdentityConfig
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    trust: TrustConfig = Field(default_factory=TrustConfig)
    approvals: ApprovalsConfig = Field(default_factory=ApprovalsConfig)
    servers: Mapping[Name, ServerWord] = {}
    profiles: Mapping[Name, ProfileConfig] = {}
