"""What `toolgate.toml` may say, as frozen models. Unknown keys are refused; nothing is converted behind one's back.

Every key, with its meaning and default: docs/configuration.md.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from gateway.budget import Limits, nanos
from gateway.config import amounts
from gateway.config.auth_word import AuthWord
from gateway.config.channels import ApprovalsConfig
from gateway.config.endpoints import EndpointConfig
from gateway.config.model_names import in_row
from gateway.config.models import Effort, ModelConfig, PricesConfig
from gateway.config.network import NetworkConfig
from gateway.config.output_schemas import plain
from gateway.config.queueing import QueueConfig
from gateway.config.serving import OAuthConfig, ProfileConfig, ServeConfig, User
from gateway.config.stores import POSTGRES
from gateway.config.table import (
    Count,
    Seconds,
    Size,
    Strings,
    Table,
    Template,
    Tokens,
    ToolGlobs,
    WebAddress,
    is_web_address,
    items,
    written,
)
from gateway.config.tool_word import Retries, ToolConfig
from gateway.cron import what_is_wrong
from gateway.job import HIGHEST, LOWEST
from gateway.output import unusable
from gateway.screens.finding import Kind
from gateway.zones import UnknownZone, zone_named

__all__ = [
    "NAME",
    "AgentConfig",
    "ApprovalsConfig",
    "BudgetTable",
    "ContextConfig",
    "EndpointConfig",
    "Era",
    "IdentityConfig",
    "ModelConfig",
    "NetworkConfig",
    "OAuthConfig",
    "PolicyConfig",
    "PricesConfig",
    "ProfileConfig",
    "QueueConfig",
    "ScheduleConfig",
    "ServeConfig",
    "ServerWord",
    "Settings",
    "StoreConfig",
    "Table",
    "TelemetryConfig",
    "TrustConfig",
    "is_web_address",
]

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]|_(?!_)){0,63}")

Era = Literal["auto", "legacy", "modern"]


def _name(value: object) -> object:
    if isinstance(value, str) and not NAME.fullmatch(value):
        raise ValueError("a name has letters, digits, `.`, `-` and single `_`, at most 64, and no sign in front")
    return value


Name = Annotated[str, BeforeValidator(_name)]


def _models(value: object) -> object:
    names = in_row(value) if isinstance(value, str) else items(value)
    if names == ():
        raise ValueError("it is empty: leave it out, or name a model")
    return names


_MODELS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


_FORBID = "what may never be called is forbidden in policy.csv: `p, *, *, SERVER/TOOL, call, , deny, WHY`"


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

    @field_validator("tool_calls", "usd", mode="before")
    @classmethod
    def _not_nothing(cls, value: object) -> object:
        if amounts.is_nothing(value):
            raise ValueError(f"must be more than 0; {_FORBID}")
        return value

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


class ContextConfig(Table):
    """`[agents.NAME.context]`: how much its model is told, and when less of it. docs/context.md explains it."""

    window: Tokens | None = None
    reserve: Tokens | None = None
    compact_at: Annotated[int, BeforeValidator(amounts.percent), written(amounts.PERCENT)] = 80
    keep_recent: Count = 4
    memory: Tokens = 32_000
    tools_before_search: Count = 100
    always: ToolGlobs = ()
    pinned: Strings = ()


def _tool_choice(value: object) -> object:
    if isinstance(value, str) and value not in ("auto", "any", "none") and "/" not in value:
        raise ValueError('it is `"auto"`, `"any"` (it calls a tool), `"none"`, or the tool: `"SERVER/TOOL"`')
    return value


def _output_schema(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    schema = plain(value)
    if (flaw := unusable(schema)) is not None:
        raise ValueError(f"the output schema {flaw}")
    return schema


class AgentConfig(Table):
    """`[agents.NAME]`. `tools` is what its model is shown; what it may call is the policy's affair.

    `model` is one name, or several that are asked one after another when one fails. `effort` comes before that of the
    model. Without `parallel_calls` it makes one call at a time; `tool_choice` is about its first reply to the user;
    `strict` asks for arguments that fit their schemas, `stop` are texts at which it ends.
    Its answer is JSON that fits `output_schema`: a file of JSON Schema, or the schema itself.
    """

    instructions: str = ""
    model: Annotated[tuple[str, ...], BeforeValidator(_models), WithJsonSchema(_MODELS)] = ()
    tools: ToolGlobs = ("*/*",)
    max_output_tokens: Count | None = None
    effort: Effort | None = None
    parallel_calls: bool = True
    tool_choice: Annotated[str, BeforeValidator(_tool_choice)] = "auto"
    strict: bool = False
    stop: Strings = ()
    output_schema: Annotated[Path | Mapping[str, Any] | None, BeforeValidator(_output_schema)] = None
    budgets: BudgetTable = Field(default_factory=BudgetTable)
    context: ContextConfig = Field(default_factory=ContextConfig)
    may_wait: bool = False


def _store_url(value: object) -> object:
    if isinstance(value, str) and not value.startswith((*POSTGRES, "${")):
        raise ValueError("a store is `sqlite:///PATH` or `postgresql://HOST/DATABASE`")
    return value


StoreUrl = Annotated[Template, BeforeValidator(_store_url)]


_Age = Annotated[float, BeforeValidator(amounts.duration), written(amounts.TIME)]


class KeepConfig(Table):
    """`[store.keep]`: for how long (seconds) `toolgate store prune` keeps runs that have ended, what sessions remember,
    what lasted, and what was decided in runs that were deleted. What is not said is kept for ever.
    """

    runs: _Age | None = None
    sessions: _Age | None = None
    lasting: _Age | None = None
    audit: _Age | None = None


class StoreConfig(Table):
    """`[store]`. With a `url` the store is in PostgreSQL, else in the file at `path`; what is this machine's alone is
    beside it. `synchronous` is about the file: `full` survives a power cut, `normal` a crash of the process.
    """

    path: Path
    url: StoreUrl | None = Field(default=None, repr=False)
    synchronous: Literal["normal", "full"] = "normal"
    keep: KeepConfig = KeepConfig()


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

    `max_answer` is in bytes. `safe_to_repeat` are globs of this server's tools that may be sent again when it is in
    doubt whether they ran. Without `prefix`, models and clients see its tools by their own names, where these are
    nobody else's. `new_tools` says what becomes of a tool that it adds when its others are pinned already. `tools` has
    what is said of single tools (`tool_word`); of those that say nothing of it, `retries` and `retry_errors` hold.
    """

    trusted: bool = False
    era: Era = "auto"
    call_timeout: Seconds = 60.0
    connect_timeout: Seconds = 15.0
    max_answer: Size = 64 * 1024 * 1024
    safe_to_repeat: Strings = ()
    prefix: bool = True
    disabled: bool = False
    new_tools: Literal["accept", "hold"] = "accept"
    retries: Retries | None = None
    retry_errors: Strings = ()
    tools: Mapping[str, ToolConfig] = {}


class TrustConfig(Table):
    """`[trust]`: what is believed of what servers say. docs/trust.md says what each of these means."""

    accept_changes: Literal["none", "harmless"] = "none"
    hold_on: Annotated[tuple[Kind, ...], BeforeValidator(items)] = ("hidden_text", "bidi", "terminal_escape")


def _cron(value: object) -> object:
    if isinstance(value, str) and (wrong := what_is_wrong(value)):
        raise ValueError(wrong)
    return value


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            zone_named(value)
        except UnknownZone as unknown:
            raise ValueError(f"{unknown}; {unknown.hint}") from None
    return value


class ScheduleConfig(Table):
    """`[schedules.NAME]`: a run that is submitted at each moment that `cron` names, in the time of `zone`.

    A moment that passes while no worker runs is made up for, once, for up to `late` after it.
    """

    cron: Annotated[str, BeforeValidator(_cron)]
    zone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    text: str
    agent: Name | None = None
    model: str | None = None
    priority: Annotated[int, Field(ge=LOWEST, le=HIGHEST)] = 0
    budgets: BudgetTable = Field(default_factory=BudgetTable)
    late: Annotated[float, BeforeValidator(amounts.duration), written(amounts.TIME)] = 3600.0
    disabled: bool = False


class Settings(Table):
    """The whole of toolgate.toml, with the environment, the flags and the defaults already merged in."""

    models: Mapping[Name, ModelConfig] = {}
    endpoints: Mapping[Name, EndpointConfig] = {}
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
    queue: QueueConfig = Field(default_factory=QueueConfig)
    schedules: Mapping[Name, ScheduleConfig] = {}
    servers: Mapping[Name, ServerWord] = {}
    profiles: Mapping[Name, ProfileConfig] = {}
