"""Arguments against a tool's input schema, before any policy looks at them. Pure, apart from a bounded cache.

A tool that coerces `"30000"` to a number would slip under a rule about amounts; so what does not fit the schema is
refused first. Schemas are compiled once for each pin, with the keywords of `bounded`: a schema is hostile input, and
must not stop the gateway. A `$ref` never reaches the network or a file: it is resolved in a registry that holds the
standard's own schemas and fetches nothing (the validator's default one would fetch).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gateway.call import Arguments, Tool
from gateway.shapes import accepts

__all__ = ["violation"]

_MAX_TEXT = 300
_TOO_MUCH = "the tool's input schema takes too many steps to check"


def violation(tool: Tool, arguments: Arguments) -> str | None:
    """What is wrong with these arguments, in a sentence for the model to mend; None if nothing is."""
    glance = _glance(tool.pin, _Schema(tool))
    if glance is not None and glance(arguments.value):
        return None
    return _looked_at(tool, arguments)


def _looked_at(tool: Tool, arguments: Arguments) -> str | None:
    compiled = _compiled(tool.pin, _Schema(tool))
    if isinstance(compiled, str):
        return compiled
    from gateway.bounded import Exhausted

    validator, begin = compiled
    begin()
    try:
        error = next(validator.iter_errors(arguments.value), None)
    except RecursionError:
        return "the tool's input schema refers to itself without end"
    except Exhausted:
        return _TOO_MUCH
    except Exception as broken:  # noqa: BLE001 - a schema is hostile input: whatever it breaks, the call is refused
        return _unusable(broken)
    return _sentence(error) if error else None


def _unusable(broken: Exception) -> str:
    return f"the tool's input schema can't be used: {type(broken).__name__}"


class _Schema:
    """Carries a tool to the compiler without taking part in the cache's key: the pin says it all."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema)


@lru_cache(maxsize=4096)
def _glance(_pin: str, carried: _Schema) -> Callable[[Any], bool] | None:
    return accepts(carried.tool.input_schema)


@lru_cache(maxsize=4096)
def _compiled(_pin: str, carried: _Schema) -> Any:
    from jsonschema import validators  # 60 ms and 5 MB, for what takes more than a glance

    from gateway.bounded import Exhausted, Unbounded, bounded, flaw

    schema = dict(carried.tool.input_schema)
    try:
        dialect = validators.validator_for(schema, default=validators.Draft202012Validator)
        if (wrong := flaw(dialect, schema)) is not None:
            return f"the tool's input schema is not a JSON Schema: {wrong[:_MAX_TEXT]}"
        return bounded(dialect, schema)
    except Exhausted:
        return _TOO_MUCH
    except Unbounded as error:
        return f"the tool's input schema can't be checked in bounded time: {error}"
    except Exception as broken:  # noqa: BLE001 - as above
        return _unusable(broken)


def _sentence(error: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"arguments{where}: {error.message[:_MAX_TEXT]}"
