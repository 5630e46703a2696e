import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.cells import split_line
from gateway.policy.compiler import compile_condition
from gateway.policy.condition import ConditionError
from gateway.policy.scope import Scope
from gateway.policy.suggest.writing import Unwritable, literal, path_text, row, tool_pattern
from tests.fixtures.policies import a_query

SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)


def the_value(text: str) -> Scope:
    return Scope(a_query(args={"x": text}), "user:ann", frozenset())


@given(SCALARS | st.text(max_size=130) | st.lists(SCALARS | st.text(max_size=10), max_size=4))
def test_what_is_written_is_equal_to_what_it_was_written_from(value: object) -> None:
    try:
        text = literal(value)
    except Unwritable:
        return
    scope = Scope(a_query(args={"x": value}), "user:ann", frozenset())
    assert compile_condition(f"args.x in [{text}]").test(scope) is True


@given(st.text(max_size=20))
def test_an_argument_of_any_name_is_found_under_its_path(key: str) -> None:
    try:
        path = path_text([key])
    except Unwritable:
        return
    scope = Scope(a_query(args={key: 1}), "user:ann", frozenset())
    try:
        condition = compile_condition(f"{path} == 1")
    except ConditionError:
        pytest.fail(path)
    assert condition.test(scope) is True


@pytest.mark.parametrize(
    ("steps", "text"),
    [(("a", "b"), "args.a.b"), (("from",), "args['from']"), (("odd name", "x"), "args['odd name'].x")],
)
def test_a_name_that_is_no_word_of_the_language_stands_in_brackets(steps: tuple[str, ...], text: str) -> None:
    assert path_text(steps) == text


@pytest.mark.parametrize(
    "value", ["a\\b", "a\nb", "a\u00a0b", "\u202e", 'it\'s "both"', "x" * 121, {"a": 1}, [{"a": 1}]]
)
def test_what_a_condition_can_not_hold_is_not_written(value: object) -> None:
    with pytest.raises(Unwritable):
        literal(value)


def test_a_pattern_has_a_question_mark_for_what_it_can_not_hold() -> None:
    assert tool_pattern("shop/refund") == "shop/refund"
    assert tool_pattern("files/file:///a b,*#") == "files/file:///a?b???"


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12), min_size=1, max_size=5))
def test_a_row_is_read_as_the_cells_that_it_was_written_from(cells: list[str]) -> None:
    stripped = [cell.strip() for cell in cells]
    text = row(["p", *stripped])
    assert [cell.text for cell in split_line(text)] == ["p", *stripped]
