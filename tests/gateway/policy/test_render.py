from gateway.policy import parse
from gateway.policy.explain import explain
from gateway.policy.render import render
from tests.fixtures.policies import a_query

POLICY = parse(
    """\
p, role:support, acme, shop/refund, call, args.amount <= 100, allow, small refunds
p, *, *, shop/refund, call, args.amount > 100, deny, refunds above 100 go through finance
p, agent:support, *, shop/*, call, , allow, ceiling
g, user:ann, role:support, acme
"""
)


def test_a_denial_is_told_with_its_line() -> None:
    assert (
        render(explain(POLICY, a_query("user:ann", args={"amount": 900})))
        == """\
user:ann (acme) call shop/refund: denied
  why   refunds above 100 go through finance
  line  policy.csv:2

user:ann: deny
  roles role:support
  way   allowed with args.amount = 100
> deny  policy.csv:2  when args.amount > 100: true
          args.amount is 900
  allow policy.csv:1  when args.amount <= 100: false, so it does not count
          args.amount is 900"""
    )


def test_an_answer_for_two_is_told_with_the_role_path() -> None:
    assert (
        render(explain(POLICY, a_query("user:ann via agent:support", args={"amount": 5})))
        == """\
user:ann via agent:support (acme) call shop/refund: allowed
  why   small refunds
  line  policy.csv:1

user:ann: allow
  role  user:ann -> role:support (policy.csv:4)
  deny  policy.csv:2  when args.amount > 100: false, so it does not count
          args.amount is 5
> allow policy.csv:1  when args.amount <= 100: true
          args.amount is 5

agent:support: allow
  deny  policy.csv:2  when args.amount > 100: false, so it does not count
          args.amount is 5
> allow policy.csv:3  always"""
    )


def test_a_denial_because_no_line_allows_is_told_with_the_nearest_one() -> None:
    text = render(explain(POLICY, a_query("user:eve", args={"amount": 5})))
    assert "line  none: denied by default" in text
    assert "near  policy.csv:1 would allow it, but user:eve does not have role:support" in text


def test_what_is_missing_stands_before_the_lines_that_were_looked_at() -> None:
    lines = render(explain(POLICY, a_query("user:eve", args={"amount": 5}))).splitlines()
    assert [line.split()[0] for line in lines if line] == [
        "user:eve",
        "why",
        "line",
        "user:eve:",
        "near",
        "it",
        "deny",
        "args.amount",
    ]


def test_where_no_allow_line_is_about_it_that_is_said() -> None:
    policy = parse("p, *, *, shop/refund, call, args.amount > 100, deny, too much")
    text = render(explain(policy, a_query(args={"amount": 5})))
    assert "near  nothing: no allow line is about this" in text
    assert "near" not in render(explain(policy, a_query(args={"amount": 500})))


def test_an_undecidable_restriction_is_pointed_out() -> None:
    assert "its condition could not be decided, and so it restricts" in render(explain(POLICY, a_query(args={})))


def test_values_cannot_steer_the_terminal() -> None:
    text = render(explain(POLICY, a_query(path="shop/refund", args={"amount": "\x1b[2J\u202e"})))
    assert "\x1b" not in text
    assert "\u202e" not in text
