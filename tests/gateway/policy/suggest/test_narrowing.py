from collections.abc import Mapping

from gateway.policy.compiler import compile_condition
from gateway.policy.scope import Scope
from gateway.policy.suggest.narrowing import narrow, shape_of
from tests.fixtures.policies import a_query


def test_calls_of_one_shape_have_the_same_arguments() -> None:
    assert shape_of({"a": 1, "b": {"c": 2}}) == shape_of({"b": {"c": "x"}, "a": None})
    assert shape_of({"a": 1}) != shape_of({"a": 1, "b": 2})
    assert shape_of({"a": {}}) != shape_of({"a": []})


def test_every_argument_is_said_and_that_there_are_no_others() -> None:
    calls = [{"id": "o1", "to": {"name": "a", "tags": ["x"]}}, {"id": "o1", "to": {"name": "b", "tags": ["x"]}}]
    assert narrow(shape_of(calls[0]), calls).parts == (
        "args.id == 'o1'",
        "args.to.name in ['a', 'b']",
        "args.to.tags == ['x']",
        "len(args) == 2",
        "len(args.to) == 2",
    )


def test_a_call_with_one_argument_more_is_another_call() -> None:
    seen = {"id": "o1", "to": {"name": "a"}}
    condition = compile_condition(" and ".join(narrow(shape_of(seen), [seen]).parts))

    def holds(args: Mapping[str, object]) -> object:
        return condition.test(Scope(a_query(args=args), "user:ann", frozenset()))

    assert holds(seen) is True
    assert holds({**seen, "force": True}) is False
    assert holds({"id": "o1", "to": {"name": "a", "force": True}}) is False
    assert holds({"id": "o1"}) is not True


def test_a_call_without_arguments_stays_without() -> None:
    assert narrow(shape_of({}), [{}]).parts == ("len(args) == 0",)
