"""What servers list as a schema, made one: a backend would refuse the whole request for a word of it. Pure.

What is no schema becomes `{}`, and where the value of a word is of another type than it must be, the word is left out.
What was a schema stays as it was.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["sound"]

_DEEPEST = 64  # schemas within schemas; what is deeper may be anything
_ONE = frozenset(
    {"items", "additionalItems", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
     "unevaluatedItems", "unevaluatedProperties"}
)  # fmt: skip
_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_KINDS = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_ONE, (Mapping, bool)),
    **dict.fromkeys(_SEVERAL, list),
    **dict.fromkeys(_NAMED, Mapping),
    **dict.fromkeys(("$ref", "$schema", "$id", "title", "description", "pattern", "format"), str),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), (int, float)),
    **dict.fromkeys(("required", "enum", "examples"), list),
    "items": (Mapping, bool, list),  # a list: a tuple, in older dialects
    "type": (str, list),
}
_NEVER_EMPTY = ("anyOf", "oneOf", "allOf", "enum", "type")


def sound(schema: Any, depth: int = 0) -> dict[str, Any] | bool:
    """A schema, whatever it was: an object of words, or one of the two that are `true` and `false`."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    fit = ((name, value) for name, value in schema.items() if isinstance(value, _TYPES.get(name, object)))
    told = {name: _told(name, value, depth + 1) for name, value in fit}
    return {name: value for name, value in told.items() if value or name not in _NEVER_EMPTY}


def _told(name: str, value: Any, depth: int) -> Any:
    if name in _NAMED:
        return {key: sound(part, depth) for key, part in value.items()}
    if name in _SEVERAL or (name == "items" and isinstance(value, list)):
        return [sound(part, depth) for part in value]
    if name in _ONE:
        return sound(value, depth)
    if name == "required":
        return [one for one in value if isinstance(one, str)]
    return _kind(value) if name == "type" else value


def _kind(value: Any) -> Any:
    if isinstance(value, str):
        return value if value in _KINDS else None
    return [one for one in value if isinstance(one, str) and one in _KINDS]
