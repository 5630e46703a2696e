"""JSON Schemas that backends take: nothing in them that costs the whole request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.schemas import may_be_strict, of_object, plain_keys, reduced

TEXT = {"type": "string"}
CLOSED = {"type": "object", "properties": {"a": TEXT}, "required": ["a"], "additionalProperties": False}


def test_a_schema_is_one_of_an_object() -> None:
    assert of_object({}) == {"type": "object", "properties": {}}
    assert of_object({"anyOf": [CLOSED], "type": "object"}) == {"type": "object", "properties": {}}
    assert of_object(CLOSED) == CLOSED
    referred = {"$ref": "#/$defs/a", "$defs": {"a": CLOSED}}
    assert of_object(referred) == {**CLOSED, "$defs": {"a": CLOSED}}
    assert of_object({"$ref": "https://elsewhere.example/"}) == {"type": "object", "properties": {}}


def test_names_that_are_refused_are_told_in_words() -> None:
    schema = {"type": "object", "properties": {"a": TEXT, "$odd": TEXT}, "required": ["a", "$odd"], "description": "D"}
    plain = plain_keys(schema)
    assert plain["properties"] == {"a": TEXT}
    assert plain["required"] == ["a"]
    assert plain["description"] == 'D\nIt also takes, by these very names: {"$odd": {"type": "string"}}'
    assert plain_keys(CLOSED) == CLOSED


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "additionalProperties": True}, False),
        ({"type": "object"}, False),
        ({**CLOSED, "anyOf": [CLOSED]}, False),
        ({**CLOSED, "properties": {"a": CLOSED}}, True),
        ({**CLOSED, "properties": {"a": {"type": "object"}}}, False),
        ({**CLOSED, "properties": {"a": {"type": "array", "items": CLOSED}}}, True),
        ({**CLOSED, "properties": {"a": {"type": "array", "items": {"oneOf": [TEXT]}}}}, False),
        ({**CLOSED, "properties": {"a": {"anyOf": [TEXT, {"type": "null"}]}}}, True),
        ({**CLOSED, "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": CLOSED}}, True),
        ({**CLOSED, "properties": {"a": {"$ref": "#/$defs/a", "description": "D"}}, "$defs": {"a": CLOSED}}, False),
        ({**CLOSED, "properties": {"a": {"not": TEXT}}}, False),
        ({**CLOSED, "properties": {"a": True}}, False),
    ],
)
def test_only_a_closed_schema_can_be_held_to(schema: dict[str, Any], strict: bool) -> None:
    assert may_be_strict(schema) is strict


@pytest.mark.parametrize(
    ("schema", "known"),
    [
        ({"type": "integer", "exclusiveMinimum": 0, "minimum": 1}, {"type": "integer", "minimum": 1}),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"oneOf": [TEXT, {"const": 1}]}, {"anyOf": [TEXT, {"enum": [1]}]}),
        ({"allOf": [{"type": "string"}, {"title": "T"}]}, {"type": "string", "title": "T"}),
        ({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": TEXT}}, {"type": "array", "items": TEXT}),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a", "b"], "additionalProperties": False},
         {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}),
    ],
)  # fmt: skip
def test_a_schema_is_told_in_the_words_that_gemini_knows(schema: dict[str, Any], known: dict[str, Any]) -> None:
    assert reduced(schema) == known


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {"child": {"$ref": "#/$defs/t"}}}}}
    assert len(json.dumps(reduced(tree))) < 2000


@given(
    st.recursive(
        st.sampled_from([TEXT, CLOSED, True, {"$ref": "#/$defs/a"}, {"type": ["null"]}]),
        lambda inner: st.one_of(
            st.fixed_dictionaries(
                {"type": st.just("object"), "properties": st.dictionaries(st.text(max_size=3), inner)}
            ),
            st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)}),
            st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        ),
        max_leaves=5,
    ).filter(lambda schema: isinstance(schema, dict))
)
def test_any_schema_can_be_told(schema: dict[str, Any]) -> None:
    for told in (of_object(schema), plain_keys(schema), reduced(of_object(schema))):
        assert told["type"] == "object"
        assert isinstance(told["properties"], dict)


def test_references_upon_references_do_not_grow_without_end() -> None:
    wide = {f"p{number}": {"$ref": "#/$defs/a"} for number in range(40)}
    made = reduced({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": wide}}})
    assert len(json.dumps(made)) < 2_000_000
    assert set(made["properties"]) == set(wide)


@pytest.mark.parametrize("word", ["properties", "anyOf", "oneOf", "allOf", "required", "$defs", "definitions", "$ref"])
@pytest.mark.parametrize("value", [5, "a", None, [5], {"a": 5}])
def test_a_word_of_another_type_breaks_nothing(word: str, value: Any) -> None:
    schema = {"type": "object", word: value}
    for told in (of_object(schema), plain_keys(schema), reduced(of_object(schema))):
        assert told["type"] == "object"
    assert isinstance(reduced(schema), dict)
    assert may_be_strict(schema) is False
