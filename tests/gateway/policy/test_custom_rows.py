"""Lines under a model of one's own: each trap of stock Casbin is a mistake in the file, never an "allowed"."""

import pytest

from gateway.errors import PolicyError, Problem
from gateway.policy import Policy
from gateway.policy.files import Source
from gateway.policy.load import build

MODEL = """\
[request_definition]
r = sub, dom, obj, act, ctx
[policy_definition]
p = sub, dom, obj, act, when, eft, owner
[role_definition]
g = _, _
g2 = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (r.sub == p.sub || g(r.sub, p.sub)) && r.dom == p.dom && r.act == p.act && p.owner != "nobody" \
&& (r.obj == p.obj || g2(r.obj, p.obj, r.dom)) && when(p.when, r.ctx, p.eft)
"""
GOOD = "p, user:ann, acme, shop/refund, call, args.amount in [1, 2], allow, the boss"


def read(*lines: str, model: str = MODEL) -> Policy:
    return build(Source("model.conf", model.encode()), sources=[Source("policy.csv", "\n".join(lines).encode())])


def refused(*lines: str, model: str = MODEL) -> Problem:
    with pytest.raises(PolicyError) as caught:
        read(*lines, model=model)
    return caught.value.problems[0]


def test_columns_are_those_of_the_model() -> None:
    policy = read(GOOD, "g, user:bob, role:dev", "g2, shop/refund, money, acme")
    (rule,) = policy.rules
    assert (rule.who, rule.tenant, rule.tool.text, rule.effect) == ("user:ann", "acme", "shop/refund", "allow")
    assert rule.cells == ("user:ann", "acme", "shop/refund", "call", "args.amount in [1, 2]", "allow", "the boss")
    assert rule.why == "allowed by policy"
    assert [(grant.member, grant.tenant) for grant in policy.grants] == [("user:bob", "*")]


def test_a_spreadsheets_lines_are_read_too() -> None:
    cells = ["p", "user:ann", "acme", "shop/refund", "call", "args.amount in [1, 2]", "allow", "the boss"]
    assert read("\ufeff" + ",".join(f'"{cell}"' for cell in cells) + "\r").rules[0].cells == read(GOOD).rules[0].cells


def test_a_line_that_obliges_has_the_columns_of_the_model_and_duties_in_the_place_of_the_effect() -> None:
    policy = read(GOOD, "o, user:ann, acme, shop/refund, call, args.amount > 1, redact=ssn, the boss")
    (one,) = policy.obligations
    assert (one.duties.redact, one.duties.rules) == (("ssn",), ("policy.csv:2",))
    assert (one.rule.kind, one.rule.effect, one.rule.who) == ("o", "ask", "user:ann")
    assert one.rule.when is not None
    assert one.rule.columns[6] == 56


def test_two_that_differ_in_a_column_of_the_models_own_are_not_the_same() -> None:
    line = "o, user:ann, acme, shop/refund, call, , redact=ssn, "
    assert not [found for found in read(GOOD, line + "a", line + "b").warnings if found.rule == "duplicate"]
    assert [found.line for found in read(GOOD, line + "a", line + "a").warnings if found.rule == "duplicate"] == [3]


def test_without_a_column_for_the_effect_duties_stand_last() -> None:
    model = MODEL.replace("when, eft, owner", "when, owner").replace(
        "when(p.when, r.ctx, p.eft)", "when(p.when, r.ctx)"
    )
    model = model.replace(" && !some(where (p.eft == deny))", "")
    good = GOOD.replace(" allow,", "")
    (one,) = read(good, "o, user:ann, acme, shop/refund, call, , the boss, dry_run", model=model).obligations
    assert one.duties.dry_run


def test_a_model_with_a_column_of_that_name_has_no_lines_that_oblige() -> None:
    model = MODEL.replace("owner", "duties")
    problem = refused(GOOD, "o, user:ann, acme, shop/refund, call, , redact=ssn, x", model=model)
    assert str(problem) == (
        "policy.csv:2:1: error: this model has a column `duties` of its own: nobody could tell which one an `o` line"
        " means (call the column something else in model.conf, or take the line out (`deny` or `ask` instead))"
    )
    assert read(GOOD, model=model).rules


@pytest.mark.parametrize(
    ("line", "column", "part"),
    [
        ("o, *, acme, shop/refund, call, , redact=ssn, x", 4, "`*` would never match"),
        ("o, user:ann, acme, shop/*, call, , redact=ssn, x", 20, "takes no pattern"),
        ("o, user:ann, acme, shop/refund, approve, , redact=ssn, x", 33, "can't oblige"),
        ("o, user:ann, acme, shop/refund, read, , dry_run, x", 41, "only a `call` can be a dry run"),
        ("o, user:ann, acme, shop/refund, call, , redcat=ssn, x", 41, "unknown duty"),
        ("o, user:ann, acme, shop/refund, call, , redact=ssn", 1, "`o` needs 7 fields"),
    ],
)
def test_duties_that_could_never_count_are_mistakes_in_the_file(line: str, column: int, part: str) -> None:
    problem = refused(GOOD, line)
    assert (problem.line, problem.column) == (2, column)
    assert part in problem.message


@pytest.mark.parametrize(
    ("line", "column", "part"),
    [
        ("p, *, acme, shop/refund, call, , deny, x", 4, "`*` would never match"),
        ("p, user:ann, *, shop/refund, call, , deny, x", 14, "`*` would never match"),
        ("p, user:ann, acme, shop/*, call, , deny, x", 20, "takes no pattern"),
        ("p, ann, acme, shop/refund, call, , deny, x", 4, "is not a name with its kind in front"),
        ("p, user:ann, acme, shop/refund, calls, , deny, x", 33, "unknown action"),
        ("p, user:ann, acme, shop/refund, call, , Deny, x", 41, "unknown effect"),
        ("p, user:ann, acme, shop/refund, call, args.a >, deny, x", 46, "condition:"),
        ("p, user:ann, acme, shop/refund, call, , deny", 1, "`p` needs 7 fields"),
        ("p, user:ann, acme, shop/refund, call, , deny, ", 47, "is not a plain text"),
        ("p, user:ann, acme, shop/refund, list, , allow, x", 41, "a line for `list` can't `allow`"),
        ("p2, user:ann, acme, shop/refund, call, , deny, x", 1, "unknown line type"),
        ("g3, a, b", 1, "unknown line type"),
        ("g, user:bob, role:dev, acme", 24, "`g` needs 2 fields"),
        ("g2, shop/refund, money", 1, "`g2` needs 3 fields"),
        ("g2, shop/*, money, acme", 5, "groups have exact names"),
        ("g2, shop/refund, m\u00f6ney, acme", 18, "ASCII"),
        ("g, role:dev, role:dev", 14, "would have itself as a role"),
        ("g2, a, a, acme", 8, "would have itself as a role"),
    ],
)
def test_what_could_never_match_is_a_mistake(line: str, column: int, part: str) -> None:
    problem = refused(GOOD, line)
    assert (problem.line, problem.column) == (2, column)
    assert part in problem.message


def test_a_group_of_tools_is_no_pattern() -> None:
    assert read(GOOD, "p, user:ann, acme, money, call, , deny, x").rules[1].tool.matches("shop", "refund") is False


def test_where_only_allow_lines_count_a_deny_line_is_a_mistake() -> None:
    model = MODEL.replace(" && !some(where (p.eft == deny))", "")
    problem = refused(GOOD, "p, user:ann, acme, shop/refund, call, , deny, x", model=model)
    assert (problem.line, problem.column) == (2, 41)
    assert "no `deny` line counts" in problem.message


def test_without_conditions_nobody_is_allowed_to_approve() -> None:
    model = (
        MODEL.replace("act, when, eft", "act, eft").replace(", ctx", "").replace(" && when(p.when, r.ctx, p.eft)", "")
    )
    assert "their own requests" in refused("p, user:ann, acme, shop/refund, approve, allow, x", model=model).message


@pytest.mark.parametrize("priority", ["", "high", "2.5", "1e3", "+1", "\u0661"])
def test_a_priority_is_a_whole_number(priority: str) -> None:
    model = MODEL.replace("p = sub", "p = priority, sub").replace(
        "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "priority(p.eft) || deny"
    )
    assert len(read(GOOD.replace("p, ", "p, -1, ", 1), model=model).rules) == 1
    problem = refused(GOOD.replace("p, ", f"p, {priority}, ", 1), model=model)
    assert "is no priority" in problem.message
