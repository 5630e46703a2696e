"""`[servers.NAME.tools.TOOL]`: the admin's word about one tool, and what happens to its effects. Pure.

[servers.shop.tools.create_order]
idempotency_argument = "request_id"
retries = 2
retry_errors = ["try again later"]
undo = { tool = "shop/cancel_order", arguments = { order_id = "{result.order_id}" } }

[servers.shop.tools.create_order.reconcile]
tool = "shop/find_order"
arguments = { key = "{key}" }
happened = "result.found == true"

What such a table means is `gateway.effects`; conditions are read when the servers are opened.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from gateway.config.table import Seconds, Strings, Table

__all__ = ["InquiryConfig", "RecipeConfig", "Retries", "ToolConfig"]

MOST_RETRIES = 10

Retries = Annotated[int, Field(ge=0, le=MOST_RETRIES)]


def _named(value: object) -> object:
    """`undo = "shop/cancel_order"`: with the arguments of the call."""
    return {"tool": value} if isinstance(value, str) else value


class RecipeConfig(Table):
    """A call that follows from another one; without `arguments` it has those of that one."""

    tool: Annotated[str, Field(min_length=1)]
    arguments: Mapping[str, Any] | None = None


class InquiryConfig(RecipeConfig):
    """How one finds out what became of a call."""

    happened: str
    did_not_happen: str | None = None
    after: Seconds | None = None


_SCHEMA = {
    "type": ["object", "string"],
    "properties": {"tool": {"type": "string", "minLength": 1}, "arguments": {"type": "object"}},
    "additionalProperties": False,
}


class ToolConfig(Table):
    """`[servers.NAME.tools.TOOL]`."""

    idempotency_argument: Annotated[str, Field(min_length=1)] | None = None
    read_only: bool = False
    retries: Retries | None = None
    retry_errors: Strings = ()
    reconcile: InquiryConfig | None = None
    undo: Annotated[RecipeConfig | None, BeforeValidator(_named), WithJsonSchema(_SCHEMA)] = None

    @field_validator("retry_errors")
    @classmethod
    def _says_something(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "" in value:
            raise ValueError("an empty text is in every error: say which words mean that it may be tried again")
        return value
