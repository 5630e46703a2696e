"""JSON Schema keywords whose cost is bounded, in place of those that a hostile schema makes explode. Pure.

`pattern` and its relatives run on RE2, in linear time (Python's `re` takes seconds for 25 characters). RE2 has no
look-around: a `pattern` with one is left to the server to check; where the pattern chooses which schema applies
(`patternProperties`), the schema is refused. `$ref` counts its steps: a dozen lines of references can stand for
billions. `uniqueItems` compares texts, not each item with every other.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import re2
from jsonschema import exceptions, validators

__all__ = ["MAX_STEPS", "Exhausted", "Unbounded", "bounded"]

MAX_STEPS = 10_000  # references that one validation may follow
_MAX_TEXT = 80


class Exhausted(Exception):
    """A validation that took more steps than any honest schema needs."""


class Unbounded(Exception):
    """A schema that can't be checked in bounded time."""


def bounded(dialect: Any, schema: Mapping[str, Any]) -> tuple[Any, Callable[[], None]]:
    """A validator for the schema, and what to call before each validation. Raises Unbounded."""
    _check_patterns(schema)
    taken = [0]

    def stepping(keyword: Any) -> Any:
        def step(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            taken[0] += 1
            if taken[0] > MAX_STEPS:
                raise Exhausted
            yield from keyword(validator, value, instance, schema) or ()

        return step

    references = {name: stepping(dialect.VALIDATORS[name]) for name in _REFERENCES if name in dialect.VALIDATORS}
    made = validators.extend(dialect, {**_KEYWORDS, **references})  # type: ignore[no-untyped-call]

    def begin() -> None:
        taken[0] = 0

    return made(schema, registry=validators.SPECIFICATIONS), begin  # type: ignore[attr-defined] # not in the stubs


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any | None:
    """None for what RE2 does not take."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _check_patterns(schema: Any) -> None:
    """Where patterns choose schemas, each must be one that RE2 takes."""
    if isinstance(schema, list):
        for item in schema:
            _check_patterns(item)
    if not isinstance(schema, Mapping):
        return
    patterns = schema.get("patternProperties")
    for pattern in patterns if isinstance(patterns, Mapping) else ():
        if _compiled(pattern) is None:
            raise Unbounded(f"the pattern `{pattern[:_MAX_TEXT]}`")
    if patterns and "unevaluatedProperties" in schema:
        raise Unbounded("`unevaluatedProperties` beside `patternProperties`")
    for item in schema.values():
        _check_patterns(item)


def _found(pattern: str, text: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield exceptions.ValidationError(f"{instance[:_MAX_TEXT]!r} does not match {pattern[:_MAX_TEXT]!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _found(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    extra = [key for key in instance if key not in known and not any(_found(pattern, key) for pattern in patterns)]
    if validator.is_type(allowed, "object"):
        for key in extra:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extra:
        names = ", ".join(repr(key[:_MAX_TEXT]) for key in sorted(extra)[:5])
        yield exceptions.ValidationError(f"unknown: {names}; known: {', '.join(sorted(known)) or 'nothing'}")


def _unique_items(validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    if not (wanted and validator.is_type(instance, "array")):
        return
    texts = {json.dumps(item, sort_keys=True) for item in instance}
    if len(texts) != len(instance):
        yield exceptions.ValidationError("the items must differ from one another")


_KEYWORDS = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
