import pytest

from gateway.policy import parse
from gateway.policy.misses import Miss, misses
from tests.fixtures.policies import a_query, a_tool


def missed(text: str, who: str = "user:eve", **rest: object) -> list[Miss]:
    policy, query = parse(text), a_query(who, **rest)  # type: ignore[arg-type]
    return list(misses(policy, query, policy.scope(query, query.subject.user)))


@pytest.mark.parametrize(
    ("line", "missing", "change"),
    [
        (
            "p, role:x, *, shop/*, call, , allow, y",
            "user:eve does not have role:x",
            "the line `g, user:eve, role:x, acme`",
        ),
        (
            "p, role:x, beta, shop/*, call, , allow, y\ng, user:eve, role:x, beta",
            "user:eve has role:x only in tenant beta, not in acme, and it is for tenant beta, not acme",
            "the line `g, user:eve, role:x, beta` and tenant beta",
        ),
        ("p, *, beta, shop/*, call, , allow, y", "it is for tenant beta, not acme", "tenant beta"),
        ("p, *, *, shop/*, call, tool.read_only, allow, y", "tool.read_only is false", "tool.read_only = true"),
        (
            "p, *, *, shop/*, call, args.amount <= 100, allow, y",
            "`args.amount <= 100` does not hold (args.amount is 101)",
            "args.amount = 100",
        ),
        (
            "p, *, *, shop/*, call, not tool.destructive and args.amount < 9, allow, y",
            (
                "`not tool.destructive` does not hold (tool.destructive is true), "
                "and `args.amount < 9` does not hold (args.amount is 101)"
            ),
            "tool.destructive = false and args.amount = 8",
        ),
        ("p, *, *, shop/*, call, now.hour > 20, allow, y", "`now.hour > 20` does not hold (now.hour is 12)", ""),
    ],
)
def test_what_is_missing_and_what_would_do(line: str, missing: str, change: str) -> None:
    (found,) = missed(line, args={"amount": 101}, tool=a_tool("shop/refund", readOnlyHint=False))
    assert (found.missing, found.change) == (missing, change)


def test_nobody_becomes_another_user() -> None:
    assert missed("p, user:ann, *, shop/*, call, , allow, y") == []


@pytest.mark.parametrize(
    ("when", "args"),
    [
        ("args.a > 10 and args.a < 5", {"a": 3}),
        ("args.a == 3 and args.a != 3", {"a": 3}),
        ("args.a == 'x' and len(args.a) > 5", {}),
        ("run.calls > 5 and run.calls < 3", {}),
    ],
)
def test_nothing_is_proposed_where_no_values_meet_the_whole_condition(when: str, args: dict[str, object]) -> None:
    (found,) = missed(f"p, *, *, shop/*, call, {when}, allow, y", args=args)
    assert found.change == ""


def test_what_is_proposed_meets_the_parts_that_hold_already_too() -> None:
    (found,) = missed("p, *, *, shop/*, call, \"args.a in ['x','y'] and args.a == args.b\", allow, y", args={})
    assert found.change == "args.a = 'x' and args.b = 'x'"
    (other,) = missed("p, *, *, shop/*, call, args.a > 10 and args.a < 50, allow, y", args={"a": 3})
    assert other.change == "args.a = 11"


def test_a_role_that_the_line_does_not_want_is_not_proposed() -> None:
    (found,) = missed("p, role:a, *, shop/*, call, \"not 'role:a' in subject.roles\", allow, y")
    assert (found.missing, found.change) == ("user:eve does not have role:a", "")


def test_what_another_line_denies_is_not_proposed() -> None:
    lines = "p, *, *, shop/*, call, args.a <= 100, allow, y\np, *, *, shop/*, call, args.a > {}, deny, n"
    (found,) = missed(lines.format(50), args={"a": 101})
    assert found.change == "args.a = 50"
    (none,) = missed(lines.format(-9) + "\np, *, *, shop/*, call, args.a < 0, deny, n", args={"a": 101})
    assert none.change == ""


def test_hints_are_only_believed_of_a_tool_that_is_trusted() -> None:
    tool = a_tool("shop/refund", trusted=False)
    (found,) = missed("p, *, *, shop/*, call, tool.read_only, allow, y", tool=tool)
    assert found.change == "tool.read_only = true and tool.trusted = true"
    (none,) = missed("p, *, *, shop/*, call, tool.read_only and not tool.trusted, allow, y", tool=tool)
    assert none.change == ""
    (both,) = missed("p, *, *, shop/*, call, tool.read_only and tool.destructive, allow, y", tool=a_tool("shop/refund"))
    assert both.change == ""
    (unknown,) = missed("p, *, *, shop/*, call, tool.read_only, allow, y")
    assert unknown.change == "tool.read_only = true"
