import pytest

from tests.gateway.policy.lint.offered import FINE, rules_told, told

ROLE = "g, user:ann, role:support, acme\np, role:support, *, mail/send, call, , allow, y\n"


def on(when: str) -> list[str]:
    return told(f'{FINE}p, *, *, shop/refund, call, "{when}", deny, no\n{ROLE}')


@pytest.mark.parametrize(
    ("when", "column", "hint"),
    [
        ("subject.user == 'ann'", 46, "write `'user:ann'`"),
        ("'ann' != subject.user", 30, "write `'user:ann'`"),
        ("subject.user in ['user:ann', 'bob']", 59, "write `'user:bob'`"),
        ("matches(subject.user, 'an?')", 52, "write `'user:an?'`"),
        ("subject.user == 'role:support'", 46, "()"),
        ("subject.agent == 'support'", 47, "write `'agent:support'`"),
        ("subject.id == 'ann'", 44, "write `'user:ann'`"),
        ("'support' in subject.roles", 30, "write `'role:support'`"),
        ("any_match(subject.roles, 'supp*')", 55, "write `'role:supp*'`"),
        ("args.a == 1 and lower(args.x) == 'O-1'", 63, "write `'o-1'`"),
        ("'X' in lower(args.x)", 30, "write `'x'`"),
        ("tool.pin == 'abc'", 42, "copy it from toolgate.lock"),
        ("host(args.x) == 'Evil.com'", 46, "write `'evil.com'`"),
        ("host(args.x) == 'https://evil.com/x'", 46, "write `'example.com'`"),
        ("now.date == '31.12.2026'", 42, "write year, month and day"),
        ("now.date >= '2026-13-01'", 42, "write year, month and day"),
        ("date('Europe/Berlin') < '12/31/2026'", 54, "write year, month and day"),
        ("now.iso > '31.12.2026'", 40, "write year, month and day"),
    ],
)
def test_a_text_that_can_never_be_there_is_told_at_its_place(when: str, column: int, hint: str) -> None:
    (found,) = on(when)
    assert found.startswith(f"policy.csv:2:{column} impossible-value: `")
    assert hint in found


@pytest.mark.parametrize(
    "when",
    [
        "subject.user == 'user:ann' or subject.agent == '' or subject.agent == 'agent:a'",
        "subject.id in ['user:ann', 'agent:a']",
        "'role:support' in subject.roles",
        "matches(subject.user, '*ann') or matches(subject.user, 'u*')",
        "lower(args.x) == 'o-1' or args.x == 'O-1'",
        "host(args.x) == 'evil.com' or 'Evil' in args.x",
        "now.date == '2026-12-31' or now.iso > '2026-12-31T10:00'",
        "'ann' in subject.user",
        "'x' in lower(args.x)",
        f"tool.pin == '{'a' * 64}' or matches(tool.pin, 'abc*')",
        "subject.user > 'm'",
    ],
)
def test_what_may_be_there_is_left_alone(when: str) -> None:
    assert on(when) == []


def test_it_can_be_left_out_by_its_name() -> None:
    assert rules_told(f"{FINE}p, *, *, shop/refund, call, subject.user == 'ann', deny, no") == ["impossible-value"]


def test_lines_with_duties_are_looked_at_too() -> None:
    line = "o, *, *, shop/refund, call, subject.user == 'ann', redact=ssn, no"
    assert "impossible-value" in rules_told(FINE + line)
