"""Values against a JSON Schema: a call's arguments before any policy looks at them, a run's answer before it ends.

A tool that coerces `"30000"` to a number would slip under a rule about amounts; so what does not fit the schema is
refused first. A schema is hostile input, and must not stop the gateway: it is looked at once for each pin, in a thread,
when its server lists it (`unusable`), and compiled with the keywords of `bounded`. One that nobody has looked at gets a
moment, in which nearly all are read; what takes longer is not judged by. A `$ref` never reaches the network or a file:
it is resolved in a registry that holds the standard's own schemas and fetches nothing (the validator's default one
would fetch). Pure, apart from bounded caches.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gateway.call import Arguments, JsonObject, Tool
from gateway.shapes import accepts
from gateway.verbatim import depth_over

__all__ = ["LISTING_SECONDS", "OF_SCHEMA", "TOO_MUCH", "UNFINISHED", "fault", "is_plain", "unusable", "violation"]

OF_SCHEMA = "the tool's input schema "  # so begins what no call can mend
_MAX_TEXT = 300
LISTING_SECONDS = 2.0  # of a thread, for one schema: its steps come to their end before that, as a rule
_A_MOMENT = 0.05  # seconds, in which all others wait
TOO_MUCH = "takes too many steps to check"
UNFINISHED = f"{OF_SCHEMA}{TOO_MUCH}"
_CANT = "can't be used to check anything"
_HONEST = 16  # levels of a value, from which on it is what takes the validator too deep, and not its schema alone
# What is no doing of a schema. All else is: where Python refuses to go deeper, the library's Rust panics, and a panic
# is no Exception; the SDK's server does not outlive one.
_NOT_OF_SCHEMAS = (KeyboardInterrupt, SystemExit, GeneratorExit)


def violation(tool: Tool, arguments: Arguments, *, at_once: bool = False) -> str | None:
    """What is wrong with these arguments, in a sentence for the model to mend; None if nothing is. `UNFINISHED` if that
    could not be found out `at_once`.
    """
    carried = _Schema()
    carried.schema = tool.input_schema
    glance = _glance(tool.pin, carried)
    if glance is not None and glance(arguments.value):
        return None
    found = fault(tool.pin, tool.input_schema, arguments.value, at_once=at_once)
    if found is None:
        return None
    return f"{OF_SCHEMA}{found}" if isinstance(found, str) else _sentence(found)


def fault(key: str, schema: JsonObject, value: Any, *, at_once: bool = False) -> Any:
    """The first of `jsonschema`'s errors in it; None if there is none; a text if the schema itself is to blame: what is
    wrong with it, without its subject. `key` tells schemas apart.
    """
    compiled = _compiled(key, _carried(schema))
    if isinstance(compiled, str):
        return compiled
    from gateway.bounded import AT_LENGTH, AT_ONCE, Exhausted, TooDeep, too_deep

    validator, begin = compiled
    begin(AT_ONCE if at_once else AT_LENGTH)
    try:
        return next(validator.iter_errors(value), None)
    except (TooDeep, RecursionError):
        return too_deep() if depth_over(value, _HONEST) else "refers to itself without end"
    except Exhausted:
        return TOO_MUCH
    except BaseException as broken:  # a schema is hostile input: whatever it breaks, the value is refused
        if isinstance(broken, _NOT_OF_SCHEMAS):
            raise
        return _CANT


def is_plain(key: str, schema: JsonObject) -> bool:
    """Whether it is one that takes no more than a glance, and can be used."""
    return _glance(key, _carried(schema)) is not None


def unusable(key: str, schema: JsonObject, seconds: float = LISTING_SECONDS) -> str | None:
    """Why no value can be held against this schema, in words that follow `the schema`; None if one can be. May take
    that long.
    """
    carried = _carried(schema)
    carried.seconds = seconds
    try:
        return None if _glance(key, carried) is not None else _flaw(key, carried)
    except _Unfinished:
        return TOO_MUCH


class _Schema(str):  # noqa: SLOT000 - a text with slots can hold nothing
    """Carries a schema to the compiler without taking part in the cache's key: the pin says it all, and as texts all of
    these are equal, at no cost. `seconds`: for a look at it.
    """

    schema: JsonObject
    seconds = _A_MOMENT


def _carried(schema: JsonObject) -> _Schema:
    carried = _Schema()
    carried.schema = schema
    return carried


@lru_cache(maxsize=4096)
def _glance(_pin: str, carried: _Schema) -> Callable[[Any], bool] | None:
    return accepts(carried.schema)


class _Unfinished(Exception):
    """Whether a schema can be used was not found out in the time that there was. That is not remembered."""


@lru_cache(maxsize=16_384)
def _flaw(_key: str, carried: _Schema) -> str | None:
    """Raises _Unfinished."""
    from jsonschema import validators  # 60 ms and 5 MB, for what takes more than a glance

    from gateway.bounded import Exhausted, Unbounded, bounded, flaw

    schema = dict(carried.schema)
    try:
        dialect = validators.validator_for(schema, default=validators.Draft202012Validator)
        if (wrong := flaw(dialect, schema, carried.seconds)) is not None:
            return wrong
        bounded(dialect, schema)
    except Exhausted:
        raise _Unfinished from None
    except Unbounded as error:
        return f"can't be checked in bounded time: {error}"
    except BaseException as broken:  # as above
        if isinstance(broken, _NOT_OF_SCHEMAS):
            raise
        return _CANT
    return None


@lru_cache(maxsize=4096)
def _compiled(key: str, carried: _Schema) -> Any:
    """A validator, and what to call before it; or what is wrong with the schema."""
    try:
        wrong = _flaw(key, carried)
    except _Unfinished:
        return TOO_MUCH
    if wrong is not None:
        return wrong
    from jsonschema import validators

    from gateway.bounded import bounded

    schema = dict(carried.schema)
    return bounded(validators.validator_for(schema, default=validators.Draft202012Validator), schema)


def _sentence(error: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    return f"arguments{where}: {error.message[:_MAX_TEXT]}"
