"""What was seen of held tools, as text."""

from dataclasses import replace

import pytest

from gateway.pins.entries import Identity, Note, Notes
from gateway.pins.notes import dump, parse
from gateway.verbatim import Verbatim, listed, read

NOTE = Note("changed", "it has changed", Identity("npx shop", "shop", "1"), {"name": "add", "x": [None]}, "then")


def test_notes_are_read_as_they_were_written() -> None:
    notes = Notes({"shop/add": NOTE}, {"shop": Identity("npx evil")})
    assert parse(dump(notes)) == notes
    assert parse(dump(Notes())) == Notes()


def test_a_definition_that_keeps_its_text_is_noted_as_well() -> None:
    text = rb'{"tools": [{"name": "add", "description": "caf\u00e9 \u202e"}]}'
    (definition,) = listed(read(text), "tools", 1000)
    assert isinstance(definition, Verbatim)
    notes = Notes({"shop/add": replace(NOTE, definition=definition)})
    assert parse(dump(notes)).tools["shop/add"].definition == {"name": "add", "description": "café \u202e"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tools": {"a": 1}, "strangers": {}}', '{"tools": [], "strangers": {}}']
)
def test_anything_else_is_no_notes(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
