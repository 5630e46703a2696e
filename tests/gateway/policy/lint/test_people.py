import pytest

from gateway.policy.lint.people import People
from tests.gateway.policy.lint.offered import FINE, rules_told, told

KNOWN = People(frozenset({"user:ann", "user:bob", "agent:support"}), frozenset({"acme"}))
CLOSED = People(KNOWN.members, KNOWN.tenants, closed=True)


def test_a_role_that_nobody_has_in_the_tenant_of_its_line_is_told() -> None:
    (found,) = told("p, role:support, acme, shop/*, call, , allow, x\ng, user:ann, role:support, beta")
    assert found.startswith("policy.csv:1:4 unknown-role: nobody has `role:support` in tenant `acme`")
    assert "(it is held in beta)" in found
    assert rules_told("p, role:support, acme, shop/*, call, , allow, x\ng, user:ann, role:support, *") == []


def test_a_role_that_only_empty_roles_have_is_told() -> None:
    lines = (
        "p, role:staff, *, shop/*, call, , allow, x\np, role:boss, *, a/*, call, , deny, x\ng, role:boss, role:staff, *"
    )
    both = "".join(told(lines))
    assert "nobody has `role:boss`" in both
    assert "only roles have `role:staff`, and nobody has those" in both


def test_a_member_that_is_a_slip_of_the_pen_is_told_once() -> None:
    lines = "p, user:anne, *, shop/*, call, , deny, x\np, user:anne, *, bank/*, call, , deny, x\n"
    (found,) = told(FINE + lines, people=KNOWN)
    assert found.startswith("policy.csv:2:4 unknown-member: no API key, no run and no configuration knows the user")
    assert "(did you mean `user:ann`?)" in found
    assert "agent:suport" in told(FINE + "p, agent:suport, *, shop/*, call, , deny, x", people=KNOWN)[0]


@pytest.mark.parametrize("name", ["user:zoe", "user:anna2", "user:ann2", "agent:nobody"])
def test_a_member_that_may_come_yet_is_not_told(name: str) -> None:
    assert rules_told(FINE + f"p, {name}, *, shop/*, call, , deny, x", people=KNOWN) == []


def test_where_all_come_by_keys_every_unknown_user_is_told_and_agents_are_not() -> None:
    lines = (
        "p, agent:other, *, shop/*, call, , deny, x\ng, user:zoe, role:x, acme\np, role:x, acme, a/*, call, , deny, x"
    )
    assert told(FINE + lines, people=CLOSED) == [
        "policy.csv:3:4 unknown-member: no API key, no run and no configuration knows the user `user:zoe` ()"
    ]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("p, user:ann, acne, shop/*, call, , deny, x", "did you mean `acme`?"),
        (
            "p, user:ann, beta, s/*, call, , deny, x\ng, user:ann, role:x, gamma\np, role:x, *, s/*, call, , deny, x",
            "",
        ),
    ],
)
def test_a_tenant_that_nothing_else_knows_is_told(line: str, hint: str) -> None:
    (found,) = told(FINE + line, people=KNOWN)
    assert found.startswith("policy.csv:2:14 unknown-tenant: ")
    assert hint in found


def test_where_tokens_name_tenants_only_a_slip_of_the_pen_is_told() -> None:
    line = "p, user:ann, {}, s/*, call, , deny, x\ng, user:ann, role:x, acme\np, role:x, *, s/*, call, , deny, x"
    tokens = People(KNOWN.members, KNOWN.tenants, by_token=True)
    assert rules_told(FINE + line.format("beta"), people=tokens) == []
    assert rules_told(FINE + line.format("acne"), people=tokens) == ["unknown-tenant"]


def test_a_tenant_that_a_grant_names_is_known() -> None:
    line = "p, role:x, beta, shop/*, call, , deny, x\ng, user:ann, role:x, beta"
    assert rules_told(FINE + line, people=KNOWN) == []
    assert rules_told(FINE + "p, user:ann, acme, shop/*, call, , deny, x", people=KNOWN) == []


def test_whom_a_line_obliges_is_looked_for_like_others() -> None:
    lines = "p, *, *, */*, call, args.x, allow, y\np, role:a, acme, */*, call, args.y, allow, y\n"
    text = lines + "o, role:a, bank, */*, call, , dry_run, y\ng, user:ann, role:a, acme\n"
    assert any("3:4 unknown-role: nobody has `role:a` in tenant `bank`" in one for one in told(text))
    known = People(frozenset({"user:ann"}), frozenset({"acme"}), closed=True)
    found = told("p, *, *, */*, call, args.x, allow, y\no, user:eve, *, */*, call, , dry_run, y\n", people=known)
    assert any("2:4 unknown-member" in one for one in found)
