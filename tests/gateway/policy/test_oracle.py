"""Laws of decisions, on random policies, with two stock Casbin enforcers as the judge."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy import Policy, Query, parse
from gateway.policy.oracle import Oracle
from tests.fixtures.policies import policy_lines, queries, rule_lines

STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}


def effect(lines: list[str], query: Query) -> str:
    return parse("\n".join(lines)).decide(query).effect


@settings(max_examples=300)
@given(policy_lines, st.lists(queries(), min_size=1, max_size=6))
def test_the_evaluator_agrees_with_two_stock_enforcers(lines: list[str], asked: list[Query]) -> None:
    policy = parse("\n".join(lines))
    oracle = Oracle(policy)
    assert [policy.decide(query).effect for query in asked] == [oracle.decide(query) for query in asked]


def test_the_law_is_tried_on_every_effect() -> None:
    """Random policies that only ever deny would prove nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=200, database=None, derandomize=True)
    @given(policy_lines, st.lists(queries(), min_size=1, max_size=6))
    def count(lines: list[str], asked: list[Query]) -> None:
        policy = parse("\n".join(lines))
        seen.update(policy.decide(query).effect for query in asked)

    count()
    assert min(seen[effect] for effect in STRICTNESS) > seen.total() / 25


@given(policy_lines, queries(), st.randoms(use_true_random=False))
def test_the_order_of_lines_never_changes_a_decision(lines: list[str], query: Query, random: Random) -> None:
    shuffled = random.sample(lines, len(lines))
    assert effect(shuffled, query) == effect(lines, query)


@given(policy_lines, rule_lines(st.sampled_from(["ask", "deny"])), queries())
def test_another_ask_or_deny_line_never_widens(lines: list[str], line: str, query: Query) -> None:
    assert STRICTNESS[effect([*lines, line], query)] >= STRICTNESS[effect(lines, query)]


@given(policy_lines, rule_lines(st.just("allow")), queries())
def test_another_allow_line_never_narrows(lines: list[str], line: str, query: Query) -> None:
    assert STRICTNESS[effect([*lines, line], query)] <= STRICTNESS[effect(lines, query)]


@given(policy_lines, queries())
def test_what_can_be_called_is_listed(lines: list[str], query: Query) -> None:
    policy = parse("\n".join(lines))
    assert query.tool is not None
    if query.action == "call" and policy.decide(query).effect != "deny":
        assert policy.visible(query.subject, query.tool, query.now, query.run)
        assert policy.visible(query.subject, query.tool, query.now)  # the lists are the same for all runs


@given(policy_lines.map(lambda lines: [line for line in lines if "args." not in line]), queries())
def test_without_conditions_on_arguments_the_list_says_exactly_what_a_call_gets(lines: list[str], query: Query) -> None:
    policy = Policy([], []) if not any(line.startswith("p") for line in lines) else parse("\n".join(lines))
    assert query.tool is not None
    if query.action == "call":
        said = policy.summary(query.subject, query.tool, query.now, query.run)
        assert said == policy.decide(query).effect
        assert policy.visible(query.subject, query.tool, query.now, query.run) == (said != "deny")


@given(policy_lines, queries())
def test_a_summary_never_contradicts_a_decision(lines: list[str], query: Query) -> None:
    policy = parse("\n".join(lines))
    assert query.tool is not None
    if query.action == "call":
        said = policy.summary(query.subject, query.tool, query.now, query.run)
        assert said in ("depends", policy.decide(query).effect)
