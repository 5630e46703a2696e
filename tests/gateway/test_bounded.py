"""Hostile schemas cost no more than honest ones. What would take hours is cut short; nothing here measures time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Resource

from gateway.bounded import MAX_KEYWORDS, MAX_STEPS, Exhausted, bounded
from gateway.call import Arguments, JsonObject, Tool, pin_of
from gateway.schema import UNFINISHED, unusable, violation


def said(schema: JsonObject, arguments: JsonObject) -> str | None:
    definition: JsonObject = {"name": "t", "inputSchema": {"type": "object", **schema}}
    unusable(pin_of(definition), definition["inputSchema"], 60.0)  # as when it is listed
    return violation(Tool("s", "t", definition, pin_of(definition)), Arguments.parse(arguments))


def test_a_pattern_that_explodes_in_python_is_matched_in_linear_time() -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": r"^(\w+\s?)*$"}}}
    assert "does not match" in str(said(schema, {"a": "a" * 5000 + "!"}))
    assert said(schema, {"a": "a" * 5000}) is None


def test_a_pattern_with_look_around_is_left_to_the_server() -> None:
    assert said({"properties": {"a": {"type": "string", "pattern": r"^(?!\.).*$"}}}, {"a": ".x"}) is None


DRAFTS = ("https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#")


@pytest.mark.parametrize("draft", DRAFTS)
def test_a_part_of_a_schema_that_names_its_dialect_is_bounded_too(draft: str) -> None:
    own = {"$schema": draft, "type": "string", "pattern": r"^(\w+\s?)*$"}
    assert "does not match" in str(said({"properties": {"a": own}}, {"a": "a" * 5000 + "!"}))
    assert "takes too many steps" in str(
        said({"properties": {"a": {**doubling(60), "$schema": draft, "$id": "a:b"}}}, {"a": 1})
    )


def test_a_schema_whose_root_names_its_dialect_is_bounded_where_it_refers_to_itself() -> None:
    schema = {"$schema": DRAFTS[0], "properties": {"a": {"pattern": r"^(\w+\s?)*$"}, "next": {"$ref": "#"}}}
    assert "does not match" in str(said(schema, {"next": {"a": "a" * 5000 + "!"}}))


def test_keywords_are_counted_though_nothing_refers_to_anything() -> None:
    each = {"allOf": [{"not": {"const": number}} for number in range(100)]}
    schema = {"properties": {"a": {"items": each}}}
    assert said(schema, {"a": [-1] * 20}) is None
    many = MAX_KEYWORDS // 200 + 1
    assert said(schema, {"a": [-1] * many}) == "the tool's input schema takes too many steps to check"


def test_a_schema_itself_is_looked_at_in_bounded_time() -> None:
    part: JsonObject = {"const": 0}
    for _ in range(13):
        part = {"anyOf": [part, part]}
    assert said({"properties": {"a": part}}, {}) == "the tool's input schema takes too many steps to check"
    large = {f"p{number}": {"type": "string", "description": "what it is", "maxLength": 9} for number in range(1500)}
    assert said({"properties": large, "minProperties": 0}, {}) is None


def doubling(depth: int) -> JsonObject:
    levels = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(depth)}
    return {"allOf": [{"$ref": "#/$defs/d0"}], "$defs": {**levels, f"d{depth}": {}}}


def test_references_that_stand_for_billions_are_counted_and_cut() -> None:
    assert said(doubling(8), {}) is None
    assert said(doubling(60), {}) == "the tool's input schema takes too many steps to check"
    assert said(doubling(8), {}) is None  # each validation counts for itself


def test_an_honest_schema_with_a_reference_for_each_of_many_items_is_checked_whole() -> None:
    schema = {"properties": {"a": {"items": {"$ref": "#/$defs/n"}}}, "$defs": {"n": {"type": "integer"}}}
    most = MAX_STEPS // 2
    assert said(schema, {"a": list(range(most))}) is None
    assert "is not of type 'integer'" in str(said(schema, {"a": [*range(most), "x"]}))


def test_unique_items_are_told_apart_without_comparing_each_with_each() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    items = [{"x": number} for number in range(20_000)]
    assert said(schema, {"a": items}) is None
    assert said(schema, {"a": [*items, {"x": 7}]}) == "arguments.a: the items must differ from one another"
    assert said(schema, {"a": [True, 1, "1", 1.5]}) is None
    assert said(schema, {"a": [[{"n": 1}], [{"n": 1.0}]]}) == "arguments.a: the items must differ from one another"


@pytest.mark.parametrize("allowed", [False, {"type": "integer"}])
def test_pattern_properties_choose_in_linear_time_too(allowed: object) -> None:
    schema = {"patternProperties": {"^(x+)+$": {"type": "string"}}, "additionalProperties": allowed}
    assert said(schema, {"x" * 2000: "fine"}) is None
    assert "is not of type 'string'" in str(said(schema, {"xx": 1}))
    assert said(schema, {"x" * 2000 + "y": "no"}) is not None


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {"(?=a)": {}}},
        {"properties": {"deep": {"patternProperties": {"(?=a)": {}}}}},
        {"patternProperties": {"a": {}}, "unevaluatedProperties": False},
        {"allOf": [{"patternProperties": {"a": {}}}], "unevaluatedProperties": False},
    ],
)
def test_where_a_pattern_chooses_schemas_one_that_can_not_be_bounded_is_refused(schema: JsonObject) -> None:
    assert "can't be checked in bounded time" in str(said(schema, {}))


def test_a_validation_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000))
    monkeypatch.setattr(
        "gateway.bounded.time.thread_time", lambda: next(clock) / 20
    )  # a twentieth of a second at each look
    schema = {"properties": {"a": {"items": {"not": {"const": 1}}}}}
    assert said(schema, {"a": [0] * 10}) is None
    assert said(schema, {"a": [0] * 100}) == "the tool's input schema takes too many steps to check"


def test_what_the_validator_does_by_itself_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`unevaluatedProperties` follows what stands beside it without applying a keyword: the steps double each time."""
    clock = iter(range(1_000_000))
    monkeypatch.setattr("gateway.bounded.time.thread_time", lambda: next(clock) / 50)
    depth, unevaluated = 7, {"unevaluatedProperties": True, "$ref": "#/$defs/d0"}
    both = [{key: {"$ref": f"#/$defs/d{number + 1}"} for key in "ab"} for number in range(depth)]
    deep = {f"d{number}": {"dependentSchemas": each} for number, each in enumerate(both)}
    schema = {"$defs": {**deep, f"d{depth}": {"title": "x"}}, "properties": {"a": unevaluated}}
    assert said(schema, {"a": {"a": 1}}) is None
    assert said(schema, {"a": {"a": 1, "b": 1}}) == "the tool's input schema takes too many steps to check"


@pytest.mark.parametrize(("now", "late"), [(0.9, False), (1.1, True)])
def test_the_clock_is_looked_at_wherever_the_validator_asks_for_a_type(
    monkeypatch: pytest.MonkeyPatch, now: float, late: bool
) -> None:
    """That is all it does with each of the keywords that it follows by itself."""
    clock = [0.0]
    monkeypatch.setattr("gateway.bounded.time.thread_time", lambda: clock[0])
    validator, begin = bounded(Draft202012Validator, {})
    begin((1, 1, 1.0))
    clock[0] = now
    with pytest.raises(Exhausted) if late else nullcontext():
        for _ in range(1000):
            validator.is_type({}, "object")


def test_a_thread_that_is_long_at_one_schema_lets_others_on_and_an_event_loop_does_not_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, rests = iter(range(10_000_000)), list[float]()
    monkeypatch.setattr("gateway.bounded.time.thread_time", lambda: next(clock) / 20_000)  # twenty: a millisecond
    monkeypatch.setattr("gateway.bounded.time.sleep", rests.append)

    def looked(title: str, names: int) -> int:
        shape: JsonObject = {"title": title, "properties": {f"p{each}": {"not": {}} for each in range(names)}}
        before = len(rests)
        assert unusable(title, shape, 60.0) is None
        return len(rests) - before

    async def within() -> int:
        return looked("within a loop", 200)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(looked, "apart, and small", 0).result() == 0
        assert pool.submit(looked, "apart, and large", 200).result() > 50
    assert asyncio.run(within()) == 0


def test_a_schema_is_gone_through_once_and_not_for_each_name_that_it_refers_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {f"d{number}": {"$id": f"http://x/{number}", "$anchor": f"a{number}"} for number in range(10)}
    refers = [{"$ref": f"http://x/{number}#a{number}"} for number in range(10)]
    schema: JsonObject = {"$defs": names, "allOf": refers}
    assert said(schema, {}) is None
    through, subresources = [], Resource.subresources

    def counted(resource: Any) -> Any:
        through.append(resource)
        return subresources(resource)

    monkeypatch.setattr(Resource, "subresources", counted)
    assert said(schema, {"a": 1}) is None
    assert through == []


def test_items_that_are_compared_are_counted() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    assert said(schema, {"a": list(range(1000))}) is None
    assert "takes too many steps" in str(said(schema, {"a": list(range(MAX_KEYWORDS + 1))}))


def test_choices_and_patterns_that_are_compared_are_counted() -> None:
    enum = {"properties": {"a": {"items": {"enum": list(range(20_000))}}}}
    assert said(enum, {"a": [0] * 10}) is None
    assert "takes too many steps" in str(said(enum, {"a": [0] * 2000}))
    names = {"properties": {"a": {"items": {"anyOf": [{"required": [f"n{number}" for number in range(2_000)]}, {}]}}}}
    assert said(names, {"a": [{}] * 3}) is None
    assert "takes too many steps" in str(said(names, {"a": [{}] * 1700}))
    patterns: JsonObject = {"patternProperties": {f"^x{number}$": {} for number in range(300)}}
    assert said(patterns, {"x1": 1}) is None
    assert "takes too many steps" in str(said(patterns, {f"y{number}": 1 for number in range(1000)}))


def test_where_others_wait_a_validation_has_few_steps() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": {"items": {"not": {"const": 1}}}}}
    definition: JsonObject = {"name": "t", "inputSchema": schema}
    tool = Tool("s", "t", definition, pin_of(definition))
    few, many = (Arguments.parse({"a": [0] * number}) for number in (100, 5000))
    assert violation(tool, few, at_once=True) is None
    assert violation(tool, many, at_once=True) == UNFINISHED
    assert violation(tool, many) is None


def test_validations_in_two_threads_count_each_for_itself() -> None:
    schema = {"properties": {"a": {"items": {"not": {"const": 1}}}}}
    with ThreadPoolExecutor(4) as pool:
        most = [0] * (MAX_KEYWORDS // 20)  # two of them together would be too many, if one counted for the other
        assert set(pool.map(lambda _: said(schema, {"a": most}), range(8))) == {None}
