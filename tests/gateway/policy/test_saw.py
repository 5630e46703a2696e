from gateway.policy.compiler import compile_condition
from gateway.policy.saw import saw
from gateway.policy.scope import Scope
from tests.fixtures.policies import a_query


def test_values_are_shown_as_json_and_long_ones_cut() -> None:
    condition = compile_condition("args.a == 'x' and args.b > 1 and tool.read_only and args.c")
    scope = Scope(a_query(args={"a": "é" * 90, "c": {"d": [1]}}), "user:ann", frozenset())
    shown = dict(saw(condition.paths, scope))
    assert shown["args.a"].startswith('"éé')
    assert shown["args.a"].endswith("... (92 characters)")
    assert (shown["args.b"], shown["args.c"], shown["tool.read_only"]) == ("not given", '{"d": [1]}', "false")
