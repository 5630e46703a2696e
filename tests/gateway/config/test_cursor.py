import re

from gateway.config.cursor import Cursor
from gateway.config.places import Place


def test_lines_and_columns_count_from_one() -> None:
    cursor = Cursor("ab\ncd", "f")
    assert [cursor.place(offset) for offset in range(5)] == [
        Place("f", 1, 1), Place("f", 1, 2), Place("f", 1, 3), Place("f", 2, 1), Place("f", 2, 2),
    ]  # fmt: skip


def test_the_end_of_the_text_has_a_place_and_no_character() -> None:
    cursor = Cursor("a\n", "f")
    cursor.offset = 2
    assert cursor.place() == Place("f", 2, 1)
    assert cursor.peek() == ""


def test_what_does_not_match_is_not_passed_over() -> None:
    cursor = Cursor("12x", "f")
    assert cursor.take(re.compile("[a-z]+")) is None
    assert cursor.take(re.compile("[0-9]+")) == "12"
    assert not cursor.took("y")
    assert cursor.took("x")
    assert cursor.offset == 3
