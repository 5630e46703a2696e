from hypothesis import given

from gateway.call import Action, Tool
from gateway.offer import Offer
from gateway.policy import Query, parse
from gateway.policy.cases.case import Case
from gateway.policy.cases.reading import parse_cases
from gateway.policy.cases.running import Outcome, lines, outcome, outcomes
from gateway.policy.condition import holds
from tests.fixtures.policies import a_tool, policy_lines, queries

POLICY = parse(
    """\
p, user:ann, *, shop/*, call, , allow, ann may
p, agent:desk, *, shop/*, call, , allow, the desk may
p, agent:desk, *, shop/secret, call, , deny, not the desk
p, *, *, shop/secret, call, args.deep, deny, nobody
p, *, *, shop/hidden, list, tool.trusted, deny, hidden
p, *, *, shop/look, call, tool.read_only, allow, reading
p, *, *, notes/*, read, , allow, reading
p, *, *, notes/*, complete, , deny, no guessing
"""
)
HEAD = "name, who, tenant, action, tool, args, expect, line, why, with\n"


def one(line: str, *tools: Tool) -> Outcome:
    known = {tool.path: tool for tool in tools}

    def find(_action: Action, path: str) -> Tool | Offer | None:
        return known.get(path)

    (found,) = outcomes(POLICY, parse_cases("tests.csv", (HEAD + line).encode()), find)
    return found


def test_a_part_of_what_the_line_says_stays_true_when_lines_move() -> None:
    assert one("a, user:ann, , , shop/x, , allow, , ann,").ok
    assert not one("a, user:ann, , , shop/x, , allow, , bob,").ok
    assert one("a, user:ann, , , shop/x, , allow, policy.csv:1, ann,").ok
    assert not one("a, user:ann, , , shop/x, , allow, policy.csv:2, ann,").ok


def test_the_lines_of_user_and_agent_decide_together_where_both_say_the_same() -> None:
    both = one("a, user:ann via agent:desk, , , shop/x, , allow, , ,")
    assert both.deciders == {"policy.csv:1", "policy.csv:2"}
    denied = one('a, user:ann via agent:desk, , , shop/secret, {"deep": true}, deny, , ,')
    assert denied.deciders == {"policy.csv:4", "policy.csv:3"}
    one_of_them = one('a, user:ann via agent:desk, , , shop/secret, {"deep": false}, deny, , ,')
    assert one_of_them.deciders == {"policy.csv:3"}


def test_what_is_pinned_counts_where_the_case_says_nothing_of_the_tool() -> None:
    pinned = a_tool("shop/look", readOnlyHint=True)
    assert one("a, user:eve, , , shop/look, , allow, , ,", pinned).ok
    assert one("a, user:eve, , , shop/look, , deny, none, ,").ok
    assert one("a, user:eve, , , shop/look, , deny, , , trusted not_read_only", pinned).ok


def test_a_list_is_asked_whether_the_tool_is_shown() -> None:
    assert one("a, user:ann, , list, shop/hidden, , deny, policy.csv:5, hidden, trusted").ok
    assert one("a, user:ann, , list, shop/hidden, , allow, , , not_trusted").ok
    nothing = one("a, user:eve, , list, shop/hidden, , deny, none, , not_trusted")
    assert nothing.ok
    assert nothing.got.why == "user:eve can't use shop/hidden"
    assert one("a, user:ann via agent:other, , list, shop/x, , deny, none, ,").ok


def test_completing_rests_on_reading_and_can_be_taken_away() -> None:
    found = one("a, user:ann, , complete, notes/file:///{name}, , deny, policy.csv:8, ,")
    assert found.ok
    assert found.deciders == {"policy.csv:8"}


@given(policy_lines, queries())
def test_a_case_gets_what_a_call_would_get_from_lines_that_take_part(text: list[str], query: Query) -> None:
    policy = parse("\n".join(text))
    case = Case("tests.csv", 1, "any", query, about_tool=True, expect="deny")
    found = outcome(policy, case, lambda _action, _path: None)
    assert found.got == policy.decide(query)
    taking_part = {
        rule.where: rule.effect
        for rule, scope in lines(policy, query)
        if rule.when is None or holds(rule.effect, rule.when.test(scope))
    }
    assert {taking_part[where] for where in found.deciders} <= {found.got.effect}
    assert bool(found.deciders) == (found.got.rule is not None) or found.got.effect == "deny"
