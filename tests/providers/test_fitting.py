from dataclasses import replace
from typing import Any

import pytest

from providers import File, Image, Message, Text, ToolResult, ToolSpec
from providers.fitting import ABILITIES, Ability, fitted
from tests.fixtures.acting import ASKED

PICTURE = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
BLOB = {"type": "resource", "resource": {"uri": "file:///a.pdf", "blob": "AAAA", "mimeType": "application/pdf"}}
WORDS = {"type": "text", "text": "ok"}
FULL = replace(
    ASKED,
    messages=(
        Message("user", (Text("Look."), Image("image/png", "AAAA"), File("a.pdf", "application/pdf", "AAAA"))),
        Message("tool", (ToolResult("c", [WORDS, PICTURE, BLOB]),)),
    ),
    tools=(ToolSpec("t", "", {}),),
    tool_choice="t",
    effort="high",
    output_schema={"type": "object"},
)
LEFT: list[tuple[Ability, dict[str, Any]]] = [
    ("tools", {"tools": (), "tool_choice": "auto"}),
    ("effort", {"effort": None}),
    ("parallel_calls", {"parallel": False}),
]


def test_a_model_that_lacks_nothing_gets_the_request_as_it_is() -> None:
    assert fitted(FULL, ()) is FULL


@pytest.mark.parametrize(("lacking", "changes"), LEFT)
def test_what_a_model_can_not_do_is_not_asked_of_it(lacking: Ability, changes: dict[str, Any]) -> None:
    assert fitted(FULL, [lacking]) == replace(FULL, **changes)


def test_the_form_of_an_answer_is_asked_for_in_words() -> None:
    asked = fitted(FULL, ["output_schema"])
    assert asked.output_schema is None
    assert asked.system.endswith('\n{"type": "object"}')


def test_a_picture_becomes_a_sentence_about_it() -> None:
    said = Text("[Here was an image (image/png), which you can't be shown.]")
    user, tool = fitted(FULL, ["images"]).messages
    assert user.parts == (Text("Look."), said, FULL.messages[0].parts[2])
    assert tool.parts == (ToolResult("c", [WORDS, {"type": "text", "text": said.text}, BLOB]),)


def test_a_file_becomes_a_sentence_about_it() -> None:
    user, tool = fitted(FULL, ["files"]).messages
    assert user.parts[2] == Text("[Here was the file `a.pdf` (application/pdf), which you can't be shown.]")
    words = "[Here was the file `file:///a.pdf` (application/pdf), which you can't be shown.]"
    assert tool.parts == (ToolResult("c", [WORDS, PICTURE, {"type": "text", "text": words}]),)


def test_a_message_without_any_is_the_same_message() -> None:
    assert fitted(ASKED, ABILITIES).messages[0] is ASKED.messages[0]
