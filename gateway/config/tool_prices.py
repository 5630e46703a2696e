"""`[prices]` in budgets.toml: what calls of tools cost. Pure.

[prices]
"shop/refund" = "$0.10"
"search/*" = { at_most = "$0.05" }                        # what the result says in its `_meta`
"maps/*" = { at_most = "$0.05", meta = "example/price" }  # there, under this key
"*/*" = "refuse"                                          # or "free"

Nothing is free silently: a budget that counts the money of a tool wants a line that fits it.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from gateway.accounts import Budget, Dimension
from gateway.budget import nanos
from gateway.config import amounts
from gateway.config.table import Table, written
from gateway.tolls import META, Toll

__all__ = ["AtMost", "Glob", "ToolPrice", "toll", "unpriced"]


class AtMost(Table):
    """A price that the result says."""

    at_most: Annotated[Decimal, BeforeValidator(amounts.usd), written(amounts.DOLLARS)]
    meta: str = META


def _glob(value: object) -> object:
    if isinstance(value, str) and "/" not in value:
        raise ValueError(f"`{value}` is no `server/tool`: write `{value}/*` for all its tools")
    return value


def _price(value: object) -> object:
    """A word, or an amount."""
    if isinstance(value, dict) or value in ("refuse", "free"):
        return value
    try:
        return amounts.price(value)
    except ValueError as error:
        raise ValueError(f'{error}; or `"refuse"`, `"free"`, `{{ at_most = "$0.05" }}`') from None


def _either(value: Any) -> Any:
    return AtMost.model_validate(value) if isinstance(value, dict) else value


_SCHEMA = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": amounts.DOLLARS.pattern},
        {"enum": ["refuse", "free"]},
        {"type": "object", "properties": {"at_most": {}, "meta": {"type": "string"}}, "additionalProperties": False},
    ]
}
Glob = Annotated[str, BeforeValidator(_glob)]
ToolPrice = Annotated[
    AtMost | Decimal | str, BeforeValidator(_either), BeforeValidator(_price), WithJsonSchema(_SCHEMA)
]


def toll(price: AtMost | Decimal | str) -> Toll:
    """What it says."""
    match price:
        case AtMost():
            return Toll(nanos(price.at_most), price.meta)
        case Decimal():
            return Toll(nanos(price))
    return Toll(0 if price == "free" else None)


def unpriced(budget: Budget, prices: Collection[str]) -> Sequence[str]:
    """Globs of tools whose money this budget counts, and that no line is sure to fit; none, if it counts no tool's."""
    only = budget.scope.only
    if budget.limits.nanos is None or "model" in only or "model" in budget.scope.each:
        return ()
    ways = [[glob for glob in globs if not _fitted(glob, prices)] for globs in _counted(only)]
    return min(ways, key=len)


def _counted(only: Mapping[Dimension, Sequence[str]]) -> Sequence[Sequence[str]]:
    """All tools that count are fitted by each of these lists."""
    said = [*([only["tool"]] if "tool" in only else ()), *([_tools_of(only["server"])] if "server" in only else ())]
    return said or [["*/*"]]


def _tools_of(servers: Sequence[str]) -> Sequence[str]:
    return [f"{server}/*" for server in servers]


def _fitted(glob: str, prices: Collection[str]) -> bool:
    """Whether one of these fits all that it fits: as text, which is enough for `shop/*` and `shop/refund`."""
    return any(fnmatchcase(glob if "/" in glob else "*/*", price) for price in prices)
