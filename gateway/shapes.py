"""Quick answers for the schemas that nearly all tools have: objects of strings, numbers, lists and choices. Pure.

`accepts(schema)` makes a test that says yes only where the schema is one and every draft of JSON Schema since the
sixth says yes. Whoever hears no, or has a schema with anything else in it, asks the whole validator (`schema`), which
also has the words for what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["accepts"]

Test = Callable[[Any], bool]

MOST_NODES = 500  # subschemas; a larger one is left to the validator, whose steps are counted
DEEPEST = 16

_DRAFTS = frozenset(
    f"http{secure}://json-schema.org/{draft}schema{end}"
    for secure in ("", "s")
    for draft in ("draft-06/", "draft-07/", "draft/2019-09/", "draft/2020-12/")
    for end in ("", "#")
)
_TYPES: Mapping[str, Test] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_OF_OBJECTS = frozenset({"properties", "required", "additionalProperties"})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _are_choices(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and len(set(map(repr, value))) == len(value)


# They say something about a value, and demand nothing of it; each with what it may say itself.
_SAYS: Mapping[str, Test] = {
    "$comment": _is_text,
    "$schema": lambda value: value in _DRAFTS if isinstance(value, str) else False,
    "default": lambda _value: True,
    "deprecated": _is_flag,
    "description": _is_text,
    "examples": lambda value: isinstance(value, list),
    "format": _is_text,
    "readOnly": _is_flag,
    "title": _is_text,
    "writeOnly": _is_flag,
}
_DEMANDS: Mapping[str, Test] = {
    "enum": _are_choices,
    "maxItems": _is_size,
    "maxLength": _is_size,
    "maximum": _TYPES["number"],
    "minItems": _is_size,
    "minLength": _is_size,
    "minimum": _TYPES["number"],
    "properties": lambda value: isinstance(value, dict),
    "required": _are_names,
}


class _Unusual(Exception):
    """A schema that takes more than a glance."""


def accepts(schema: Any) -> Test | None:
    """A test for a schema that is valid as such; None if it takes the whole validator."""
    try:
        return _Compiler().test(schema, 0)
    except _Unusual:
        return None


def _is_proper(name: str, value: Any) -> bool:
    """Whether a keyword says what it may. What it holds of other schemas is looked at with those."""
    says = _SAYS.get(name) or _DEMANDS.get(name)
    return says is None or says(value)


def _all_of(tests: Sequence[Test]) -> Test:
    first, *rest = tests
    if not rest:
        return first
    other = _all_of(rest)

    def test(value: Any) -> bool:
        return first(value) and other(value)

    return test


class _Compiler:
    def __init__(self) -> None:
        self._nodes = 0

    def test(self, schema: Any, depth: int) -> Test:
        self._nodes += 1
        if self._nodes > MOST_NODES or depth > DEEPEST:
            raise _Unusual
        if schema is True or schema == {}:
            return lambda _value: True
        if not isinstance(schema, Mapping) or not all(map(_is_proper, schema, schema.values())):
            raise _Unusual
        names = {name for name in schema if name not in _SAYS and not name.startswith("x-")}
        kind = schema.get("type")
        if _are_names(kind) and kind:
            return self._of_any(schema, names, kind, depth)
        return self._of_type(schema, names, kind, depth)

    def _of_any(self, schema: Mapping[str, Any], names: set[str], kinds: list[Any], depth: int) -> Test:
        """Of one type or another: each is looked at as if it stood there alone."""
        tests = [self._of_type(schema, self._meant(names, kind), kind, depth) for kind in kinds]
        return lambda value: any(test(value) for test in tests)

    def _meant(self, names: set[str], kind: Any) -> set[str]:
        """Without the keywords that say nothing about this type."""
        own = _KEYWORDS.get(kind, frozenset())
        others = frozenset().union(*(words for name, words in _KEYWORDS.items() if name != kind)) - own
        return names - others

    def _of_type(self, schema: Mapping[str, Any], names: set[str], kind: Any, depth: int) -> Test:
        if not isinstance(kind, str) or kind not in _TYPES:
            raise _Unusual
        rest = names - {"type"} - _KEYWORDS.get(kind, frozenset())
        if rest - {"enum"}:
            raise _Unusual
        tests = [_TYPES[kind], *self._limits(schema, kind, depth)]
        if "enum" in names:
            tests.append(_chosen(schema["enum"]))
        return _all_of(tests)

    def _limits(self, schema: Mapping[str, Any], kind: str, depth: int) -> list[Test]:
        match kind:
            case "object":
                return [self._fields(schema, depth)] if _OF_OBJECTS & schema.keys() else []
            case "array":
                items = [self._each(schema["items"], depth)] if "items" in schema else []
                return [*_sized(schema, "minItems", "maxItems"), *items]
            case "string":
                return _sized(schema, "minLength", "maxLength")
            case "integer" | "number":
                return _between(schema)
        return []

    def _each(self, schema: Any, depth: int) -> Test:
        test = self.test(schema, depth + 1)
        return lambda value: all(map(test, value))

    def _fields(self, schema: Mapping[str, Any], depth: int) -> Test:
        properties = schema.get("properties", {})
        known = {name: self.test(own, depth + 1) for name, own in properties.items()}
        more = schema.get("additionalProperties", True)
        other = None if more is False else self.test(more, depth + 1)
        required = frozenset(schema.get("required", ()))

        def test(value: Any) -> bool:
            if not required <= value.keys():
                return False
            for name, item in value.items():
                own = known.get(name, other)
                if own is None or not own(item):
                    return False
            return True

        return test


_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": _OF_OBJECTS,
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
}


def _chosen(values: Any) -> Test:
    """One of some words. `1`, `1.0` and `true` are equal in Python: of what is no word, the validator decides."""
    words = frozenset(value for value in values if isinstance(value, str))
    return lambda value: isinstance(value, str) and value in words


def _sized(schema: Mapping[str, Any], least: str, most: str) -> list[Test]:
    low, high = schema.get(least), schema.get(most)
    tests: list[Test] = []
    if low is not None:
        tests.append(lambda value: len(value) >= low)
    if high is not None:
        tests.append(lambda value: len(value) <= high)
    return tests


def _between(schema: Mapping[str, Any]) -> list[Test]:
    low, high = schema.get("minimum"), schema.get("maximum")
    tests: list[Test] = []
    if low is not None:
        tests.append(lambda value: value >= low)
    if high is not None:
        tests.append(lambda value: value <= high)
    return tests
