"""What was seen of held tools, as text."""

import pytest

from gateway.pins.entries import Identity, Note, Notes
from gateway.pins.notes import dump, parse

NOTE = Note("changed", "it has changed", Identity("npx shop", "shop", "1"), {"name": "add", "x": [None]}, "then")


def test_notes_are_read_as_they_were_written() -> None:
    notes = Notes({"shop/add": NOTE}, {"shop": Identity("npx evil")})
    assert parse(dump(notes)) == notes
    assert parse(dump(Notes())) == Notes()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"tools": {"a": 1}, "strangers": {}}', '{"tools": [], "strangers": {}}']
)
def test_anything_else_is_no_notes(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
