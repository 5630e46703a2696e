import json
from dataclasses import replace

from hypothesis import given, settings

from gateway.call import Subject
from gateway.offer import Offer
from gateway.policy import Query, parse
from gateway.policy.explain import Explanation, explain
from gateway.policy.render import render
from tests.fixtures.policies import a_query, a_tool, policy_lines, queries

POLICY = parse(
    """\
p, role:employee, *, */*, call, tool.read_only, allow, reading
p, role:support, acme, shop/refund, call, 0 < args.amount <= 100 and has(args.reason), allow, small refunds
p, *, *, shop/refund, call, args.amount > 100, deny, refunds above 100 go through finance
p, *, *, shop/refund, call, run.tainted, ask, look first
p, agent:support, *, shop/*, call, , allow, ceiling
p, role:manager, *, shop/refund, approve, args.amount < 500, allow, managers
g, user:ann, role:support, acme
g, role:support, role:employee, acme
"""
)


def on(who: str = "user:ann", path: str = "shop/refund", args: object = None, **rest: object) -> Explanation:
    return explain(POLICY, a_query(who, path, args, **rest))  # type: ignore[arg-type]


def test_every_line_about_the_question_is_shown_with_what_its_condition_saw() -> None:
    (answer,) = on(args={"amount": 900, "reason": "late"}).answers
    assert [(line.rule, line.effect, line.condition, line.counts, line.decides) for line in answer.lines] == [
        ("policy.csv:3", "deny", "true", True, True),
        ("policy.csv:4", "ask", "false", False, False),
        ("policy.csv:1", "allow", "false", False, False),
        ("policy.csv:2", "allow", "false", False, False),
    ]
    assert answer.lines[0].saw == (("args.amount", "900"),)
    assert answer.lines[3].saw == (("args.amount", "900"), ("args.reason", '"late"'))
    assert answer.lines[0].why == "refunds above 100 go through finance"


def test_an_undecidable_condition_is_called_so_and_a_missing_value_too() -> None:
    (answer,) = on(args={"reason": "x"}).answers
    assert (answer.lines[0].condition, answer.lines[0].counts) == ("undecidable", True)
    assert answer.lines[0].saw == (("args.amount", "not given"),)
    assert answer.decision.undecided


def test_the_role_path_leads_from_the_user_to_the_name_in_the_line() -> None:
    explained = on(path="shop/look", tool=a_tool("shop/look", readOnlyHint=True))
    (answer,) = explained.answers
    assert explained.decision.effect == "allow"
    assert [(hop.member, hop.role, hop.rule) for hop in answer.path] == [
        ("user:ann", "role:support", "policy.csv:7"),
        ("role:support", "role:employee", "policy.csv:8"),
    ]
    assert answer.roles == ("role:employee", "role:support")


def test_the_nearest_miss_of_a_default_denial_says_what_is_missing() -> None:
    (answer,) = on("user:ann", args={"amount": -5, "reason": "x"}).answers
    assert [(miss.rule, miss.missing) for miss in answer.misses] == [
        ("policy.csv:2", "`0 < args.amount <= 100` does not hold (args.amount is -5)"),
        ("policy.csv:1", "tool.read_only is false"),
    ]


def test_a_miss_says_what_can_not_be_decided_and_what_is_not_known() -> None:
    (answer,) = on("user:ann", args={"amount": 5}, tool=a_tool("shop/refund", readOnlyHint=False)).answers
    assert [miss.missing for miss in answer.misses] == [
        "`has(args.reason)` does not hold (args.reason is not given)",
        "tool.read_only is false",
    ]
    text = parse("p, *, *, shop/refund, call, args.amount <= 9 and tool.trusted, allow, small")
    (answer,) = explain(text, replace(a_query("user:ann", args={"amount": "7"}), tool=None)).answers
    said = '`args.amount <= 9` can\'t be decided (args.amount is "7"), and tool.trusted is not known'
    assert [miss.missing for miss in answer.misses] == [said]


def test_lines_that_lack_more_than_the_nearest_are_left_out() -> None:
    (answer,) = on("user:ann", args={"amount": -5}).answers
    assert [miss.rule for miss in answer.misses] == ["policy.csv:1"]


def test_a_missing_role_is_a_miss_and_so_is_a_role_of_another_tenant() -> None:
    (answer,) = on("user:eve", args={"amount": 5, "reason": "x"}).answers
    assert "user:eve does not have role:support" in [miss.missing for miss in answer.misses]
    (answer,) = on("user:ann", args={"amount": 5}, tenant="umbrella", action="approve", requester="user:bob").answers
    assert [miss.missing for miss in answer.misses] == ["user:ann does not have role:manager"]
    (answer,) = on("user:ann", args={"amount": 5, "reason": "x"}, tenant="umbrella").answers
    assert any(
        "user:ann has role:support only in tenant acme, not in umbrella" in miss.missing for miss in answer.misses
    )


def test_lines_of_other_users_and_agents_are_no_misses() -> None:
    (answer,) = on("user:eve", "shop/order").answers
    assert {miss.rule for miss in answer.misses} == {"policy.csv:1"}


def test_user_and_agent_are_answered_one_by_one() -> None:
    explained = on("user:ann via agent:support", args={"amount": 5, "reason": "x"})
    assert [(answer.principal, answer.decision.rule) for answer in explained.answers] == [
        ("user:ann", "policy.csv:2"),
        ("agent:support", "policy.csv:5"),
    ]
    assert explained.decision == POLICY.decide(explained.query)


def test_long_values_are_cut_with_their_length() -> None:
    (answer,) = on(args={"amount": "x" * 500}).answers
    assert answer.lines[0].saw[0][1].endswith("... (502 characters)")


def test_a_question_that_nobody_can_ask_is_explained_too() -> None:
    explained = on("role:support")
    assert explained.decision.why == "`role:support` is not a user or an agent"
    assert explained.answers[0].lines == ()
    assert explained.answers[0].misses == ()


def test_the_json_has_everything_and_is_json() -> None:
    value = on("user:ann via agent:support", args={"amount": 900}).to_json()
    assert json.loads(json.dumps(value)) == value
    assert list(value) == [
        "subject", "action", "object", "effect", "rule", "why", "undecided", "duties", "obliged_by", "decided_for",
        "policy_digest", "answers",
    ]  # fmt: skip
    assert value["answers"][0]["lines"][0]["saw"] == {"args.amount": "900"}


def test_what_rests_on_another_right_is_explained_by_its_own_lines_and_those_of_that_right() -> None:
    policy = parse(
        "p, role:dev, *, desk/*, read, tool.trusted, allow, devs read\n"
        "p, *, *, desk/secret*, subscribe, , deny, not watched\n"
        "g, user:ann, role:dev, acme"
    )
    resource = Offer("resource", "desk", "secret:1", {}, trusted=True)
    query = replace(a_query("user:ann", resource.path, action="subscribe"), tool=resource)
    (answer,) = explain(policy, query).answers
    assert [(line.rule, line.decides) for line in answer.lines] == [("policy.csv:2", True), ("policy.csv:1", False)]
    (missed,) = explain(policy, replace(query, subject=Subject("user:eve", "acme"), object="desk/x:1")).answers
    assert [miss.rule for miss in missed.misses] == ["policy.csv:1"]


def test_a_way_to_a_milder_answer_is_found_and_true() -> None:
    (answer,) = on(args={"amount": 900, "reason": "late"}).answers
    assert answer.way
    assert (answer.way.change, answer.way.effect, answer.way.rule) == ("args.amount = 100", "allow", "policy.csv:2")
    again = on(args={"amount": 100, "reason": "late"})
    assert again.decision.effect == "allow"
    assert again.answers[0].way is None


def test_where_only_a_person_helps_the_way_leads_to_that() -> None:
    text = parse(
        "p, *, *, a/b, call, , allow, y\np, *, *, a/b, call, , ask, look\np, *, *, a/b, call, args.x > 5, deny, n"
    )
    (answer,) = explain(text, a_query("user:ann", "a/b", {"x": 9})).answers
    assert answer.way
    assert (answer.way.change, answer.way.effect) == ("args.x = 5", "ask")
    (answer,) = explain(text, a_query("user:ann", "a/b", {"x": 1})).answers
    assert answer.way is None


def test_a_miss_says_what_would_do() -> None:
    (answer,) = on("user:eve", args={"amount": 500, "reason": "x"}, tenant="acme", tool=a_tool("shop/refund")).answers
    assert answer.misses == ()  # a line denies
    (answer,) = on("user:eve", args={"amount": -5, "reason": "x"}).answers
    assert [miss.change for miss in answer.misses] == [
        "the line `g, user:eve, role:support, acme` and args.amount = 1",
        "the line `g, user:eve, role:employee, acme` and tool.read_only = true",
    ]


def test_whether_something_is_listed_is_explained_by_what_its_use_could_get() -> None:
    text = parse(
        "p, user:ann, *, shop/*, call, args.a > 5, allow, some\np, *, *, shop/hidden, list, , deny, not shown\n"
        "p, *, *, shop/never, call, , deny, never\n"
    )
    shown = explain(text, a_query("user:ann", "shop/x", action="list"))
    assert (shown.decision.effect, shown.decision.rule) == ("allow", "policy.csv:1")
    hidden = explain(text, a_query("user:ann", "shop/hidden", action="list"))
    assert (hidden.decision.effect, hidden.decision.rule) == ("deny", "policy.csv:2")
    assert [line.rule for line in hidden.answers[0].lines] == ["policy.csv:2", "policy.csv:1"]
    assert explain(text, a_query("user:ann", "shop/never", action="list")).decision.rule == "policy.csv:3"
    other = explain(text, a_query("user:eve via agent:a", "shop/x", action="list"))
    assert (other.decision.effect, other.decision.rule, other.decision.principal) == ("deny", None, "user:eve")


@given(policy_lines, queries())
def test_an_explained_list_says_what_is_listed(lines: list[str], query: Query) -> None:
    policy = parse("\n".join(lines))
    asked = replace(query, action="list")
    visible = query.tool is not None and policy.visible(query.subject, query.tool, query.now)  # of any run
    assert (explain(policy, asked).decision.effect == "allow") is visible


@settings(max_examples=50)
@given(policy_lines, queries())
def test_every_way_is_true(lines: list[str], query: Query) -> None:
    policy = parse("\n".join(lines))
    for answer in explain(policy, query).answers:
        if answer.way:
            assert answer.way.effect != answer.decision.effect
            assert {"allow": 0, "ask": 1, "deny": 2}[answer.way.effect] < {"allow": 0, "ask": 1, "deny": 2}[
                answer.decision.effect
            ]


def test_the_duties_of_an_allowed_call_are_shown_with_their_lines() -> None:
    policy = parse("p, *, *, */*, call, , allow, w\no, *, *, shop/*, call, , redact=ssn; timeout=2 s, why")
    explained = explain(policy, a_query("user:ann"))
    shown = explained.to_json()
    assert shown["duties"] == {"redact": ["ssn"], "timeout": 2.0}
    assert shown["obliged_by"] == ["policy.csv:2"]
    assert "  duty  redact=ssn; timeout=2 s (policy.csv:2)" in render(explained).splitlines()
    assert "duty" not in render(on())
