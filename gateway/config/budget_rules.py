"""`[budgets.NAME]` in budgets.toml: limits that count over many runs, in windows of time. Pure.

[budgets.refunds]
tool = "shop/refund"        # what counts: subject, agent, role, tenant, model, server, tool, as globs
each = ["subject"]          # an account for each of these; without it, all share one
per = "day"                 # minute, hour, day, month; without it, for ever
zone = "Europe/Berlin"      # when a day begins; without it, in UTC
tool_calls = 20
usd = "$500"
then = "ask"                # deny, stop, ask or tell
warn_at = "90%"
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from gateway.accounts import Budget, Dimension, Rate, Scope, Then
from gateway.budget import UNITS, Limits
from gateway.config import amounts
from gateway.config.settings import BudgetTable
from gateway.config.table import Count, Table, items, written
from gateway.windows import Length, Window
from gateway.zones import UnknownZone, zone_named

__all__ = ["BudgetRule", "RateRule"]

_SIGNS: Mapping[Dimension, tuple[str, ...]] = {
    "subject": ("user:",),
    "agent": ("agent:",),
    "role": ("role:", "team:"),
}
_OF_MODELS = frozenset({"turns", "model_calls", "tokens", "input_tokens", "output_tokens"})
_OF_TOOLS: tuple[Dimension, ...] = ("server", "tool", "arguments", "error")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else items(value)


def _zone(value: object) -> object:
    try:
        if isinstance(value, str):
            zone_named(value)
    except UnknownZone as error:
        raise ValueError(f"{error}; {error.hint}") from None
    return value


def _paths(globs: object) -> None:
    """Raises ValueError for a tool without its server: it would match none."""
    for glob in globs if isinstance(globs, tuple) else ():
        if isinstance(glob, str) and "/" not in glob and "*" not in glob:
            raise ValueError(f"`tool`: `{glob}` is no `server/tool`: write `*/{glob}` for that of any server")


_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Globs = Annotated[tuple[str, ...], BeforeValidator(_several), WithJsonSchema(_ONE_OR_MORE)]
Zone = Annotated[str, BeforeValidator(_zone)]
Each = Annotated[tuple[Dimension, ...], BeforeValidator(_several)]


class _Scoped(Table):
    """What counts."""

    subject: Globs = ()
    agent: Globs = ()
    role: Globs = ()
    tenant: Globs = ()
    model: Globs = ()
    server: Globs = ()
    tool: Globs = ()
    each: Each = ()

    @model_validator(mode="before")
    @classmethod
    def _signed(cls, value: Any) -> Any:
        """A name without its sign would match nobody, and so limit nobody."""
        for dimension, signs in _SIGNS.items():
            globs = _several(value.get(dimension, ())) if isinstance(value, dict) else ()
            for glob in globs if isinstance(globs, tuple) else ():
                if isinstance(glob, str) and not glob.startswith((*signs, "*")):
                    raise ValueError(f"`{dimension}`: `{glob}` is nobody; write `{signs[0]}{glob}`")
        _paths(_several(value.get("tool", ())) if isinstance(value, dict) else ())
        return value

    @property
    def scope(self) -> Scope:
        said: Mapping[Dimension, tuple[str, ...]] = {
            "subject": self.subject,
            "agent": self.agent,
            "role": self.role,
            "tenant": self.tenant,
            "model": self.model,
            "server": self.server,
            "tool": self.tool,
        }
        return Scope(self.each, {dimension: globs for dimension, globs in said.items() if globs})


class BudgetRule(_Scoped, BudgetTable):
    """One of them. A limit on `errors` is on calls whose tool said that it failed."""

    per: Length | None = None
    zone: Zone = "UTC"
    sliding: bool = False
    errors: Count | None = None
    then: Then = "deny"
    warn_at: Annotated[int, BeforeValidator(amounts.percent), written(amounts.PERCENT)] = 80

    @model_validator(mode="after")
    def _complete(self) -> "BudgetRule":
        limited = [unit for unit in UNITS if getattr(self.limits, unit) is not None]
        if not limited:
            raise ValueError("it limits nothing: say `tool_calls`, `tokens`, `usd`, ...")
        if self.per is None and (self.sliding or "zone" in self.model_fields_set):
            raise ValueError("`zone` and `sliding` are about a window: say `per`, too")
        if self.sliding and "zone" in self.model_fields_set:
            raise ValueError("a window that slides begins nowhere, so it has no `zone`")
        self._may_count(limited)
        return self

    def _may_count(self, limited: Sequence[str]) -> None:
        """What can never be reached is a mistake: it would limit nothing."""
        if "error" in self.each and (self.sliding or limited != ["errors"]):
            raise ValueError("`error` in `each` is about `errors`, in a window that does not slide, and nothing else")
        of_tools = [name for name in _OF_TOOLS if name in self.each or getattr(self, name, None)]
        of_models = "model" in self.each or bool(self.model)
        if of_tools and of_models:
            raise ValueError(f"nothing is both a model's and a tool's: take `model` or `{of_tools[0]}` out")
        if of_tools and _OF_MODELS.issuperset(limited):
            raise ValueError(f"a tool takes no `{limited[0]}`: take `{of_tools[0]}` out")
        if self.then == "ask" and (of_models or _OF_MODELS.issuperset(limited)):
            raise ValueError("people are asked about tools' calls, not about a model's: say `deny`, `stop` or `tell`")

    @property
    def limits(self) -> Limits:
        return super().limits.replaced(Limits(errors=self.errors))

    def budget(self, name: str, where: str) -> Budget:
        """What it says."""
        window = None if self.per is None else Window(self.per, zone_named(self.zone), self.sliding)
        return Budget(name, self.limits, self.scope, window, self.then, self.warn_at, where)


class RateRule(_Scoped):
    """One of `[rates]`."""

    each: Each = ("subject", "tool")
    rate: Annotated[tuple[int, int], BeforeValidator(amounts.rate), written(amounts.RATE)]
    burst: Count | None = None

    @model_validator(mode="after")
    def _of_tools(self) -> "RateRule":
        if "model" in self.each or self.model:
            raise ValueError("a rate is about tools' calls: take `model` out")
        if "error" in self.each:
            raise ValueError("a call has no error before it is made: take `error` out")
        return self

    def found(self, name: str, where: str) -> Rate:
        """What it says."""
        count, micros = self.rate
        return Rate(name, -(-micros // count), self.burst or count, self.scope, where)
