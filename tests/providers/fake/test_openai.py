from typing import Any

import pytest

from providers import File, Image
from providers.fake.checks import Refused
from providers.fake.openai import error, file, image, owned, strictly, thinks
from providers.fake.wire import Complaint
from tests.fixtures.fake import CLOSED, SCHEMA


@pytest.mark.parametrize(
    ("model", "own"),
    [("gpt-6", True), ("o3-mini", True), ("chatgpt-x", True), ("qwen", False), ("openai/gpt-oss", False)],
)
def test_openais_own_models_are_known_by_their_names(model: str, own: bool) -> None:
    assert owned(model) == own


@pytest.mark.parametrize(
    ("model", "so"),
    [("gpt-6", True), ("o3", True), ("gpt-4o", False), ("gpt-3.5", False), ("chatgpt-4", False), ("q", False)],
)
def test_those_that_think_are_known_by_their_names(model: str, so: bool) -> None:
    assert thinks(model) == so


def test_an_error_has_the_apis_type_and_code() -> None:
    complaint = Complaint(429, "rate_limit", "Slow down.", "x")
    said = {"message": "Slow down.", "type": "rate_limit_error", "param": "x", "code": "rate_limit_exceeded"}
    assert error(complaint, "r") == {"error": said}
    strange = error(Complaint(429, "rate_limit", "No.", type="t"), "r")["error"]
    assert (strange["type"], strange["code"]) == ("t", None)


def test_pictures_and_files_come_in_urls() -> None:
    assert image("data:image/png;base64,AAAA") == Image("image/png", "AAAA")
    assert image("https://a.example/b.png") == Image("", url="https://a.example/b.png")
    assert file({"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}) == File(
        "a.pdf", "application/pdf", "AA"
    )


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (SCHEMA, "additionalProperties"),
        ({**CLOSED, "required": []}, "Missing 'sku'"),
        ({**CLOSED, "oneOf": []}, "'oneOf' is not permitted"),
        ({**CLOSED, "properties": {"sku": {"not": {}}}}, "'not' is not permitted"),
        (
            {**CLOSED, "properties": {"sku": {"type": "array", "items": {"type": "object"}}}},
            "'properties', 'sku', 'items'",
        ),
        ({**CLOSED, "$defs": {"a": {"type": ["object", "null"]}}}, "'$defs', 'a'"),
    ],
)
def test_strict_mode_takes_only_some_schemas(schema: Any, why: str) -> None:
    with pytest.raises(Refused) as refusal:
        strictly("look", schema, ("tools", 0))
    assert why in refusal.value.detail
    assert refusal.value.code == "invalid_function_parameters"


def test_strict_mode_takes_a_closed_schema_whatever_its_fields_are_called() -> None:
    strictly("look", {**CLOSED, "properties": {"not": {"type": "string"}}, "required": ["not"]}, ())
    strictly("look", {**CLOSED, "properties": {"sku": {"enum": [{"if": 1}]}}}, ())
