"""Values against a JSON Schema: a call's arguments before any policy looks at them, a run's answer before it ends.

A tool that coerces `"30000"` to a number would slip under a rule about amounts; so what does not fit the schema is
refused first. Schemas are compiled once for each pin, with the keywords of `bounded`: a schema is hostile input, and
must not stop the gateway. A `$ref` never reaches the network or a file: it is resolved in a registry that holds the
standard's own schemas and fetches nothing (the validator's default one would fetch). Pure, apart from a bounded cache.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gateway.call import Arguments, JsonObject, Tool
from gateway.shapes import accepts

__all__ = ["fault", "violation"]

_MAX_TEXT = 300
_TOO_MUCH = "takes too many steps to check"


def violation(tool: Tool, arguments: Arguments) -> str | None:
    """What is wrong with these arguments, in a sentence for the model to mend; None if nothing is."""
    glance = _glance(tool.pin, _Schema(tool.input_schema))
    if glance is not None and glance(arguments.value):
        return None
    found = fault(tool.pin, tool.input_schema, arguments.value)
    if found is None:
        return None
    return f"the tool's input schema {found}" if isinstance(found, str) else _sentence(found)


def fault(key: str, schema: JsonObject, value: Any) -> Any:
    """The first of `jsonschema`'s errors in it; None if there is none; a text if the schema itself is to blame: what is
    wrong with it, without its subject. `key` tells schemas apart.
    """
    compiled = _compiled(key, _Schema(schema))
    if isinstance(compiled, str):
        return compiled
    from gateway.bounded import Exhausted

    validator, begin = compiled
    begin()
    try:
        return next(validator.iter_errors(value), None)
    except RecursionError:
        return "refers to itself without end"
    except Exhausted:
        return _TOO_MUCH
    except Exception as broken:  # noqa: BLE001 - a schema is hostile input: whatever it breaks, the value is refused
        return _unusable(broken)


def _unusable(broken: Exception) -> str:
    return f"can't be used: {type(broken).__name__}"


class _Schema:
    """Carries a schema to the compiler without taking part in the cache's key: the pin says it all."""

    def __init__(self, schema: JsonObject) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema)


@lru_cache(maxsize=4096)
def _glance(_pin: str, carried: _Schema) -> Callable[[Any], bool] | None:
    return accepts(carried.schema)


@lru_cache(maxsize=4096)
def _compiled(_key: str, carried: _Schema) -> Any:
    from jsonschema import validators  # 60 ms and 5 MB, for what takes more than a glance

    from gateway.bounded import Exhausted, Unbounded, bounded, flaw

    schema = dict(carried.schema)
    try:
        dialect = validators.validator_for(schema, default=validators.Draft202012Validator)
        if (wrong := flaw(dialect, schema)) is not None:
            return f"is not a JSON Schema: {wrong[:_MAX_TEXT]}"
        return bounded(dialect, schema)
    except Exhausted:
        return _TOO_MUCH
    except Unbounded as error:
        return f"can't be checked in bounded time: {error}"
    except Exception as broken:  # noqa: BLE001 - as above
        return _unusable(broken)


def _sentence(error: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"arguments{where}: {error.message[:_MAX_TEXT]}"
