import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.cells import CellError, _any, _plain, split_line

CODE = frozenset({1})


def texts(line: str) -> list[str]:
    return [cell.text for cell in split_line(line, CODE)]


@pytest.mark.parametrize("line", ["", "   ", "\t", "# p, *, *", "   # indented"])
def test_blank_lines_and_comments_hold_no_cells(line: str) -> None:
    assert split_line(line) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("p, a,b ,  c", ["p", "a", "b", "c"]),
        ("p,,", ["p", "", ""]),
        ('p, "a, b", c', ["p", "a, b", "c"]),
        ('"p","a ""quoted"" word"', ["p", 'a "quoted" word']),
        ("p, args.x in ['a', 'b'], c", ["p", "args.x in ['a', 'b']", "c"]),
        ("p, has(args.x, 'a,(b'), c", ["p", "has(args.x, 'a,(b')", "c"]),
        ('p, args["a,b"] == 1, c', ["p", 'args["a,b"] == 1', "c"]),
        (r'p, {"a": "say \"hi, there\""}, c', ["p", r'{"a": "say \"hi, there\""}', "c"]),
        ("p, x, don't mind the (apostrophe", ["p", "x", "don't mind the (apostrophe"]),
        ("\tp\t,\ta", ["p", "a"]),
    ],
)
def test_both_styles_are_read(line: str, expected: list[str]) -> None:
    assert texts(line) == expected


def test_each_cell_knows_its_column_also_behind_doubled_quotes() -> None:
    plain, quoted = split_line('p,  "a ""b"" c"')
    assert (plain.column, quoted.column, quoted.text) == (1, 6, 'a "b" c')
    assert quoted.column_of(quoted.text.index("b")) == 10
    assert quoted.column_of(quoted.text.index("c")) == 14


@pytest.mark.parametrize(
    ("line", "column", "part"),
    [
        ("p, f(args.x, deny", 5, "`(` opens here and is never closed"),
        ("p, args.x), deny", 10, "`)` closes nothing"),
        ("p, f(args.x], deny", 12, "`]` closes nothing"),
        ("p, args.x == 'a, deny", 14, "the quote ' opens here"),
        ('p, "abc', 4, "a double quote opens here"),
        ('p, "a" in args.tags, c', 7, "stands behind a closing quote"),
        ("p, a\x00b", 5, "U+0000"),
        ("p, a\u200bb", 5, "U+200B"),
        ("p, a\u202eb", 5, "U+202E"),
        ("p, a\ufeffb", 5, "U+FEFF"),
        ("p, a\rb", 5, "U+000D"),
        ("p, a\u2028b", 5, "U+2028"),
        ("# a\rb", 4, "U+000D"),
        ("# a\x1eb", 4, "U+001E"),
    ],
)
def test_a_line_that_cannot_be_split_in_one_way_is_refused_with_its_column(line: str, column: int, part: str) -> None:
    with pytest.raises(CellError) as caught:
        split_line(line, CODE)
    assert caught.value.column == column
    assert part in caught.value.message


@given(
    st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=("Cc", "Cf"))), min_size=1)
)
def test_quoting_brings_every_text_through(cells: list[str]) -> None:
    line = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    assert [cell.text for cell in split_line(line)] == cells


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert 1 <= column_of_error(text) <= len(text) + 1


def column_of_error(text: str) -> int:
    try:
        split_line(text, CODE)
    except CellError as error:
        return error.column
    return 1


@given(st.text("p,\"'()[]{} \tx#", max_size=24), st.sampled_from([frozenset[int](), frozenset({1}), frozenset({0, 2})]))
def test_a_line_that_is_read_quickly_is_read_as_any_other_is(text: str, code: frozenset[int]) -> None:
    if cells := _plain(text):
        assert _any(text, code) == cells


def test_a_comment_may_be_in_every_language() -> None:
    assert split_line("# \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, \U0001f469\u200d\U0001f4bb,\ttoo") == ()
