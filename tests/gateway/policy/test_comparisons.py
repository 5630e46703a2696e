import ast

import pytest

from gateway.policy.comparisons import COMPARISONS
from gateway.policy.scope import Kind

SIGNS = {comparison.sign: comparison for comparison in COMPARISONS.values()}


@pytest.mark.parametrize(
    ("left", "sign", "right", "fits"),
    [
        ("number", "<", "number", True), ("string", "<", "string", True), ("any", "<", "number", True),
        ("number", "<", "string", False), ("bool", "<", "bool", False), ("weekday", "<", "string", False),
        ("list", ">=", "list", False), ("null", "<", "any", False),
        ("number", "==", "number", True), ("number", "==", "string", False), ("weekday", "==", "string", True),
        ("any", "==", "null", True), ("bool", "!=", "null", True), ("object", "==", "any", False),
        ("any", "in", "list", True), ("string", "in", "string", True), ("number", "in", "string", False),
        ("string", "in", "object", True), ("number", "not in", "object", False), ("any", "in", "number", False),
    ],
)  # fmt: skip
def test_which_kinds_can_ever_be_compared(left: Kind, sign: str, right: Kind, fits: bool) -> None:
    assert SIGNS[sign].fits(left, right) is fits


def test_there_is_no_comparison_of_identity() -> None:
    assert not {ast.Is, ast.IsNot} & set(COMPARISONS)


@pytest.mark.parametrize(
    ("left", "sign", "right", "answer"),
    [(1, "!=", 2, True), (1, "<=", 1, True), (2, ">", 1, True), (2, "<", 1, False), ("a", "not in", ["b"], True)],
)
def test_each_sign_means_what_it_says(left: object, sign: str, right: object, answer: bool) -> None:
    assert SIGNS[sign].decide(left, right) is answer
