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
