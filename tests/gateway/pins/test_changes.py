"""Two definitions, as a person compares them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pins.changes import Change, change_lines, changes, values
from gateway.visible import hides

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def test_each_value_that_differs_is_a_change_and_no_other() -> None:
    old = {"name": "add", "description": "Adds.", "inputSchema": {"required": ["a"], "gone": 1}}
    new = {"name": "add", "description": "Adds!", "inputSchema": {"required": ["a", "b"], "new": None}}
    assert changes(old, new) == [
        Change("description", "Adds.", "Adds!"),
        Change("inputSchema.gone", "1", None),
        Change("inputSchema.new", None, "null"),
        Change("inputSchema.required", '["a"]', '["a", "b"]'),
    ]
    assert changes(old, old) == []


def test_without_an_old_definition_everything_is_new() -> None:
    assert changes(None, {"name": "x"}) == [Change("name", None, "x")]


def test_what_is_invisible_is_spelled_out() -> None:
    lines = change_lines(Change("description", "Adds.", "Adds.\u200b\u202e\x1b[2J\U000e0041"))
    assert lines == ["- Adds.", "+ Adds.\\u{200b}\\u{202e}\\e[2J\\u{e0041}"]


def test_of_a_long_line_the_part_that_differs_is_shown_whole() -> None:
    long = "word " * 100
    old, new = change_lines(Change("d", f"{long}old{long}", f"{long}new and worse{long}"))
    assert "…(440 characters as before)…" in old
    assert "new and worse" in new
    assert len(new) < 250


def test_of_a_text_of_lines_those_that_stay_are_shown_as_such() -> None:
    assert change_lines(Change("d", "one\ntwo\nthree", "one\n2\nthree")) == ["  one", "- two", "+ 2", "  three"]


def test_texts_of_many_lines_are_not_compared_line_by_line() -> None:
    """That would take minutes."""
    old, new = "\n".join(map(str, range(20_000))), "\n".join(map(str, range(20_000, 0, -1)))
    began = time.process_time()
    assert len(change_lines(Change("d", old, new))) == 40_000
    assert time.process_time() - began < 5


@given(JSON, JSON)
def test_nothing_on_the_screen_is_invisible_and_no_change_goes_unseen(old: object, new: object) -> None:
    before, now = {"v": old}, {"v": new}
    found = changes(before, now)
    assert bool(found) == (dict(values(before)) != dict(values(now)))
    for change in found:
        assert not any(hides(character) for line in change_lines(change) for character in line)


@pytest.mark.parametrize(("value", "shown"), [
    ({"a": {}}, [("a", "{}")]), ({"a": []}, [("a", "[]")]), ({"a": [{"b": 1}]}, [("a[0].b", "1")]),
])  # fmt: skip
def test_values_with_nothing_in_them_are_values(value: object, shown: list[tuple[str, str]]) -> None:
    assert list(values(value)) == shown
