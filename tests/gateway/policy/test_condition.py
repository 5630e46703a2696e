import pytest

from gateway.policy.compiler import compile_condition
from gateway.policy.condition import holds
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.scope import Scope
from gateway.policy.wording import Effect
from tests.fixtures.policies import a_query


@pytest.mark.parametrize(
    ("answer", "allow", "ask", "deny"),
    [(True, True, True, True), (False, False, False, False), (UNDECIDED, False, True, True)],
)
def test_undecidable_never_grants_and_always_restricts(answer: Truth, allow: bool, ask: bool, deny: bool) -> None:
    effects: tuple[Effect, ...] = ("allow", "ask", "deny")
    assert [holds(effect, answer) for effect in effects] == [allow, ask, deny]


def test_a_condition_knows_what_it_looks_at() -> None:
    condition = compile_condition(
        "has(args.to) and in_domain(args.to, 'acme.com') and (tool.trusted or args.to == 'x')"
    )
    assert [(path.text, path.key, path.guarded) for path in condition.paths] == [
        ("args.to", "to", True),
        ("args.to", "to", False),
        ("tool.trusted", None, False),
    ]
    assert condition.mentions("args")
    assert condition.mentions("tool.trusted")
    assert not condition.mentions("run")


def test_the_parts_of_the_outermost_and_can_be_asked_one_by_one() -> None:
    condition = compile_condition("args.a == 1 and (args.b == 2 and args.c == 3)")
    scope = Scope(a_query(args={"a": 1, "b": 5}), "user:ann", frozenset())
    assert [part.text for part in condition.parts] == ["args.a == 1", "args.b == 2", "args.c == 3"]
    assert [part.test(scope) for part in condition.parts] == [True, False, UNDECIDED]
    assert condition.test(scope) is False


@pytest.mark.parametrize(("value", "answer"), [(True, True), (False, False), (1, UNDECIDED), ("true", UNDECIDED)])
def test_an_argument_alone_is_a_question_only_if_it_is_a_bool(value: object, answer: Truth) -> None:
    scope = Scope(a_query(args={"flag": value}), "user:ann", frozenset())
    assert compile_condition("args.flag").test(scope) is answer
