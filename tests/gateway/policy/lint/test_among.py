import pytest

from tests.gateway.policy.lint.offered import FINE, rules_told, told

STAFF = """\
p, role:support, acme, bank/x, call, , allow, y
p, role:staff, *, bank/*, call, , deny, n
g, user:ann, role:support, acme
g, role:support, role:staff, *
"""
STAFF_IN_ACME = """\
p, role:staff, *, bank/*, call, , deny, n
p, role:support, *, bank/x, call, , allow, y
g, user:ann, role:support, *
g, role:support, role:staff, acme
"""


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (
            "p, user:ann, *, bank/x, call, , allow, y\np, *, *, bank/*, call, , deny, n",
            "policy.csv:3 denies everything",
        ),
        (
            "p, user:ann, acme, shop/refund, call, args.a == 1, allow, y\np, user:ann, *, s*/*, call, , allow, n",
            "policy.csv:3 allows",
        ),
        (
            STAFF,
            "policy.csv:3 denies",
        ),
        (
            "p, user:a, *, bank/x, call, args.b==2 and args.a==1, allow, y\np, *, *, bank/*, call, args.a==1, deny, n",
            "policy.csv:3 denies",
        ),
    ],
)
def test_a_line_that_another_one_overrules_is_told(lines: str, part: str) -> None:
    found = [line for line in told(FINE + lines) if line.startswith("policy.csv:2:")]
    assert found[0].startswith("policy.csv:2:4 never-decides: this line never changes anything: ")
    assert part in found[0]


@pytest.mark.parametrize(
    "lines",
    [
        "p, *, acme, bank/*, call, , deny, n\np, user:ann, *, bank/x, call, , allow, y",  # another tenant remains
        "p, user:bob, *, bank/*, call, , deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/x*, call, , deny, n\np, user:ann, *, bank/*, call, , allow, y",
        "p, *, *, bank/*, call, args.a == 1, deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/*, read, , deny, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/*, call, , ask, n\np, user:ann, *, bank/x, call, , allow, y",
        "p, *, *, bank/*, call, args.a == 1 or args.b == 2, deny, n\np, user:a, *, bank/x, call, args.a == 2, allow, y",
        STAFF_IN_ACME,
    ],
)
def test_a_line_that_still_decides_something_is_left_alone(lines: str) -> None:
    assert rules_told(lines) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("args.a == 1 and args.b > 2", "args.b > 2  and  args.a == 1"),
        ("args.a in ['x', 'y']", 'args.a in ("x", "y")'),
        ("args.a < 5", "5 > args.a"),
        ("(args.a == 1)", "args.a == 1"),
    ],
)
def test_the_same_line_in_other_words_is_a_duplicate(one: str, other: str) -> None:
    quoted = other.replace('"', '""')
    (found,) = told(
        f"p, user:ann, *, shop/*, call, {one}, deny, a\n"
        f'p, user:ann, *, shop/**, call, "{quoted}", deny, b\np, *, *, */*, read, tool.trusted, allow, c'
    )
    assert found.startswith("policy.csv:2:4 duplicate: this line says the same as policy.csv:1, in other words")


def test_what_only_looks_alike_is_no_duplicate() -> None:
    lines = "p, user:ann, *, shop/*, call, args.a {} 5, deny, a\np, user:ann, *, shop/*, call, 5 {} args.a, deny, b"
    assert rules_told(lines.format("<", "<")) == []
    assert rules_told(lines.format("==", "==")) == []  # not turned around: better too few than wrong


def test_an_ask_line_about_what_nothing_allows_is_told() -> None:
    (found,) = told(FINE + "p, *, *, bank/*, call, , ask, a person must agree")
    assert found.startswith("policy.csv:2:10 ask-without-allow: no line allows what this one asks for (`bank/*`)")
    assert rules_told(FINE + "p, *, *, bank/*, call, , ask, a\np, user:a, *, ba*/x, call, , allow, b") == []
    assert rules_told(FINE + "p, *, acme, bank/*, call, , ask, a\np, user:a, beta, */*, call, , allow, b") == [
        "ask-without-allow"
    ]


# ---- lines that oblige

KEEP = "o, {}, *, {}, call, {}, {}, keep\n"
GRANT = "p, user:ann, *, shop/*, call, args.x == 1, allow, y\n"


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        ([("*", "shop/a", "", "redact=ssn"), ("*", "shop/*", "", "redact=ssn iban")], ["2 never-decides"]),
        ([("*", "shop/*", "", "timeout=2 s"), ("*", "shop/*", "", "timeout=1 s")], ["2 never-decides"]),
        ([("*", "shop/*", "", "redact=ssn x.ssn"), ("*", "shop/*", "", "redact=ssn")], ["3 never-decides"]),
        ([("*", "shop/*", "", "redact=ssn IBAN"), ("*", "shop/*", "", "redact=iban ssn")], ["3 duplicate"]),
        ([("*", "shop/*", "args.x == 1", "dry_run"), ("*", "shop/*", "1 == args.x", "dry_run")], []),
        ([("*", "shop/a", "", "redact=ssn iban"), ("*", "shop/*", "", "redact=ssn")], []),
        ([("*", "shop/a", "", "redact=ssn"), ("*", "shop/*", "args.x == 2", "redact=ssn")], []),
        ([("*", "bank/*", "", "redact=ssn")], ["2 duty-without-allow"]),
    ],
)
def test_duties_that_other_lines_leave_nothing_to_do(lines: list[tuple[str, ...]], findings: list[str]) -> None:
    found = told(GRANT + "".join(KEEP.format(*line) for line in lines))
    assert [" ".join([*one.split(":", 3)[1:2], one.split()[1].rstrip(":")]) for one in found] == findings


@pytest.mark.parametrize(
    ("who", "allowed", "counts"),
    [
        ("user:ann", "user:ann", True),
        ("user:ann", "*", True),
        ("*", "user:ann", True),
        ("user:ann", "role:staff", True),  # through role:support
        ("role:support", "role:staff", True),
        ("role:staff", "user:ann", True),
        ("role:staff", "role:boss", True),  # bob is both
        ("user:eve", "user:ann", False),
        ("user:bob", "role:support", False),
        ("role:support", "role:boss", False),
        ("agent:a", "user:ann", False),
    ],
)
def test_duties_count_if_somebody_is_meant_by_them_and_by_a_line_that_allows(
    who: str, allowed: str, counts: bool
) -> None:
    people = "g, user:ann, role:support, acme\ng, role:support, role:staff, *\n"
    people += "g, user:bob, role:boss, *\ng, user:bob, role:staff, acme\n"
    text = f"p, {allowed}, *, shop/a, call, , allow, y\n{people}{KEEP.format(who, 'shop/a', '', 'dry_run')}"
    found = [one for one in told(text) if "duty-without-allow" in one]
    assert bool(found) is not counts
    assert all(f"no line allows {who} what this one is about" in one for one in found)


def test_duties_of_what_is_denied_never_count_and_lines_that_ask_leave_them_in_force() -> None:
    (found,) = told(GRANT + KEEP.format("user:ann", "shop/a", "", "dry_run") + "p, *, *, shop/a, call, , deny, n\n")
    assert found.startswith("policy.csv:2:4 never-decides: this line never changes anything: policy.csv:3 denies")
    asked = GRANT + "p, *, *, shop/*, call, , ask, n\n"
    assert told(asked + KEEP.format("user:ann", "shop/a", "", "dry_run")) == []
    assert told(GRANT + KEEP.format("*", "shop/*", "", "dry_run") + "p, *, *, shop/a, call, , ask, n\n") == []


ASK = "p, {}, *, {}, call, {}, ask, look\n"


@pytest.mark.parametrize(
    ("duties", "asks", "idle"),
    [
        ("needs=2", [], "needs=2"),
        ("needs=2; timeout=2 s", [], "needs=2"),
        ("remember=no", [("*", "bank/*", "")], "remember=no"),
        ("remember=yes", [("role:staff", "shop/*", "")], "remember=yes"),
        ("escalate=role:boss@2h", [("*", "shop/b", "")], "escalate=role:boss@7200 s"),
        ("needs=2", [("*", "shop/*", "args.x == 1")], ""),
        ("needs=2", [("user:ann", "*/a", "")], ""),
        ("timeout=2 s", [], ""),
    ],
)
def test_what_is_wanted_of_answers_counts_where_a_line_asks(
    duties: str, asks: list[tuple[str, str, str]], idle: str
) -> None:
    lines = "".join(ASK.format(*ask) for ask in asks)
    text = f"p, *, *, */*, call, , allow, y\n{lines}{KEEP.format('user:ann', 'shop/a', '', duties)}"
    found = [one for one in told(text) if "duty-without-ask" in one]
    assert bool(found) == bool(idle)
    assert all(f"no line asks anybody about `shop/a`: `{idle}` counts only where a budget asks" in one for one in found)
