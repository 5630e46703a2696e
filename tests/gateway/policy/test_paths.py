import ast
from typing import Any

import pytest

from gateway.policy.logic import UNDECIDED
from gateway.policy.paths import Steps, steps_of, value_at, with_value


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("args.a", ("a",)),
        ("args['odd name'].b[0]", ("odd name", "b", 0)),
        ("args.a[-1]", ("a", -1)),
        ("args", ()),
        ("tool.name", None),
        ("len(args.a)", None),
    ],
)
def test_a_path_is_read(text: str, steps: Steps | None) -> None:
    assert steps_of(ast.parse(text, mode="eval").body) == steps


@pytest.mark.parametrize(
    ("args", "steps", "found"),
    [
        ({"a": {"b": [1, 2]}}, ("a", "b", -1), 2),
        ({"a": None}, ("a",), None),
        ({}, ("a", "b"), UNDECIDED),
        ({"a": [1]}, ("a", 1), UNDECIDED),
        (None, ("a",), UNDECIDED),
        ({"a": "text"}, ("a", "b"), UNDECIDED),
    ],
)
def test_a_path_is_followed(args: Any, steps: Steps, found: object) -> None:
    assert value_at(args, steps) is found or value_at(args, steps) == found


@pytest.mark.parametrize(
    ("args", "steps", "after"),
    [
        ({}, ("a",), {"a": 9}),
        ({"a": 1, "z": 2}, ("a",), {"a": 9, "z": 2}),
        ({}, ("a", "b"), {"a": {"b": 9}}),
        ({"a": [1, 2, 3]}, ("a", 1), {"a": [1, 9, 3]}),
        ({"a": [1, 2, 3]}, ("a", -1), {"a": [1, 2, 9]}),
        ({"a": [{"b": 1}]}, ("a", 0, "b"), {"a": [{"b": 9}]}),
        ({"a": []}, ("a", 0), None),
        ({"a": "text"}, ("a", "b"), None),
        ({}, (), None),
    ],
)
def test_a_value_is_set_in_a_copy(args: dict[str, Any], steps: Steps, after: object) -> None:
    before = repr(args)
    assert with_value(args, steps, 9) == after
    assert repr(args) == before
