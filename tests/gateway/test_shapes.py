"""Quick answers about schemas: a yes is a yes of the whole validator, whatever draft it goes by."""

from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.shapes import DEEPEST, MOST_NODES, accepts

DRAFTS = (
    jsonschema.Draft6Validator,
    jsonschema.Draft7Validator,
    jsonschema.Draft201909Validator,
    jsonschema.Draft202012Validator,
)
NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.5]) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3, unique_by=repr),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "required": st.lists(NAMES, min_size=1, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "minimum": st.integers(-2, 2),
            "maximum": st.integers(-2, 2),
            "exclusiveMinimum": st.integers(-2, 2),
            "const": VALUES,
            "pattern": st.just("^a"),
            "not": inner,
            "title": st.just("a title"),
            "x-mine": st.just(1),
        },
    )


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])  # few values fit by chance
@given(st.recursive(st.just({}) | st.just({"type": "string"}), schemas, max_leaves=6), VALUES)
def test_what_it_accepts_every_draft_accepts(schema: Any, value: Any) -> None:
    test = accepts(schema)
    assume(test is not None and test(value))
    for draft in DRAFTS:
        draft.check_schema(schema)
        assert draft(schema).is_valid(value)


ODD = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.5, "", "a", [], ["a"], ["a", "a"], [1], {}])
WORDS = (
    "type", "enum", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength",
    "maxLength", "minimum", "maximum", "title", "description", "default", "examples", "deprecated", "readOnly",
    "writeOnly", "format", "$schema", "$comment", "$id", "$ref", "const",
)  # fmt: skip
KEYWORDS = st.sampled_from(WORDS)


@given(st.dictionaries(KEYWORDS, ODD, max_size=3), KINDS)
def test_what_is_no_schema_is_left_to_the_validator(schema: dict[str, Any], kind: str) -> None:
    for shape in (schema, {"type": kind} | schema, {"type": "object", "properties": {"a": {"type": kind} | schema}}):
        if accepts(shape) is not None:
            for draft in DRAFTS:
                draft.check_schema(shape)


REFUND = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Refund",
    "type": "object",
    "properties": {
        "order": {"type": "string", "minLength": 1, "description": "its number"},
        "amount": {"type": "number", "minimum": 0, "maximum": 500},
        "reason": {"type": "string", "enum": ["damaged", "late"]},
        "lines": {"type": "array", "maxItems": 2, "items": {"type": ["integer", "null"], "minimum": 1}},
        "free": {},
        "flag": {"type": "boolean", "default": False},
    },
    "required": ["order", "amount"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"order": "1", "amount": 0}, True),
        ({"order": "1", "amount": 4.5, "reason": "late", "lines": [1, None], "free": {"x": []}, "flag": True}, True),
        ({"order": "", "amount": 1}, False),
        ({"order": "1"}, False),
        ({"order": "1", "amount": "4"}, False),
        ({"order": "1", "amount": True}, False),
        ({"order": "1", "amount": 501}, False),
        ({"order": "1", "amount": -1}, False),
        ({"order": "1", "amount": 1, "reason": "other"}, False),
        ({"order": "1", "amount": 1, "lines": [1, 2, 3]}, False),
        ({"order": "1", "amount": 1, "lines": [0]}, False),
        ({"order": "1", "amount": 1, "lines": [True]}, False),
        ({"order": "1", "amount": 1, "more": 1}, False),
        ([], False),
    ],
)
def test_the_schemas_of_tools_are_answered_at_a_glance(arguments: Any, fits: bool) -> None:
    test = accepts(REFUND)
    assert test is not None
    assert test(arguments) is fits


def deep(levels: int) -> Any:
    return {"type": "array", "items": deep(levels - 1)} if levels else {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a"},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "object", "patternProperties": {}},
        {"type": "object", "dependentRequired": {}},
        {"anyOf": [{"type": "string"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"properties": {}},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "array", "uniqueItems": True},
        {"type": "no such type"},
        {"type": "string", "$schema": "http://json-schema.org/draft-04/schema#"},
        False,
        deep(DEEPEST + 1),
        {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(MOST_NODES)}},
    ],
)
def test_whatever_takes_more_than_a_glance_is_left_to_the_validator(schema: Any) -> None:
    assert accepts(schema) is None
