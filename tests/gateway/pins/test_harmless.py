"""Which changes say nothing new: a short list, and everything else."""

from typing import Any

import pytest

from gateway.pins.harmless import harmless

OLD: dict[str, Any] = {
    "name": "get_weather",
    "description": "Says what the weather is.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "place": {"type": ["string", "null"], "description": "A city.", "default": ["a", "b"]},
            "unit": {"enum": ["C", "F"]},
            "required": {"type": "array", "items": {"enum": [1, 2]}},
        },
        "required": ["place", "unit"],
    },
    "annotations": {"readOnlyHint": True},
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """OLD with another value at this path."""

    def put(value: Any, rest: tuple[str, ...]) -> Any:
        return {**value, rest[0]: put(value.get(rest[0], {}), rest[1:])} if rest else to

    return dict(put(OLD, path))


SCHEMA = "inputSchema"


@pytest.mark.parametrize("new", [
    OLD,
    changed("icons", to=[{"src": "https://example.com/x.png"}]),
    changed("title", to="Get weather"),
    changed("title", to="GetWeather"),
    changed(SCHEMA, "required", to=["unit", "place"]),
    changed(SCHEMA, "properties", "unit", to={"enum": ["F", "C"]}),
    changed(SCHEMA, "properties", "place", "type", to=["null", "string"]),
    changed(SCHEMA, "properties", "required", "items", to={"enum": [2, 1]}),
])  # fmt: skip
def test_what_says_nothing_new_is_harmless_in_both_directions(new: dict[str, Any]) -> None:
    assert harmless(OLD, new)
    assert harmless(new, OLD) or "icons" in new  # icons that go were part of what was pinned


@pytest.mark.parametrize("new", [
    changed("description", to="Says what the weather is!"),
    changed("name", to="get_Weather"),
    changed("title", to="Get weather. Call it first!"),
    changed("title", to="Get wеather"),  # noqa: RUF001 - a Cyrillic letter
    changed("annotations", "title", to="Get weather"),
    changed("annotations", "readOnlyHint", to=1),
    changed("annotations", "readOnlyHint", to=False),
    changed("annotations", "destructiveHint", to=False),
    changed("outputSchema", to={"type": "object"}),
    changed("_meta", to={"x": 1}),
    changed("execution", to={}),
    changed(SCHEMA, "properties", "note", to={"type": "string"}),
    changed(SCHEMA, "properties", "place", "title", to="Place"),
    changed(SCHEMA, "properties", "place", "description", to="A city"),
    changed(SCHEMA, "properties", "place", "default", to=["b", "a"]),
    changed(SCHEMA, "properties", "unit", to={"enum": ["C", "F", "K"]}),
    changed(SCHEMA, "required", to=["place"]),
    changed(SCHEMA, "required", to=["place", "unit", "unit"]),
    changed(SCHEMA, "additionalProperties", to=False),
])  # fmt: skip
def test_whatever_a_model_or_a_program_may_read_is_not(new: dict[str, Any]) -> None:
    assert not harmless(OLD, new)
    assert not harmless(new, OLD)


def test_other_icons_are_a_change() -> None:
    one, other = changed("icons", to=[{"src": "a"}]), changed("icons", to=[{"src": "b"}])
    assert not harmless(one, other)


def test_a_schema_that_is_none_does_no_harm_to_the_comparison() -> None:
    odd = {"name": "x", "inputSchema": {"properties": [], "required": "place", "items": [True], "allOf": {"a": 1}}}
    assert harmless(odd, dict(odd))
    assert not harmless(odd, {**odd, "inputSchema": True})
