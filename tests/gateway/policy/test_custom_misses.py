"""What the nearest lines lack under a model of one's own: only what makes the matcher match."""

from gateway.policy import Policy, Query
from gateway.policy.explain import explain
from gateway.policy.render import render
from tests.fixtures.policies import a_query
from tests.gateway.policy.test_stock import PRIORITY, SAME, under


def near(policy: Policy, query: Query) -> list[tuple[str, str]]:
    (answer,) = explain(policy, query).answers
    return [(miss.missing, miss.change) for miss in answer.misses]


def test_what_a_line_lacks_is_told_where_casbin_says_that_it_would_match_with_it() -> None:
    lines = ("p, role:support, acme, shop/*, call, args.amount < 5, allow, y", "g, user:ann, role:support, acme")
    policy = under(SAME, *lines)
    assert near(policy, a_query("user:ann", args={"amount": 9})) == [
        ("`args.amount < 5` does not hold (args.amount is 9)", "args.amount = 4")
    ]
    assert near(policy, a_query("user:eve", args={"amount": 1})) == [
        ("user:eve does not have role:support", "the line `g, user:eve, role:support, acme`")
    ]
    assert near(policy, a_query("user:eve", args={"amount": 1}, tenant="umbrella")) == []  # it lacks both


def test_roles_without_tenants_and_other_tenants_are_told_as_the_model_has_them() -> None:
    plain = SAME.replace("g = _, _, _", "g = _, _").replace("g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)")
    policy = under(plain, "p, role:support, acme, shop/*, call, , allow, y", "g, user:ann, role:support")
    assert near(policy, a_query("user:eve")) == [
        ("user:eve does not have role:support", "the line `g, user:eve, role:support`")
    ]
    assert near(policy, a_query("user:ann", tenant="umbrella")) == [
        ("it is for tenant acme, not umbrella", "tenant acme")
    ]


def test_where_no_change_would_do_nothing_is_said_of_a_line() -> None:
    model = SAME.replace("m = ", 'm = r.sub == "user:root" && ')
    policy = under(model, "p, role:support, acme, shop/*, call, , allow, y")
    assert near(policy, a_query("user:eve")) == []
    text = render(explain(policy, a_query("user:eve")))
    assert "nothing that could be told: under this model.conf only Casbin knows what a line lacks" in text
    assert "no allow line is about this" not in text


def test_a_line_that_matches_and_is_not_what_counts_lacks_nothing() -> None:
    policy = under(SAME, "p, *, *, shop/*, approve, not subject.is_requester, allow, y")
    own = a_query("user:ann", action="approve", requester="user:ann")
    assert near(policy, own) == [
        ("`not subject.is_requester` does not hold (subject.is_requester is true)", ""),
    ]
    ahead = under(PRIORITY, "p, 1, *, *, */*, call, , deny, n", "p, 2, *, *, */*, call, , allow, y")
    assert near(ahead, a_query()) == []


def test_under_a_model_of_ones_own_what_is_proposed_is_put_to_casbin_too() -> None:
    policy = under(SAME, "p, *, *, shop/*, call, args.a > 10 and args.a < 5, allow, y")
    assert [change for _, change in near(policy, a_query(args={"a": 3}))] == [""]
    lines = "p, *, *, shop/*, call, args.a <= 100, allow, y", "p, *, *, shop/*, call, args.a > 50, deny, n"
    assert [change for _, change in near(under(SAME, lines[0]), a_query(args={"a": 101}))] == ["args.a = 100"]
    own = "p, role:a, *, shop/*, call, \"not 'role:a' in subject.roles\", allow, y"
    assert [change for _, change in near(under(SAME, own), a_query())] == [""]
    asked = under(SAME, *lines, 'p, *, *, shop/*, call, "args.a > 60", ask, n')
    assert near(asked, a_query(args={"a": 101})) == []  # a line denies it
