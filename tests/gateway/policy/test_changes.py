import pytest

from gateway.policy import Query, parse
from gateway.policy.changes import Change, Pair, permits_more
from gateway.policy.decide import Policy
from tests.fixtures.policies import a_query, a_tool

ALLOW = "p, *, *, */*, call, , allow, everything"


def policies(old: str, new: str) -> tuple[Policy, Policy]:
    return parse(old, "old.csv"), parse(new, "new.csv")


def change(old: str, new: str, query: Query | None = None) -> Change:
    found = Pair(*policies(old, new)).change(query or a_query(args={"amount": 7}))
    assert found is not None
    return found


def named(found: Change) -> list[tuple[str, str]]:
    return [(cause.side, cause.rule) for cause in found.causes]


def test_order_places_and_explanations_change_nothing() -> None:
    line = "p, *, *, shop/*, call, , deny, x"
    pair = Pair(*policies(f"{ALLOW}\n{line}", f"# a comment\n{line}y\n{ALLOW}"))
    assert pair.same
    assert pair.change(a_query()) is None


@pytest.mark.parametrize(
    ("old", "new", "effects", "causes"),
    [
        (ALLOW, f"{ALLOW}\np, *, *, shop/*, call, , deny, x", "allow deny", [("new", "new.csv:2")]),
        (f"{ALLOW}\np, *, *, shop/*, call, , deny, x", ALLOW, "deny allow", [("old", "old.csv:2")]),
        (
            f"p, *, *, a/*, call, , deny, x\n{ALLOW}",
            "p, *, *, a/*, call, , deny, x",
            "allow deny",
            [("old", "old.csv:2")],
        ),
        ("p, *, *, a/*, call, , deny, x", ALLOW, "deny allow", [("new", "new.csv:1")]),
        (f"{ALLOW}\np, *, *, */*, call, , ask, x", ALLOW, "ask allow", [("old", "old.csv:2")]),
        (ALLOW, f"{ALLOW}\np, *, *, */*, call, args.amount > 5, ask, x", "allow ask", [("new", "new.csv:2")]),
        ("p, *, *, */*, call, , ask, x", f"{ALLOW}\np, *, *, */*, call, , ask, x", "deny ask", [("new", "new.csv:1")]),
        (
            "p, *, *, */*, call, args.amount < 7, allow, x",
            "p, *, *, */*, call, args.amount < 8, allow, x",
            "deny allow",
            [("new", "new.csv:1")],
        ),
    ],
)
def test_the_line_that_came_or_went_is_the_cause(
    old: str, new: str, effects: str, causes: list[tuple[str, str]]
) -> None:
    found = change(old, new)
    assert (f"{found.before.effect} {found.after.effect}", named(found)) == (effects, causes)


def test_a_line_that_is_nobodys_any_more_went_by_its_g_line() -> None:
    line = "p, role:a, *, */*, call, , allow, x"
    grants = "g, user:ann, team:t, acme\ng, team:t, role:a, *"
    found = change(f"{line}\n{grants}", f"{line}\ng, team:t, role:a, *")
    assert named(found) == [("old", "old.csv:2")]
    assert found.causes[0].text == "g, user:ann, team:t, acme"


def test_a_line_that_grants_is_no_cause_where_another_grants_too() -> None:
    line = "p, *, *, shop/*, call, args.amount < 9, allow, x"
    ask = "p, *, *, shop/*, call, , ask, x"
    assert named(change(f"{ALLOW}\n{line}", f"{ALLOW}\n{ask}")) == [("new", "new.csv:2")]
    deny = "p, *, *, shop/*, call, , deny, x"
    assert named(change(f"{ALLOW}\n{deny}", f"{ALLOW}\n{line}")) == [("old", "old.csv:2")]


def test_who_loses_a_role_loses_by_it_also_what_was_edited_meanwhile() -> None:
    lines = "p, role:a, *, */*, call, args.amount < {}, allow, x\n"
    found = change(lines.format(10) + "g, user:ann, role:a, acme", lines.format(20))
    assert named(found) == [("old", "old.csv:2")]


def test_an_agents_line_is_the_cause_of_what_changes_for_the_agent() -> None:
    agent = f"{ALLOW}\np, agent:a, *, shop/*, call, , ask, x"
    found = change(ALLOW, agent, a_query("user:ann via agent:a"))
    assert named(found) == [("new", "new.csv:2")]


def test_a_line_that_hides_is_a_change_of_the_list() -> None:
    query = a_query(action="list", tool=a_tool("shop/refund"))
    found = change(ALLOW, f"{ALLOW}\np, *, *, shop/*, list, , deny, x", query)
    assert (found.before.why, found.after.why) == ("listed", "hidden")


def test_it_says_what_the_lines_look_at() -> None:
    found = change(ALLOW, f"{ALLOW}\np, *, *, shop/*, call, run.calls < 9 and tool.trusted, deny, x")
    assert found.looks_at == {"run.calls", "tool.trusted"}


# ---- duties

KEEP = "o, *, *, shop/*, call, {}, {}, keep it in"


def with_duties(*lines: tuple[str, str]) -> str:
    return "\n".join([ALLOW, *(KEEP.format(when, duties) for when, duties in lines)])


@pytest.mark.parametrize(
    ("old", "new", "more", "causes"),
    [
        ((), [("", "redact=ssn")], False, [("new", "new.csv:2")]),
        ([("", "redact=ssn")], (), True, [("old", "old.csv:2")]),
        ([("", "timeout=1 s")], [("", "timeout=2 s")], True, [("old", "old.csv:2")]),
        ([("", "timeout=2 s")], [("", "timeout=1 s")], False, [("new", "new.csv:2")]),
        ([("args.amount > 5", "dry_run")], [("args.amount > 9", "dry_run")], True, [("old", "old.csv:2")]),
        (
            [("", "redact=iban"), ("", "timeout=1 s")],
            [("", "timeout=1 s"), ("", "redact=iban ssn")],
            False,
            [("new", "new.csv:3")],
        ),
        (
            [("", "redact=ssn"), ("", "max_result_bytes=1 KB")],
            [("", "redact=iban"), ("", "max_result_bytes=1 KB")],
            True,
            [("new", "new.csv:2"), ("old", "old.csv:2")],
        ),
    ],
)
def test_other_duties_are_a_change_by_the_lines_that_oblige(
    old: list[tuple[str, str]], new: list[tuple[str, str]], more: bool, causes: list[tuple[str, str]]
) -> None:
    found = change(with_duties(*old), with_duties(*new))
    assert (found.before.effect, found.after.effect) == ("allow", "allow")
    assert (permits_more("allow", "allow", found.duties), named(found)) == (more, causes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([("", "redact=ssn IBAN")], [("", "redact=iban"), ("", "redact=ssn")]),
        ([("", "timeout=1 s")], [("", "timeout=1 s"), ("", "timeout=2 s")]),
        ([("", "redact=ssn")], [("", "redact=ssn customer.ssn")]),
        ([("", "dry_run; redact=ssn")], [("", "dry_run")]),
        ([("args.amount > 50", "dry_run")], ()),
    ],
)
def test_duties_that_hold_back_the_same_are_no_change(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> None:
    pair = Pair(*policies(with_duties(*old), with_duties(*new)))
    assert pair.change(a_query(args={"amount": 7})) is None
    assert not pair.same


def test_whoever_loses_a_role_loses_its_duties_by_that_line() -> None:
    lines = f"{ALLOW}\no, role:intern, *, shop/*, call, args.amount > 1, dry_run, interns rehearse"
    found = change(f"{lines}\ng, user:ann, role:intern, acme", lines)
    assert named(found) == [("old", "old.csv:3")]
    assert "args.amount" in found.looks_at


def test_a_person_in_between_does_not_make_up_for_duties_that_are_gone() -> None:
    old, new = with_duties(("", "dry_run")), f"{ALLOW}\np, *, *, */*, call, , ask, x"
    found = change(old, new)
    assert permits_more("allow", "ask", found.duties)
    assert not permits_more("allow", "deny", found.duties)
