"""The data that a run must end in: which schemas can be used, what fits, and what is said of what does not."""

from typing import Any

import pytest

from gateway.output import MAX_SCHEMA, MAX_SCHEMA_DEPTH, Misfit, data_in, misfit, unusable

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^o-[0-9]+$"},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
        "state": {"enum": ["open", "paid"]},
        "note": {"type": "string", "maxLength": 5},
    },
    "required": ["id"],
    "additionalProperties": False,
}
SECRET = "sk-ant-hunter2"


def nested(depth: int) -> dict[str, Any]:
    """Of so many containers within each other."""
    schema: dict[str, Any] = {}
    for _ in range(depth - 1):
        schema = {"not": schema}
    return schema


def test_an_answer_that_fits_has_no_misfit() -> None:
    assert misfit(ORDER, '{"id": "o-17", "items": [{"price": 1.5}], "state": "paid"}') is None
    assert misfit({}, "null") is None
    assert misfit({"type": "array"}, "[1, 2]") is None


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("[]", "", "this array is not of type 'object'"),
        ("{}", "", "'id' is a required property"),
        ('{"id": 17}', "id", "this number is not of type 'string'"),
        ('{"id": "17"}', "id", "this text does not match '^o-[0-9]+$'"),
        (
            '{"id": "o-1", "items": [{"price": 1}, {"price": "2"}]}',
            "items[1].price",
            "this text is not of type 'number'",
        ),
        ('{"id": "o-1", "items": null}', "items", "null is not of type 'array'"),
        ('{"id": "o-1", "items": [true]}', "items[0]", "this truth value is not of type 'object'"),
        ('{"id": "o-1", "state": "gone"}', "state", "this text is not one of ['open', 'paid']"),
        ('{"id": "o-1", "note": "too long"}', "note", "this text is too long"),
        ('{"id": "o-1", "more": 1}', "", "unknown: 'more'; known: id, items, note, state"),
        ("", "", "it is empty"),
        ("It is o-17.", "", "not JSON: at character 0"),
        ('{"id": "o-1"} There.', "", "not JSON: at character 14"),
        ('{"id": "o-1", "id": "o-2"}', "", "the key `id` stands twice in one object"),
        ('{"id": NaN}', "", "`NaN` is not a JSON number"),
    ],
)
def test_a_misfit_says_where_and_why(text: str, where: str, why: str) -> None:
    assert misfit(ORDER, text) == Misfit(where, why)


def test_a_misfit_reads_as_a_sentence() -> None:
    assert str(Misfit("items[1].price", "it is odd")) == "at `items[1].price`: it is odd"
    assert str(Misfit("", "it is empty")) == "it is empty"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number"},
        {"maxLength": 3},
        {"pattern": "^a"},
        {"enum": ["a"]},
        {"const": "a"},
        {"not": {}},
        {"anyOf": [{"type": "number"}, {"type": "null"}]},
        {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        {"allOf": [{"type": "number"}]},
    ],
)
def test_a_misfit_never_repeats_what_the_answer_says(schema: Any) -> None:
    for text in (SECRET, SECRET * 100):
        found = misfit({"properties": {"a": schema}}, f'{{"a": "{text}"}}')
        assert found is not None
        assert found.where == "a"
        assert found.why
        assert "hunter2" not in str(found)
        never = misfit({"properties": {"a": False}}, f'{{"a": "{text}"}}')
        assert never is not None
        assert never.why == "nothing may stand here"


def test_odd_and_long_places_are_told_in_brackets_and_cut() -> None:
    schema: dict[str, Any] = {"additionalProperties": {"additionalProperties": {"type": "number"}}}
    found = misfit(schema, '{"a b\\n]": {"c": ""}}')
    assert found is not None
    assert found.where == '["a b\\n]"].c'
    found = misfit(schema, f'{{"{"k" * 500}": {{"{"!" * 500}": ""}}}}')
    assert found is not None
    assert len(found.where) < 150


def test_a_fence_around_the_data_is_no_part_of_it() -> None:
    for text in ('{"a": 1}', ' {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}```\n'):
        assert data_in(text) == '{"a": 1}'
    assert data_in("Here: ```json\n{}\n```") == "Here: ```json\n{}\n```"
    assert data_in("") == ""


@pytest.mark.parametrize(
    "schema",
    [
        {},
        ORDER,
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}},
        {"$defs": {"a/b~c": {}}, "$ref": "#/$defs/a~1b~0c"},
        {"$defs": {"a": {"$anchor": "here"}}, "properties": {"x": {"$ref": "#here"}}},
        {"enum": [{"$ref": "https://example.com"}]},
        {"anyOf": [{"type": "null"}, {"type": "string"}], "properties": {"a": {"$ref": "#/anyOf/1"}}},
        nested(MAX_SCHEMA_DEPTH),
    ],
)
def test_a_schema_that_can_be_held_against_an_answer(schema: dict[str, Any]) -> None:
    assert unusable(schema) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], "must be a JSON object"),
        (True, "must be a JSON object"),
        ({"type": "objekt"}, "is not a JSON Schema: 'objekt' is not valid under any of the given schemas"),
        ({"default": object()}, "is not JSON"),
        ({"default": float("nan")}, "is not JSON"),
        ({"description": "x" * MAX_SCHEMA}, "is larger than 64 KB"),
        (nested(MAX_SCHEMA_DEPTH + 1), "is nested more than 64 levels deep"),
        (nested(900), "is nested more than 64 levels deep"),
        ({"$ref": "https://example.com/s.json"}, "has a `$ref` to `https://example.com/s.json`: only what stands"),
        ({"items": [{"$ref": "file:///etc/passwd"}]}, "has a `$ref` to `file:///etc/passwd`: only what stands"),
        ({"$dynamicRef": "other#a"}, "has a `$dynamicRef` to `other#a`: only what stands"),
        ({"properties": {"a": {"$ref": "#/$defs/a"}}}, "has a `$ref` to `#/$defs/a`, which is not there"),
        ({"$ref": "#nowhere"}, "has a `$ref` to `#nowhere`, which is not there"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"patternProperties": {"(?=a)b": {}}}, "can't be checked in bounded time"),
    ],
)
def test_a_schema_that_can_not(schema: Any, why: str) -> None:
    assert (unusable(schema) or "").startswith(why)


def test_a_schema_of_billions_of_steps_is_an_answer_that_does_not_fit() -> None:
    many = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 10} for n in range(1, 12)}
    schema = {"$defs": {"d0": {"type": "object"}, **many}, "properties": {"a": {"$ref": "#/$defs/d11"}}}
    assert misfit(schema, '{"a": {}}') == Misfit("", "the schema takes too many steps to check")
