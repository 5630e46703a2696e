import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.cells import CellError, split_line
from gateway.policy.editor.cursor import WHEN, cursor_at, whole_word


@pytest.mark.parametrize(
    ("line", "index", "text"),
    [
        ("", 0, ""),
        ("p", 0, "p"),
        ("p,", 1, ""),
        ("p,   role:s", 1, "role:s"),
        ("p, *, *, shop/re", 3, "shop/re"),
        ("p, *, *, a/b, call, args.a in ['x', ", WHEN, "args.a in ['x', "),
        ("p, *, *, a/b, call, args.a == 'x, y", WHEN, "args.a == 'x, y"),
        ("p, *, *, a/b, call, under(args.p, '/srv'), al", 6, "al"),
        ('p, *, *, a/b, call, "args.a, ', WHEN, "args.a, "),
        ('p, *, *, a/b, call, "args.a == ""x"", ', WHEN, 'args.a == ""x"", '),
        ('p, *, *, a/b, call, "args.a", de', 6, "de"),
        ("p, *, *, a/b, call, , deny, why, not", 8, "not"),
    ],
)
def test_the_cell_is_the_one_in_which_one_writes(line: str, index: int, text: str) -> None:
    cursor = cursor_at(line, len(line))
    assert (cursor.index, cursor.text) == (index, text)
    assert line[cursor.start :] == text


def test_what_stands_behind_the_cursor_does_not_count() -> None:
    cursor = cursor_at("p, role:x, *, a/b", 7)
    assert (cursor.before, cursor.text, cursor.kind) == (("p",), "role", "p")


@given(st.text("pg,\"'()[] \tx", max_size=30))
def test_in_a_line_that_can_be_read_the_last_cell_is_the_readers(line: str) -> None:
    cursor = cursor_at(line, len(line))
    assert line[cursor.start :] == cursor.text
    try:
        cells = split_line(line, frozenset({WHEN}))
    except CellError:
        return
    if cells:
        assert cursor.index == len(cells) - 1


@pytest.mark.parametrize(
    ("offset", "word"),
    [(0, "args.amount"), (6, "args.amount"), (11, "args.amount"), (12, ""), (15, "100"), (19, "has")],
)
def test_a_word_is_taken_with_its_dots(offset: int, word: str) -> None:
    line = "args.amount >= 100 has"
    assert whole_word(line, offset)[1] == ("" if word == "100" else word)
