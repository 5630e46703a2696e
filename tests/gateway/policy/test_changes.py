import pytest

from gateway.policy import Query, parse
from gateway.policy.changes import Change, Pair
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
