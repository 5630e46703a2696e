"""Every text of a definition is read, wherever it stands."""

import pytest

from gateway.screens.definitions import MOST, screen_definition, texts

BAD = "a\u202eb"


@pytest.mark.parametrize(("definition", "where"), [
    ({"description": BAD}, "description"),
    ({"title": BAD}, "title"),
    ({"annotations": {"title": BAD}}, "annotations.title"),
    ({"inputSchema": {"properties": {"q": {"description": BAD}}}}, "inputSchema.properties.q.description"),
    ({"inputSchema": {"properties": {"q": {"enum": ["x", BAD]}}}}, "inputSchema.properties.q.enum[1]"),
    ({"inputSchema": {"properties": {"q": {"default": BAD}}}}, "inputSchema.properties.q.default"),
    ({"outputSchema": {"anyOf": [{"title": BAD}]}}, "outputSchema.anyOf[0].title"),
    ({"_meta": {"vendor": BAD}}, "_meta.vendor"),
])  # fmt: skip
def test_a_text_is_found_with_its_path(definition: dict[str, object], where: str) -> None:
    assert [(finding.kind, finding.where) for finding in screen_definition(definition)] == [("bidi", where)]


def test_the_name_of_a_property_is_a_text() -> None:
    (finding,) = screen_definition({"inputSchema": {"properties": {f"p{BAD}": {}}}})
    assert finding.kind == "bidi"


def test_findings_are_bounded() -> None:
    assert len(screen_definition({f"k{n}": BAD for n in range(1000)})) == MOST


def test_texts_are_all_strings_and_keys() -> None:
    assert list(texts({"a": ["x", {"b": 1}]})) == [("a", "a"), ("a[0]", "x"), ("a[1].b", "b")]
