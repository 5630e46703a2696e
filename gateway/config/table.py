"""What all tables of a TOML file have in common, and the kinds of value that several of them hold. Pure."""

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from gateway.config import amounts
from gateway.config.templates import pieces

__all__ = [
    "VARIABLE",
    "Count",
    "PriceUsd",
    "Seconds",
    "Strings",
    "Table",
    "Template",
    "Tokens",
    "ToolGlobs",
    "WebAddress",
    "is_web_address",
    "items",
    "written",
]

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Table(BaseModel):
    """A table of a TOML file: closed, frozen, strict, and silent about values in its errors.

    Built when it is first used: `toolgate --help` need not wait for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True)


def items(value: object) -> object:
    """TOML's arrays as tuples, which can't be changed."""
    return tuple(value) if isinstance(value, list) else value


def _tool_globs(value: object) -> object:
    globs = items(value)
    for glob in globs if isinstance(globs, tuple) else ():
        if isinstance(glob, str) and "/" not in glob:
            raise ValueError(f"`{glob}` is no `server/tool`: write `{glob}/*` for all its tools")
    return globs


def _web_address(value: object) -> object:
    if isinstance(value, str) and not is_web_address(value):  # not shown: it may hold a password
        raise ValueError("must be an http or https address, such as `http://127.0.0.1:4318`")
    return value


def is_web_address(text: str) -> bool:
    """Whether this is an absolute http or https URL."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket without its twin
        return False


def _template(value: object) -> object:
    if isinstance(value, str):
        list(pieces(value))
    return value


def written(amount: amounts.Written) -> WithJsonSchema:
    """How an editor should know this amount: as a number, or as text of this form."""
    text = {"type": "string", "pattern": amount.pattern}
    said = {"description": amount.hint}
    return WithJsonSchema(said | ({"anyOf": [{"type": amount.number}, text]} if amount.number else text))


Count = Annotated[int, BeforeValidator(amounts.count), written(amounts.COUNT)]
PriceUsd = Annotated[Decimal, BeforeValidator(amounts.price), written(amounts.DOLLARS)]
Seconds = Annotated[float, BeforeValidator(amounts.seconds), written(amounts.SECONDS)]
Size = Annotated[int, BeforeValidator(amounts.size), written(amounts.SIZE)]
Strings = Annotated[tuple[str, ...], BeforeValidator(items)]
Template = Annotated[str, BeforeValidator(_template)]
Tokens = Annotated[int, BeforeValidator(amounts.tokens), written(amounts.TOKENS)]
ToolGlobs = Annotated[tuple[str, ...], BeforeValidator(_tool_globs)]
WebAddress = Annotated[str, BeforeValidator(_web_address)]
