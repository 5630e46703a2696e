"""Which arguments may be as negative as anybody likes."""

import pytest

from gateway.policy.bounds import only_bounded_above
from gateway.policy.compiler import compile_condition


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("args.amount <= 100", ["args.amount"]),
        ("100 > args.amount", ["args.amount"]),
        ("args.amount < -5", ["args.amount"]),
        ("args.order.items[0].price < 9.5", ["args.order.items[0].price"]),
        ("args.amount < 100 and args.amount <= 50", ["args.amount"]),
        ("has(args.amount) and args.amount < 100 and subject.tenant == 'acme'", ["args.amount"]),
        ("args.a < 1 and 0 < args.b < 5 and args.c < 1", ["args.a", "args.c"]),
        ("args.a < 1 and args.other.a > 0", ["args.a"]),
    ],
)
def test_an_upper_bound_without_anything_else_about_the_argument_is_found(text: str, found: list[str]) -> None:
    assert only_bounded_above(compile_condition(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "0 < args.amount <= 100",
        "args.amount <= 100 and args.amount >= 0",
        "args.amount <= 100 and not args.amount < 0",
        "args.amount <= 100 and args.amount != -1",
        "args.amount <= 100 and args.amount in [1, 2]",
        "args.amount <= 100 and (args.amount > 0 or run.calls < 3)",
        "args.amount > 5",
        "args.amount == 5",
        "args.amount < args.limit",
        "args.amount < 100 or args.small",
        "run.calls < 3",
        "now.hour < 18",
        "args.name < 'm'",
    ],
)
def test_whatever_else_is_said_is_taken_for_thought_of(text: str) -> None:
    assert only_bounded_above(compile_condition(text)) == []
