"""The form of an answer as Anthropic takes it: a part of JSON Schema. Pure.

What it does not know is refused with the whole request, so it is left out, where that only lets more through. A schema
in which leaving out would say something else (a choice of names, a tuple, what refers to itself) is not given at all.
https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from providers.answer_form import is_of_object

__all__ = ["formed", "says_all"]

Schema = Mapping[str, Any]

_KNOWN = frozenset(
    {"type", "title", "description", "enum", "const", "anyOf", "$ref", "$defs", "definitions", "properties", "required",
     "additionalProperties", "items", "format", "default"}
)  # fmt: skip
_TURNING = frozenset(
    {"patternProperties", "prefixItems", "unevaluatedProperties", "unevaluatedItems", "$id", "$anchor", "$dynamicRef",
     "$dynamicAnchor", "$recursiveRef", "propertyNames"}
)  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_GROUPS = ("$defs", "definitions")


class _Inexpressible(Exception):
    """It can't be said in the part of JSON Schema that is known."""


def formed(schema: Schema) -> dict[str, Any] | None:
    """The schema with what is known of it, every object closed; None if it can't be said so."""
    try:
        if not is_of_object(schema):
            return None
        made = _formed(schema)
        _no_circles(made)
    except _Inexpressible:
        return None
    return made


def says_all(form: Schema, schema: Schema) -> bool:
    """Whether the form has everything that the schema says; it may be closed where that is open."""
    return bool(_bare(form) == _bare(schema))


def _bare(part: Any) -> Any:
    if isinstance(part, list):
        return [_bare(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    return {name: _bare(item) for name, item in part.items() if not _is_idle(name, item)}


def _is_idle(name: str, item: Any) -> bool:
    return (name == "$schema" and isinstance(item, str)) or (name == "additionalProperties" and item is False)


def _formed(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or _TURNING & schema.keys():
        raise _Inexpressible
    if isinstance(schema.get("items"), list):  # a tuple, in older dialects
        raise _Inexpressible
    kept = {name: value for name, value in schema.items() if name in _KNOWN and _is_plain(name, value)}
    for name in ("properties", *_GROUPS):
        if name in kept:
            kept[name] = {key: _formed(part) for key, part in kept[name].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_formed(part) for part in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = _formed(kept["items"])
    return _closed(kept)


def _is_plain(name: str, value: Any) -> bool:
    match name:
        case "format":
            return value in _FORMATS
        case "enum":
            return not any(isinstance(item, Mapping | list) for item in value)
        case "const" | "default":
            return not isinstance(value, Mapping | list)
    return True


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Only what is named may stand in an object; one of which nothing is named could hold nothing at all."""
    kinds = schema.get("type")
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]) and "properties" not in schema:
        return {name: value for name, value in schema.items() if name != "additionalProperties"}
    if schema.get("additionalProperties", False) is not False or not schema.get("properties"):
        raise _Inexpressible
    return {**schema, "additionalProperties": False}


def _no_circles(schema: Schema) -> None:
    """Raises _Inexpressible for a definition that comes back to itself, and for a reference to anything else.

    References are never unrolled: a dozen lines of them can stand for billions.
    """
    named = {f"#/{group}/{name}": part for group in _GROUPS for name, part in schema.get(group, {}).items()}
    leads = {place: set(_references(part)) for place, part in named.items()}
    if not named.keys() >= set(_references(schema)):
        raise _Inexpressible
    try:
        TopologicalSorter(leads).prepare()
    except CycleError:
        raise _Inexpressible from None


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping) and isinstance(part.get("$ref"), str):
        yield part["$ref"]
    for inner in part if isinstance(part, list) else part.values() if isinstance(part, Mapping) else ():
        yield from _references(inner)
