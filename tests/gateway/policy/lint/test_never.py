from datetime import date

import pytest

from gateway.policy import parse
from gateway.policy.lint import findings
from tests.gateway.policy.lint.offered import FINE, rules_told, told

TODAY = date(2026, 11, 26)


def on(when: str, action: str = "call", effect: str = "deny") -> list[str]:
    return told(f'{FINE}p, user:ann, *, shop/refund, {action}, "{when}", {effect}, y')


def past(when: str) -> list[str]:
    policy = parse(f'{FINE}p, *, *, shop/refund, call, "{when}", deny, y')
    return [f"{one.rule}: {one.message}" for one in findings(policy, today=TODAY)]


def test_who_asked_is_only_known_of_an_approval() -> None:
    (found,) = on("subject.is_requester")
    assert "never-true: `subject.is_requester` can't be decided of a `call`" in found
    assert "this line always denies" in found
    assert "this line never allows" in on("not subject.is_requester", "call", "allow")[0]
    assert on("subject.is_requester", "approve") == []


def test_a_resource_has_no_argument_but_its_uri() -> None:
    (found,) = on("args.amount < 9", "read")
    assert "unknown-argument: a `read` has no argument but `args.uri`, so `args.amount` is never there" in found
    assert on("args.uri == 'x'", "read") == on("tool.trusted", "read") == []


@pytest.mark.parametrize(
    "when",
    [
        "now.date == '2020-01-01'",
        "now.date < '2020-01-01'",
        "'2020-01-01' >= now.date",
        "now.date in ['2020-01-01', '2021-01-01']",
        "args.amount > 5 and date('Europe/Berlin') <= '2026-11-24'",
    ],
)
def test_a_day_that_is_over_never_comes_again(when: str) -> None:
    (found,) = past(when)
    assert found.startswith("never-true: `")
    assert found.endswith("` is never true again: that day is over")
    assert on(when) == []  # of what is past nothing is said without knowing what day it is


@pytest.mark.parametrize(
    "when",
    [
        "now.date == '2027-01-01'",
        "now.date >= '2020-01-01'",
        "now.date != '2020-01-01'",
        "not (now.date < '2020-01-01')",
        "now.date in ['2020-01-01', '2027-01-01']",
        "now.date <= '2026-11-25'",
        "args.day < '2020-01-01'",
    ],
)
def test_what_may_still_be_is_left_alone(when: str) -> None:
    assert past(when) == []


@pytest.mark.parametrize(
    ("when", "part"),
    [
        (
            "before(args.x, '2020-01-01') and after(args.x, '2021-01-01')",
            "`after(args.x, '2021-01-01')` is never true together with `before(args.x, '2020-01-01')`",
        ),
        ("lower(args.x) == 'a' and args.x == 'B'", "`args.x == 'B'` is never true together with"),
        ("args.x in ['B', 'C'] and 'a' == lower(args.x)", "`args.x in ['B', 'C']` is never true together with"),
        ("args.y or (lower(args.x) == 'a' and args.x == 'B')", "`args.x == 'B'` is never true together with"),
    ],
)
def test_parts_that_never_are_true_together_are_told(when: str, part: str) -> None:
    (found,) = on(when)
    assert "never-true: " in found
    assert part in found


@pytest.mark.parametrize(
    "when",
    [
        "before(args.x, '2022-01-01') and after(args.x, '2021-01-01')",
        "before(args.x, '2020-01-01') and after(args.y, '2021-01-01')",
        "before(args.x, '2020-01-01') or after(args.x, '2021-01-01')",
        "lower(args.x) == 'a' and args.x == 'A'",
        "lower(args.x) in ['a', 'b'] and args.x in ['B', 'C']",
        "lower(args.x) == 'a' and args.y == 'B'",
        "lower(args.x) == 'a' and args.x != 'B'",
        "lower(args.x) == 'a' and args.x == args.y",
    ],
)
def test_parts_that_can_be_true_together_are_left_alone(when: str) -> None:
    assert on(when) == []


def test_lines_with_duties_are_looked_at_too() -> None:
    line = "o, *, *, shop/refund, call, subject.is_requester, redact=ssn, no"
    assert rules_told(FINE + line) == ["never-true"]
