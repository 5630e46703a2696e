import pytest

from gateway.policy.compiler import compile_condition
from gateway.policy.lint.uses import uses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("args.a > 5", [("args.a", ("a",), {"number"}, ())]),
        ("args.a == 'x'", [("args.a", ("a",), {"string"}, ("x",))]),
        ("args.a in ['x', 'y']", [("args.a", ("a",), {"string"}, ("x", "y"))]),
        ("args['odd name'][0].b", [("args['odd name'][0].b", ("odd name", 0, "b"), {"boolean"}, ())]),
        ("not args.a", [("args.a", ("a",), {"boolean"}, ())]),
        ("matches(args.a, 'x')", [("args.a", ("a",), {"string"}, ())]),
        ("in_domain(args.a, 'x.com')", [("args.a", ("a",), {"string", "array"}, ())]),
        ("args.a < args.b", [("args.a", ("a",), None, ()), ("args.b", ("b",), None, ())]),
        ("tool.read_only", []),
        ("args.a == null", [("args.a", ("a",), None, ())]),
    ],
)
def test_each_use_says_what_can_be_decided(text: str, found: list[tuple[str, object, set[str] | None, object]]) -> None:
    for use, (path, steps, wants, values) in zip(uses(compile_condition(text)), found, strict=True):
        assert (use.text, use.steps, use.values) == (path, steps, values)
        assert wants is None or use.wants == wants


def test_a_question_whether_it_is_there_is_a_guard() -> None:
    first, second = uses(compile_condition("has(args.a) and args.a > 5"))
    assert (first.guard, second.guard) == (True, False)
