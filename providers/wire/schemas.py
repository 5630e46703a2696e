"""JSON Schemas that backends take. Pure.

What is lost here is only a hint to the model: the gateway checks arguments against the tool's own schema. One schema
that a backend refuses would cost the whole request. Servers send what they like: what is no schema is taken for `{}`,
and where a word's value is of another type than it must be, it is as if the word was not there.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from providers.wire.sound_schema import sound

__all__ = ["may_be_strict", "of_object", "plain_keys", "reduced"]

Schema = Mapping[str, Any]

_UNIONS = ("oneOf", "anyOf", "allOf")
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NEVER_STRICT = frozenset(
    {"oneOf", "allOf", "not", "if", "then", "else", "patternProperties", "prefixItems", "dependentRequired",
     "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "contains", "propertyNames", "default"}
)  # fmt: skip
_DEEPEST = 12  # a schema that refers to itself is unrolled no further
_MOST_PARTS = 1_000  # that references may be put in place for


def of_object(schema: Any) -> dict[str, Any]:
    """The schema as one of an object, with `properties`, and without a choice or a reference at its top."""
    schema = _object(sound(schema))
    if "$ref" in schema:
        return of_object({**_referred(schema), **{name: item for name, item in schema.items() if name != "$ref"}})
    kept = {name: value for name, value in schema.items() if name not in _UNIONS and name != "not"}
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
        return kept
    return {**kept, "type": "object", "properties": kept.get("properties") or {}}


def _object(schema: Any) -> Schema:
    """`true` and `false` are schemas, too: of an object, they say nothing."""
    return schema if isinstance(schema, Mapping) else {}


def _referred(schema: Schema) -> Schema:
    """What a schema refers to that is nothing else; a reference to another one is not followed."""
    _, _, place = schema["$ref"].rpartition("#/")
    group, _, name = place.partition("/")
    found = schema.get(group, {}).get(name, {}) if group in ("$defs", "definitions") else {}
    return {} if not isinstance(found, Mapping) or "$ref" in found else found


def plain_keys(schema: Any) -> dict[str, Any]:
    """Properties whose names Anthropic does not take are told in words; they can still be given."""
    kept = of_object(schema)
    odd = {name: value for name, value in kept["properties"].items() if not _KEY.fullmatch(name)}
    if not odd:
        return kept
    about = f"It also takes, by these very names: {json.dumps(odd, ensure_ascii=False)}"
    return {
        **kept,
        "properties": {name: value for name, value in kept["properties"].items() if name not in odd},
        "required": [name for name in kept.get("required", ()) if name not in odd],
        "description": "\n".join(filter(None, (kept.get("description"), about))),
    }


def may_be_strict(schema: Any) -> bool:
    """Whether a backend can hold a model to this schema: all is required, nothing is open, no choice but `anyOf`."""
    if not isinstance(schema, Mapping) or "anyOf" in schema or schema.get("type") != "object":
        return False
    return sound(schema) == schema and _strict(schema)


def _strict(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    if _NEVER_STRICT & schema.keys() or ("$ref" in schema and len(schema) > 1):
        return False
    return _closed(schema) and all(_strict(part) for part in _parts(schema))


def _closed(schema: Schema) -> bool:
    if schema.get("type") != "object" and "properties" not in schema:
        return True
    properties = schema.get("properties", {})
    return schema.get("additionalProperties") is False and set(schema.get("required", ())) == set(properties)


def _parts(schema: Schema) -> list[Any]:
    """The schemas within a schema, one level deep."""
    named = [part for name in ("properties", "$defs", "definitions") for part in schema.get(name, {}).values()]
    items = [schema["items"]] if "items" in schema else []
    return [*named, *items, *schema.get("anyOf", ())]


# ---- Gemini's compatible endpoint knows a part of JSON Schema

_KNOWN = frozenset(
    {"type", "title", "description", "enum", "format", "items", "properties", "required", "nullable", "minimum",
     "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern", "anyOf"}
)  # fmt: skip


def reduced(schema: Any) -> dict[str, Any]:
    """The schema in the words that Gemini knows: references are put in place, choices are `anyOf`.

    What references upon references make of a small schema has an end: what comes after `_MOST_PARTS` may be anything.
    """
    schema = _object(sound(schema))
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    parts = iter(range(_MOST_PARTS))

    def named(name: str) -> Any:
        return definitions.get(name, {}) if next(parts, None) is not None else {}

    return _reduced(schema, named, 0)


def _reduced(schema: Any, named: Callable[[str], Any], depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    if "$ref" in schema:
        return _reduced(named(schema["$ref"].rpartition("/")[2]), named, depth + 1)
    kept = _merged(schema)
    kept = {name: value for name, value in kept.items() if name in _KNOWN}
    if "properties" in kept:
        kept["properties"] = {name: _reduced(part, named, depth + 1) for name, part in kept["properties"].items()}
        kept["required"] = [name for name in kept.get("required", ()) if name in kept["properties"]]
    if "items" in kept:
        kept["items"] = _reduced(kept["items"], named, depth + 1)
    if "anyOf" in kept:
        kept["anyOf"] = [_reduced(part, named, depth + 1) for part in kept["anyOf"]]
    return kept


def _merged(schema: Schema) -> dict[str, Any]:
    """`const`, `oneOf`, a list of types, and `allOf` in words that there are."""
    kept = dict(schema)
    for part in kept.pop("allOf", ()):
        kept = {**part, **kept} if isinstance(part, Mapping) else kept
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if isinstance(kept.get("type"), list):
        kept = _one_type(kept)
    return kept


def _one_type(schema: dict[str, Any]) -> dict[str, Any]:
    types = [name for name in schema["type"] if name != "null"]
    rest = {name: value for name, value in schema.items() if name != "type"}
    nullable = {"nullable": True} if len(types) < len(schema["type"]) else {}
    if len(types) == 1:
        return {**rest, "type": types[0], **nullable}
    return {**rest, "anyOf": [{"type": name} for name in types], **nullable}
