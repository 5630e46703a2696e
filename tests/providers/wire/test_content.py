"""What tools returned: everything that can be shown is, and what can't be is told of."""

from typing import Any

import pytest
from hypothesis import given

from providers import File, Image, Text, ToolResult
from providers.wire.content import IMAGES, described, in_words, pieces, shown, text_of, texts
from tests.providers.conversations import results

PDF = frozenset({"application/pdf"})


def embedded(uri: str, **more: str) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": uri, **more}}


@pytest.mark.parametrize(
    ("block", "piece"),
    [
        ({"type": "text", "text": "Hi"}, Text("Hi")),
        ({"type": "image", "mimeType": "image/png", "data": "aGk="}, Image("image/png", "aGk=")),
        (embedded("f:///a", text="Hi"), Text("f:///a:\nHi")),
        (embedded("f:///d/a.png", mimeType="image/png", blob="aGk="), Image("image/png", "aGk=")),
        (embedded("f:///d/a.pdf", mimeType="application/pdf", blob="aGk="), File("a.pdf", "application/pdf", "aGk=")),
        (
            {"type": "resource_link", "name": "a", "uri": "f:///a", "description": "An a"},
            Text("(resource `a` at f:///a (An a))"),
        ),
        (
            {"type": "audio", "mimeType": "audio/wav", "data": "aGk="},
            Text("(audio, audio/wav, 0.0 kB: it can't be shown)"),
        ),
        ({"type": "telepathy"}, Text("(telepathy, of unknown type: it can't be shown)")),
        ({}, Text("(content, of unknown type: it can't be shown)")),
    ],
)
def test_each_kind_of_block_is_shown(block: dict[str, Any], piece: Any) -> None:
    assert pieces(ToolResult("c", [block])) == [piece]


def test_structured_content_stands_in_for_content_that_is_not_there() -> None:
    assert pieces(ToolResult("c", [], meta={"structuredContent": {"a": "ü"}})) == [Text('{"a": "ü"}')]
    assert pieces(ToolResult("c", [{"type": "text", "text": "Hi"}], meta={"structuredContent": {}})) == [Text("Hi")]
    assert pieces(ToolResult("c", [])) == [Text("")]


def test_what_a_backend_does_not_take_is_described() -> None:
    picture, page = Image("image/png", "aGk="), File("a.pdf", "application/pdf", "aGk=")
    assert (shown(picture, IMAGES, PDF), shown(page, IMAGES, PDF)) == (picture, page)
    assert shown(picture, frozenset(), PDF) == Text("(image, image/png, 0.0 kB: it can't be shown)")
    assert shown(page, IMAGES, frozenset()) == Text("(file `a.pdf`, application/pdf, 0.0 kB: it can't be shown)")
    assert shown(Image("image/png", url="file:///etc/passwd"), IMAGES, PDF) == Text(
        "(image, image/png, at file:///etc/passwd: it can't be shown)"
    )
    assert "of unknown type" in described(Image(""))


def test_a_file_of_text_is_read_to_who_takes_no_files() -> None:
    assert shown(File("a.json", "application/json", "e30="), IMAGES, PDF) == Text("a.json:\n{}")
    assert text_of(File("a.txt", "text/plain", "/w==")) is None
    assert text_of(File("a.txt", "text/plain", "no base64")) is None


@given(results)
def test_any_result_can_be_said_in_words(result: ToolResult) -> None:
    assert isinstance(in_words(result), str)
    texts(pieces(result)).encode()
