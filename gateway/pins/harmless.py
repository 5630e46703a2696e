"""Which changes of a definition may be accepted by rule, without a person (`accept_changes = "harmless"`). Pure.

Very few. Whatever a model reads can steer it, so no wording is harmless; and a new optional parameter is a place where
a model can be made to put things. What is left says nothing new:

* the order of keys (no change at all: a pin is the hash of canonical JSON);
* the order of `required`, `enum` and of a list of types, which JSON Schema reads as sets;
* icons that were not there before;
* a `title` that only spells the tool's name in another way: `get_weather`, "Get weather".
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.call import JsonObject

__all__ = ["harmless"]


def harmless(old: JsonObject, new: JsonObject) -> bool:
    """Whether `new` says to people, models and programs what `old` says."""
    return bool(_essence(old, icons="icons" in old) == _essence(new, icons="icons" in old))


def _essence(definition: JsonObject, *, icons: bool) -> Any:
    """What must be equal. `icons`: whether they belong to it."""
    kept = {key: value for key, value in definition.items() if key != "icons" or icons}
    if _only_the_name(kept.get("title"), kept.get("name")):
        del kept["title"]
    for key in ("inputSchema", "outputSchema"):
        if key in kept:
            kept[key] = _schema(kept[key])
    return _exact(kept)


def _only_the_name(title: Any, name: Any) -> bool:
    return isinstance(title, str) and isinstance(name, str) and _letters(title) == _letters(name)


def _letters(text: str) -> str:
    """Without capitals, blanks and the separators of names; anything else is a difference."""
    return text.lower().translate(str.maketrans("", "", " _-."))


def _exact(value: Any) -> Any:
    """Python calls 1, 1.0 and True equal, JSON does not: each scalar goes with its type."""
    if isinstance(value, Mapping):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return (type(value), value)


# ---- JSON Schema: only where a schema stands, never within data such as `default` and `const`


def _schema(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    return {key: _KEYWORDS[key](value) if key in _KEYWORDS else value for key, value in schema.items()}


def _set(value: Any) -> Any:
    return sorted(value, key=repr) if isinstance(value, list) else value


def _schemas(value: Any) -> Any:
    """A list of schemas, or schemas by name."""
    if isinstance(value, list):
        return [_schema(item) for item in value]
    return {name: _schema(item) for name, item in value.items()} if isinstance(value, Mapping) else value


_KEYWORDS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("required", "enum", "type"), _set),
    **dict.fromkeys(("additionalProperties", "propertyNames", "not", "if", "then", "else", "contains"), _schema),
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"), _schemas),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _schemas),
    "items": lambda value: _schemas(value) if isinstance(value, list) else _schema(value),
}
