import pytest
from hypothesis import given

from gateway.policy import Query, parse
from gateway.policy.cases.branches import branches_of, named
from gateway.policy.compiler import compile_condition
from gateway.policy.logic import Truth
from gateway.policy.scope import Scope
from tests.fixtures.policies import a_query, policy_lines, queries


def seen(text: str, **args: object) -> dict[str, str]:
    """What each branch of a condition turned out to be; those that were not reached are left out."""
    found = branches_of(compile_condition(text))
    told: dict[str, str] = {}

    def note(number: int, answer: Truth) -> None:
        told[found.each[number].text] = named(answer)

    found.look(Scope(a_query(args=args), "user:ann", frozenset()), note)
    return told


def wanted(text: str) -> dict[str, list[str]]:
    return {branch.text: sorted(branch.wanted) for branch in branches_of(compile_condition(text)).each}


def test_a_comparison_is_a_branch_and_so_is_each_side_of_a_chain() -> None:
    assert seen("args.a > 5", a=6) == {"args.a > 5": "true"}
    assert seen("0 < args.a <= 100", a=200) == {"0 < args.a": "true", "args.a <= 100": "false"}


def test_what_is_not_reached_is_not_seen() -> None:
    assert seen("args.a == 1 and args.b == 2", a=0, b=2) == {"args.a == 1": "false"}
    assert seen("args.a == 1 or args.b == 2", a=1, b=2) == {"args.a == 1": "true"}


def test_what_can_not_be_decided_does_not_end_anything() -> None:
    assert seen("args.a == 1 and args.b == 2", b=2) == {"args.a == 1": "undecidable", "args.b == 2": "true"}


def test_an_operand_that_is_made_of_others_is_a_branch_too() -> None:
    told = seen("(args.a == 1 or args.b == 2) and not args.c", a=0, b=2, c=True)
    assert told == {
        "args.a == 1": "false",
        "args.b == 2": "true",
        "args.a == 1 or args.b == 2": "true",
        "args.c": "true",
        "not args.c": "false",
    }


def test_undecidable_is_wanted_only_where_something_may_be_missing() -> None:
    all_three = ["false", "true", "undecidable"]
    assert wanted("args.a > 5 and has(args.a) and run.tainted and true and len(args) == 1") == {
        "args.a > 5": all_three,
        "has(args.a)": ["false", "true"],
        "run.tainted": ["false", "true"],
        "true": [],
        "len(args) == 1": ["false", "true"],
    }


def test_text_that_is_not_ascii_does_not_shift_what_is_shown() -> None:
    assert list(wanted("args.ä == 'ö' and args.b == 'ü'")) == ["args.ä == 'ö'", "args.b == 'ü'"]


@pytest.mark.parametrize("text", ["args.a", "not (not args.a)", "args.a in ['x'] or has(args.b)"])
def test_the_same_condition_is_looked_at_once(text: str) -> None:
    assert branches_of(compile_condition(text)) == branches_of(compile_condition(text))


@given(policy_lines, queries())
def test_looking_at_branches_gives_what_the_condition_gives(lines: list[str], query: Query) -> None:
    policy = parse("\n".join(lines))
    scope = policy.scope(query, query.subject.user)
    for rule in policy.rules:
        if rule.when:
            assert branches_of(rule.when).look(scope, lambda _number, _answer: None) is rule.when.test(scope)
