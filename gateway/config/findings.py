"""What pydantic found, in our words, at the place where the user wrote it. Pure."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.fields import neighbours
from gateway.config.places import KeyPath, Place, dotted, nearest
from gateway.errors import Problem
from gateway.wording import did_you_mean

__all__ = ["validated"]

M = TypeVar("M", bound=BaseModel)

_MUST = {
    "string_type": "must be text in quotes",
    "string_pattern_mismatch": "has a character that it may not have",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be `true` or `false`",
    "tuple_type": "must be a list: `[...]`",
    "path_type": "must be a path, in quotes",
    "is_instance_of": "must be a path, in quotes",  # the only class that is asked for: `Path`
    "decimal_type": "must be a number",
    "mapping_type": "must be a table",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def validated(
    model: type[M], value: Mapping[str, Any], places: Mapping[KeyPath, Place], otherwise: Place
) -> M | list[Problem]:
    """The model, or every problem with the value: each at its place, or else `otherwise`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return [_problem(model, found, places, otherwise) for found in error.errors(include_url=False)]


def _problem(model: type[BaseModel], found: ErrorDetails, places: Mapping[KeyPath, Place], otherwise: Place) -> Problem:
    path = tuple(part for part in found["loc"] if part != "[key]")
    message, hint = _words(model, found, path)
    return nearest(places, path, otherwise).problem(message, hint)


def _words(model: type[BaseModel], found: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    """What is wrong, and what to do. Values are not repeated, but for words out of a closed list."""
    context = found.get("ctx", {})
    match found["type"]:
        case "extra_forbidden":
            return _unknown(model, path)
        case "missing":
            return f"{_table(path[:-1])} lacks the key `{path[-1]}`", ""
        case "literal_error":
            words = re.findall(r"'([^']*)'", str(context["expected"]))
            return f"`{dotted(path)}` can't be `{found['input']}`", did_you_mean(str(found["input"]), words)
        case "value_error":
            return f"`{dotted(path)}`: {context['error']}", ""
        case other:
            return f"`{dotted(path)}` {_MUST.get(other) or _plainly(found['msg'])}", ""


def _unknown(model: type[BaseModel], path: KeyPath) -> tuple[str, str]:
    where = f" in {_table(path[:-1])}" if path[1:] else ""
    return f"there is no key `{path[-1]}`{where}", did_you_mean(str(path[-1]), neighbours(model, path))


def _table(path: KeyPath) -> str:
    return f"`[{dotted(path)}]`" if path else "the file"


def _plainly(message: str) -> str:
    """pydantic's `Input should be less than or equal to 65535`, without its subject."""
    return message.replace("Input should be", "must be", 1)
