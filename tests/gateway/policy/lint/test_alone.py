import pytest

from tests.gateway.policy.lint.offered import FINE, rules_told, told


def test_a_policy_without_doubts_has_no_findings() -> None:
    assert told(FINE) == []


@pytest.mark.parametrize(
    ("line", "column"), [("p, *, *, */*, call, , allow, all", 4), ("p, *, acme, shop/*, read, , allow, all", 4)]
)
def test_what_everybody_may_do_to_all_of_a_server_is_told(line: str, column: int) -> None:
    (found,) = told(line)
    assert found.startswith(f"policy.csv:1:{column} everybody: everybody may ")


@pytest.mark.parametrize(
    ("when", "rule", "part"),
    [
        ("args.a > 5 and args.a < 3", "never-true", "can never be true: this line never does anything"),
        ("args.a == 'x' and args.a in ['y', 'z']", "never-true", "was `or` meant?"),
        ("args.a > 1 and args.a > 'b'", "never-true", "can never be true"),
        ("now.hour > 23", "never-true", "can never be true"),
        ("run.calls < 0", "never-true", "can never be true"),
        ("subject.auth_age < 0", "never-true", "can never be true"),
        ("matches(args.a, 'x*') and not matches(args.a, 'x*')", "never-true", "can never be true"),
        ("has(args.a) or not has(args.a)", "always-true", "is always true (leave the column `when` empty"),
        ("now.hour >= 0", "always-true", "is always true"),
        ("1 == 1", "always-true", "is always true"),
    ],
)
def test_a_condition_that_is_always_the_same_is_told(when: str, rule: str, part: str) -> None:
    (found,) = told(f"p, user:ann, *, shop/refund, call, {when}, allow, y")
    assert found.startswith(f"policy.csv:1:36 {rule}: the condition `{when}` ")
    assert part in found


def test_a_restriction_that_can_not_be_true_still_restricts_what_it_can_not_decide_and_that_is_said() -> None:
    (found,) = told(FINE + "p, *, *, shop/refund, call, args.a > 5 and args.a < 3, deny, y")
    assert "this line only restricts what it can't decide" in found
    (found,) = told(FINE + "p, *, *, shop/refund, call, now.hour > 30, deny, y")
    assert "this line never does anything" in found


@pytest.mark.parametrize(
    "when",
    [
        "args.a > 3 and args.a < 5",
        "args.a > 1 and args.a < 2",
        "args.a == 1 or args.a == 2",
        "not (args.a == 'x')",
        "args.a == null",
        "args.a > 'a' and args.a < 'b'",
        "args.a == args.b and args.a != 1",
        "len(args.a) > 1 and len(args.b) < 1",
        "now.weekday in ['sat', 'sun'] and now.hour < 9",
        "run.tainted and tool.open_world and run.calls > 3",
        "'user:x' in subject.user",
        "args['odd name'] == true",
    ],
)
def test_a_condition_that_can_be_both_is_left_alone(when: str) -> None:
    assert rules_told(f"p, user:ann, *, shop/refund, call, {when}, deny, y") == []


def test_a_line_about_ones_own_requests_may_say_always() -> None:
    when = "subject.is_requester or not subject.is_requester"
    assert rules_told(f"p, user:ann, *, shop/*, approve, {when}, allow, y") == []


def test_who_may_pay_back_up_to_an_amount_may_not_mean_less_than_nothing() -> None:
    line = "p, user:ann, *, shop/refund, call, args.amount <= 100, {}, y"
    (found,) = told(line.format("allow"))
    assert found.startswith("policy.csv:1:36 only-above: `args.amount` has a highest value and no lowest")
    assert rules_told(FINE + line.format("deny")) == rules_told(FINE + line.format("ask")) == []


def test_duties_beside_a_dry_run_and_conditions_of_lines_that_oblige_are_looked_at() -> None:
    (idle,) = told(FINE + "o, *, *, shop/*, call, , dry_run; redact=ssn, y")
    assert idle.startswith("policy.csv:2:26 idle-duty: of a dry run there is no result")
    assert told(FINE + "o, *, *, shop/*, call, , dry_run, y") == []
    (never,) = told(FINE + "o, *, *, shop/*, call, args.a > 1 and args.a < 1, dry_run, y")
    assert "never-true" in never
