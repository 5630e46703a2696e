from dataclasses import replace
from typing import Any

import pytest

from providers.answer_form import in_words, is_of_object
from tests.fixtures.acting import ASKED

SCHEMA = {"type": "object", "properties": {"größe": {"type": "number"}}}


def test_a_form_is_asked_for_at_the_end_of_the_systems_text() -> None:
    asked = in_words(replace(ASKED, system="Be brief.", output_schema=SCHEMA))
    assert asked.output_schema is None
    assert asked.system.startswith("Be brief.\n\nYour final answer must be one JSON value")
    assert asked.system.endswith('\n{"type": "object", "properties": {"größe": {"type": "number"}}}')
    assert in_words(replace(ASKED, system=" ", output_schema=SCHEMA)).system.startswith("Your final answer")


def test_where_none_is_asked_for_nothing_is_said() -> None:
    asked = replace(ASKED, output_schema=None)
    assert in_words(asked) is asked


@pytest.mark.parametrize(
    ("schema", "plainly"),
    [
        (SCHEMA, True),
        ({"type": "object"}, True),
        ({}, False),
        ({"type": "array"}, False),
        ({"type": ["object", "null"]}, False),
        ({"$ref": "#/$defs/a", "type": "object"}, False),
        ({"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, False),
    ],
)
def test_what_is_plainly_an_object(schema: dict[str, Any], plainly: bool) -> None:
    assert is_of_object(schema) is plainly
