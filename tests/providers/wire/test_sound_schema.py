"""Whatever a server lists as a schema, a backend is given one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from providers.wire.schemas import may_be_strict, of_object, plain_keys, reduced
from providers.wire.sound_schema import sound

WORDS = ["$defs", "$ref", "allOf", "anyOf", "const", "description", "enum", "items", "oneOf", "properties", "required",
         "type", "additionalProperties", "minimum", "definitions", "not", "#/$defs/a", "object", "a"]  # fmt: skip
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from(WORDS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=2)), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("listed", "made"),
    [
        (5, {}),
        (None, {}),
        (True, True),
        ({"properties": 5, "type": "object"}, {"type": "object"}),
        ({"properties": {"a": 5, "b": {"properties": []}}}, {"properties": {"a": {}, "b": {}}}),
        ({"anyOf": 5, "oneOf": [], "allOf": [7, {"type": "string"}]}, {"allOf": [{}, {"type": "string"}]}),
        ({"required": 5, "$defs": 7, "$ref": [], "enum": "a"}, {}),
        ({"required": ["a", 5]}, {"required": ["a"]}),
        ({"type": ["string", 5]}, {"type": ["string"]}),
        ({"type": "any", "items": {"type": []}}, {"items": {}}),
        ({"minimum": "1", "description": 5, "items": 7, "not": 7}, {}),
        ({"default": {"properties": 5}, "x-own": 7}, {"default": {"properties": 5}, "x-own": 7}),
    ],
)
def test_what_is_no_schema_is_made_one(listed: Any, made: Any) -> None:
    assert sound(listed) == made


def test_what_is_one_stays_as_it_was() -> None:
    schema = {
        "type": "object",
        "properties": {"properties": {"type": ["string", "null"]}, "b": {"items": [True, {"minimum": 1.5}]}},
        "required": ["properties"], "additionalProperties": False, "anyOf": [{"required": ["b"]}],
        "$defs": {"a": {"enum": [1, None]}}, "patternProperties": {"^x": {"not": {"$ref": "#/$defs/a"}}},
    }  # fmt: skip
    assert sound(schema) == schema


def test_one_that_is_nested_beyond_all_measure_has_an_end() -> None:
    schema: Any = {}
    for _ in range(5_000):
        schema = {"items": schema}
    assert str(sound(schema)).count("items") < 100


@given(ANY)
def test_any_json_can_be_told_to_every_backend(listed: Any) -> None:
    for told in (
        of_object(listed),
        plain_keys(listed),
        reduced(of_object(listed)),
        reduced(listed) | {"type": "object"},
    ):
        assert told["type"] == "object"
        Draft202012Validator.check_schema({name: word for name, word in told.items() if name in _CHECKED})
    may_be_strict(listed)


_CHECKED = frozenset({"type", "properties", "anyOf", "required", "description"})
