from itertools import product
from typing import Any

import pytest

from gateway.policy.condition import Node
from gateway.policy.logic import UNDECIDED
from gateway.policy.nodes import Expr, all_of, any_of, is_null, literal, reader
from gateway.policy.scope import Query, Scope
from tests.fixtures.policies import a_query

U = UNDECIDED


def scope(args: Any) -> Scope:
    query: Query = a_query(args=args)
    return Scope(query, "user:ann", frozenset())


def constant(value: Any) -> Node:
    return lambda _scope: value


def strong_and(values: tuple[Any, ...]) -> Any:
    return False if False in values else U if U in values else True


def strong_or(values: tuple[Any, ...]) -> Any:
    return True if True in values else U if U in values else False


@pytest.mark.parametrize("values", list(product([True, False, U], repeat=3)))
def test_and_and_or_follow_kleenes_tables(values: tuple[Any, ...]) -> None:
    nodes = [constant(value) for value in values]
    assert all_of(nodes)(scope({})) is strong_and(values)
    assert any_of(nodes)(scope({})) is strong_or(values)


@pytest.mark.parametrize("value", [1, "true", None, [], {}])
def test_what_is_no_bool_is_undecidable_inside_and_and_or(value: Any) -> None:
    assert all_of([constant(value), constant(True)])(scope({})) is U
    assert any_of([constant(value), constant(False)])(scope({})) is U


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        (("a",), {"b": [10, {"c": 1}]}), (("a", "b", 0), 10), (("a", "b", -1, "c"), 1), (("n",), None),
        (("a", "b", 2), U), (("a", "b", -3), U),
        (("a", "b", "c"), U), (("missing",), U), (("missing", "x"), U),
        (("s", 0), U), (("n", "x"), U),
        (("a", "keys"), U), (("a", "__class__"), U), ((), {"a": {"b": [10, {"c": 1}]}, "n": None, "s": "text"}),
    ],
)  # fmt: skip
def test_a_path_is_looked_up_and_never_an_attribute(steps: tuple[str | int, ...], value: Any) -> None:
    assert reader(steps)(scope({"a": {"b": [10, {"c": 1}]}, "n": None, "s": "text"})) == value


def test_unknown_arguments_have_no_values() -> None:
    unknown = Scope(
        Query(a_query().subject, "call", "a/b", None, None, a_query().run, a_query().now), "user:ann", frozenset()
    )
    assert reader(("a",))(unknown) is reader(("a", "b"))(unknown) is U


@pytest.mark.parametrize(("args", "answer"), [({"x": None}, True), ({"x": 0}, False), ({"x": ""}, False), ({}, U)])
def test_a_written_null_asks_whether_something_is_null(args: Any, answer: Any) -> None:
    value = literal(None)
    read = Expr(reader(("x",)), "any")
    assert is_null(read, value, same=True)(scope(args)) is answer
    assert is_null(value, read, same=False)(scope(args)) is (U if answer is U else not answer)
