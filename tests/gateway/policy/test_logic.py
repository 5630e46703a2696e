import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.logic import UNDECIDED, conjunction, contains, equal, negation, ordered, truth

NAN = float("nan")
U = UNDECIDED

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True), (1, 2, False), ("a", "a", True), ("a", "A", False), (True, True, True), (True, False, False),
        (None, None, True), ([1, "a"], [1, "a"], True), ([1], [2], False), ([1], [1, 2], False), ([], [], True),
        # undecidable: another kind is not simply unequal
        (1, True, U), (0, False, U), ("1", 1, U), (None, 0, U), (None, "", U), (NAN, NAN, U), (NAN, 1, U),
        ([1], ["1"], U), ({}, {}, U), ({"a": 1}, {"a": 1}, U), (U, 1, U), (U, U, U), ([1, "1"], [2, 1], False),
    ],
)  # fmt: skip
def test_equality(left: Any, right: Any, expected: Any) -> None:
    assert equal(left, right) is expected
    assert equal(right, left) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 2, True), (2, 1.5, False), ("a", "b", True), (10**39, 1e300, True),
        (True, 2, U), (1, "2", U), ("1", 2, U), (None, 1, U), (NAN, 1, U), (1, NAN, U), ([1], [2], U), (U, 1, U),
    ],
)  # fmt: skip
def test_order(left: Any, right: Any, expected: Any) -> None:
    assert ordered(operator.lt)(left, right) is expected


@pytest.mark.parametrize(
    ("item", "container", "expected"),
    [
        ("a", ["a", "b"], True), ("c", ["a", "b"], False), (1, [1.0], True), ("a", [], False), ("b", "abc", True),
        ("z", "abc", False), ("k", {"k": 1}, True), ("z", {"k": 1}, False), ("a", [1, "a"], True),
        (1, ["a"], U), (True, [1], U), ("a", [1], U), (1, "abc", U), (1, {"k": 1}, U), ("a", 5, U), (U, ["a"], U),
        (U, [], U), ("a", U, U), ("a", None, U),
    ],
)  # fmt: skip
def test_membership(item: Any, container: Any, expected: Any) -> None:
    assert contains(item, container) is expected


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), (1, U), (0, U), ("true", U), (None, U), (U, U)]
)
def test_only_a_bool_is_true_or_false(value: Any, expected: Any) -> None:
    assert truth(value) is expected
    assert negation(value) is (U if expected is U else not expected)


def test_false_beats_undecidable_beats_true() -> None:
    assert conjunction([True, U, False]) is False
    assert conjunction([True, U]) is U
    assert conjunction([True]) is True
    assert conjunction([]) is True


@given(JSON, JSON)
def test_nothing_that_json_holds_breaks_a_comparison(left: Any, right: Any) -> None:
    answers = [
        equal(left, right),
        contains(left, right),
        *(ordered(op)(left, right) for op in (operator.lt, operator.ge)),
    ]
    assert all(answer is True or answer is False or answer is U for answer in answers)


def test_values_nested_without_end_are_undecidable() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert equal(deep, deep) is U
