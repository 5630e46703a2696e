from typing import Any

import pytest

from gateway.policy.lint.schemas import ANY, Place, place_in

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"type": "integer"},
        "kind": {"enum": ["a", "b"]},
        "one": {"const": 1},
        "to": {"$ref": "#/$defs/to"},
        "tree": {"$ref": "#/$defs/tree"},
        "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"x": {"type": "number"}}}]},
        "all": {"allOf": [{"type": "string"}]},
        "map": {"type": "object", "additionalProperties": {"type": "number"}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "number"}},
        "elsewhere": {"$ref": "https://example.com/other.json"},
    },
    "$defs": {
        "to": {"type": "array", "items": {"type": "object", "properties": {"mail": {"type": "string"}}}},
        "tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        "loop": {"$ref": "#/$defs/loop"},
    },
}


@pytest.mark.parametrize(
    ("steps", "types"),
    [
        (("name",), {"string"}),
        (("size",), {"number"}),
        (("kind",), {"string"}),
        (("one",), {"number"}),
        (("to", 0, "mail"), {"string"}),
        (("either",), {"string", "object"}),
        (("either", "x"), {"number"}),
        (("all",), ANY),
        (("map", "anything"), {"number"}),
        (("pair", 1), ANY),
        (("elsewhere", "x"), ANY),
        (("tree", 0, 0, 0), {"array"}),
    ],
)
def test_a_path_has_the_types_that_the_schema_allows(steps: tuple[str | int, ...], types: set[str]) -> None:
    place = place_in(SCHEMA, steps)
    assert (set(place.types), place.absent) == (set(types), False)


@pytest.mark.parametrize(
    ("steps", "lacks"), [(("nam",), "nam"), (("to", 0, "male"), "male"), (("name", "x"), "x"), (("either", "y"), "y")]
)
def test_a_step_that_the_schema_does_not_have_is_absent(steps: tuple[str | int, ...], lacks: str) -> None:
    place = place_in(SCHEMA, steps)
    assert (place.absent, place.lacks) == (True, lacks)


def test_values_and_items_are_known_where_they_are_listed() -> None:
    assert place_in(SCHEMA, ("kind",)).values == ("a", "b")
    assert place_in(SCHEMA, ("name",)).values is None
    assert place_in(SCHEMA, ("to",)).items == Place(frozenset({"object"}))


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"$ref": "#/$defs/loop", "$defs": SCHEMA["$defs"]}, True])
def test_a_schema_that_says_nothing_allows_everything(schema: Any) -> None:
    place = place_in(schema if isinstance(schema, dict) else {}, ("x", 0, "y"))
    assert (place.types, place.absent) == (ANY, False)
