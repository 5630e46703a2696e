from typing import Any

import pytest

from providers.anthropic.form import formed, says_all

TEXT = {"type": "string"}


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def opened(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_what_is_known_goes_through_as_it_is() -> None:
    schema = {
        "$defs": {"a": of(x=TEXT)},
        **of(a={"$ref": "#/$defs/a"}, b={"enum": ["x", 1, None]}, c={"anyOf": [TEXT, {"type": "null"}]}),
        "required": ["a"],
    }
    assert formed(schema) == schema


def test_every_object_is_closed() -> None:
    schema = opened(a={"type": "array", "items": opened(b=TEXT)})
    assert formed(schema) == of(a={"type": "array", "items": of(b=TEXT)})


def test_limits_that_are_not_known_are_left_out() -> None:
    limited = opened(
        a={"type": "number", "minimum": 1},
        b={"type": "string", "maxLength": 3, "format": "regex"},
        c={"type": "string", "format": "date", "additionalProperties": True},
        d={"enum": [{}]},
        minimum=TEXT,
    )
    form = of(a={"type": "number"}, b=TEXT, c={"type": "string", "format": "date"}, d={}, minimum=TEXT)
    assert formed(limited) == form


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": TEXT},
        {"type": "object"},
        opened(a={"type": "object"}),
        opened(a={"type": ["object", "null"], "additionalProperties": TEXT}),
        {**opened(a=TEXT), "additionalProperties": True},
        {**opened(a=TEXT), "patternProperties": {"^x": TEXT}},
        opened(a={"type": "array", "prefixItems": [TEXT]}),
        opened(a={"type": "array", "items": [TEXT]}),
        opened(a=True),
        opened(a={"$ref": "#"}),
        opened(a={"$ref": "#/properties/b"}, b=TEXT),
        {**opened(a={"$ref": "#/$defs/n"}), "$defs": {"n": opened(next={"$ref": "#/$defs/n"})}},
    ],
)
def test_what_can_not_be_said_so_is_not_given(schema: dict[str, Any]) -> None:
    assert formed(schema) is None


def test_a_form_says_all_unless_something_was_left_out() -> None:
    for schema in (
        opened(a=TEXT),
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **opened(a=opened(b=TEXT))},
    ):
        form = formed(schema)
        assert form is not None
        assert says_all(form, schema)
    limited = opened(a={"type": "string", "maxLength": 3})
    form = formed(limited)
    assert form is not None
    assert not says_all(form, limited)


def test_references_are_not_unrolled() -> None:
    many = {f"d{n}": opened(**{f"p{m}": {"$ref": f"#/$defs/d{n - 1}"} for m in range(9)}) for n in range(1, 60)}
    schema = {**opened(a={"$ref": "#/$defs/d59"}), "$defs": {"d0": TEXT, **many}}
    form = formed(schema)
    assert form is not None
    assert form["properties"] == {"a": {"$ref": "#/$defs/d59"}}
