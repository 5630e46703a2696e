"""Whether what a schema refers to is there, and comes to an end."""

from typing import Any

import pytest

from gateway.schema import unusable

DRAFT7 = "http://json-schema.org/draft-07/schema#"
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


def said(schema: dict[str, Any]) -> str | None:
    return unusable(repr(schema), schema, 60.0)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/node", "$defs": {"node": NODE}},  # a list of any length: each is at a place of its own
        {"properties": {"a": {"$ref": "#"}}},
        {
            "$id": "https://a.example/s",
            "properties": {"a": {"$ref": "https://a.example/s#/$defs/b"}},
            "$defs": {"b": {}},
        },
        {"properties": {"a": {"$ref": "#b"}}, "$defs": {"b": {"$anchor": "b"}}},
        {"properties": {"a": {"$ref": "part"}}, "$id": "https://a.example/", "$defs": {"b": {"$id": "part"}}},
        {"$schema": DRAFT7, "properties": {"a": {"$ref": "#/definitions/b"}}, "definitions": {"b": {"type": "string"}}},
        {"properties": {"a": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}},
        {"properties": {"a": {"$ref": "#/components/b"}}, "components": {"b": {"type": "string"}}},
        {"properties": {"a": {"const": {"$ref": "nowhere"}}, "$ref": {"type": "string"}}},  # neither is a reference
        {"$dynamicAnchor": "n", "properties": {"a": {"$dynamicRef": "#n"}}},
    ],
)
def test_an_honest_schema_is_usable(schema: dict[str, Any]) -> None:
    assert said(schema) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (
            {"properties": {"a": {"$ref": "http://127.0.0.1:1/schema"}}},
            "refers to `http://127.0.0.1:1/schema`, which is not",
        ),
        ({"properties": {"a": {"items": {"$ref": "#/$defs/b"}}}}, "refers to `#/$defs/b`, which is not in it"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"$ref": "#c"}}}, "refers to `#c`, which is not"),
        ({"properties": {"a": {"$ref": "#/x"}}, "x": {"not": {"$ref": "y"}}}, "refers to `y`, which is not in it"),
        ({"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}}, "itself without end"),
        ({"$defs": {"x": {"anyOf": [{"not": {"$ref": "#/$defs/x"}}]}}}, "itself without end"),
    ],
)
def test_a_reference_that_leads_nowhere_or_for_ever_is_found_before_any_call(schema: dict[str, Any], why: str) -> None:
    assert why in (said(schema) or "")


def test_references_that_stand_for_millions_are_found_before_any_call() -> None:
    levels: dict[str, Any] = {f"n{k}": {"allOf": [{"$ref": f"#/$defs/n{k + 1}"}] * 2} for k in range(25)}
    schema = {"properties": {"a": {"$ref": "#/$defs/n0"}}, "$defs": {**levels, "n25": {"type": "string"}}}
    assert said(schema) == "takes too many steps to check"


def test_a_chain_of_references_that_no_reader_gets_through_is_found_too() -> None:
    chain: dict[str, Any] = {f"n{k}": {"$ref": f"#/$defs/n{k + 1}"} for k in range(1500)}
    assert "without end" in (said({"$ref": "#/$defs/n0", "$defs": {**chain, "n1500": {}}}) or "")
