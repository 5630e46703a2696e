import pytest

from gateway.policy import Policy, parse
from gateway.policy.listing import listed
from tests.fixtures.policies import a_query, a_tool

POLICY = parse(
    "p, user:ann, *, shop/*, call, args.a > 5, allow, some\n"
    "p, user:ann, *, shop/*, call, tool.read_only, allow, reading\n"
    "p, *, *, shop/hidden, list, tool.trusted, deny, not shown\n"
    "p, *, *, shop/never, call, , deny, never\n"
    "p, *, *, shop/seldom, call, args.a > 9, deny, not much\n"
    "p, user:bob, *, shop/*, call, tool.read_only, allow, reading\n"
)


@pytest.mark.parametrize(
    ("who", "path", "effect", "rule"),
    [
        ("user:ann", "shop/x", "allow", "policy.csv:1"),
        ("user:ann", "shop/hidden", "deny", "policy.csv:3"),
        ("user:ann", "shop/never", "deny", "policy.csv:4"),
        ("user:ann", "shop/seldom", "allow", "policy.csv:1"),
        ("user:bob", "shop/x", "deny", None),
        ("user:eve", "shop/x", "deny", None),
    ],
)
def test_the_line_that_shows_or_hides_is_named(who: str, path: str, effect: str, rule: str | None) -> None:
    found = listed(POLICY, a_query(who, path, tool=a_tool(path, readOnlyHint=False)), who)
    assert (found.effect, found.rule) == (effect, rule)


def test_what_nobody_can_ask_says_so() -> None:
    assert "is not a user or an agent" in listed(POLICY, a_query("role:x", "shop/x"), "role:x").why
    assert isinstance(POLICY, Policy)
