from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import Subject
from gateway.policy import Query, RunFacts, parse
from gateway.policy.powers import ELSEWHERE, Standing, can, who_can
from tests.fixtures.policies import a_query, a_tool, policy_lines, queries
from tests.gateway.policy.test_stock import PRIORITY, SAME, under

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
POLICY = parse(
    """\
p, *, *, */*, call, tool.read_only, allow, reading
p, role:support, acme, shop/refund, call, 0 < args.amount <= 100, allow, small refunds
p, *, *, shop/refund, call, args.amount > 100, deny, too much
p, *, *, shop/refund, call, run.tainted, ask, look first
p, agent:desk, *, shop/*, call, , allow, ceiling
p, user:root, *, shop/*, call, , allow, root may
p, role:boss, *, shop/*, approve, args.amount < 500, allow, the boss approves
g, user:ann, role:lead, acme
g, role:lead, role:support, acme
g, user:bob, role:boss, *
"""
)
REFUND = a_tool("shop/refund", readOnlyHint=False)


def on(args: object = None, action: str = "call", tenant: str | None = None) -> dict[str, list[Standing]]:
    query = Query(Subject("user:x", "acme"), action, "shop/refund", args, REFUND, RunFacts(), NOW)  # type: ignore[arg-type]
    found: dict[str, list[Standing]] = {}
    for standing in who_can(POLICY, query, tenant):
        found.setdefault(standing.principal, []).append(standing)
    return found


def test_everybody_who_is_named_has_an_answer_and_so_has_everybody_else() -> None:
    assert {name: [one.verdict for one in rows] for name, rows in on().items()} == {
        "*": ["deny"],
        "role:boss": ["deny"],
        "role:lead": ["depends", "deny"],
        "role:support": ["depends", "deny"],
        "user:ann": ["depends", "deny"],
        "user:bob": ["deny"],
        "user:root": ["depends"],
        "agent:desk": ["depends"],
    }


def test_what_it_depends_on_comes_with_lines_conditions_and_roles() -> None:
    (standing, elsewhere) = on()["user:ann"]
    assert (standing.tenants, elsewhere.tenants) == (("acme",), (ELSEWHERE,))
    assert [(line.effect, line.rule, line.when, line.path) for line in standing.because] == [
        ("allow", "policy.csv:2", "0 < args.amount <= 100", ("role:lead", "role:support")),
        ("ask", "policy.csv:4", "run.tainted", ()),
        ("deny", "policy.csv:3", "args.amount > 100", ()),
    ]
    assert elsewhere.because == ()
    assert on()["role:lead"][0].because[0].path == ("role:support",)


def test_with_arguments_less_is_open() -> None:
    found = on({"amount": 900})
    assert {rows[0].verdict for rows in found.values()} == {"deny"}
    assert [line.rule for line in found["user:root"][0].because] == ["policy.csv:3"]
    found = on({"amount": 5})
    assert [(line.effect, line.when) for line in found["user:root"][0].because] == [
        ("allow", ""),
        ("ask", "run.tainted"),
    ]


def test_an_argument_that_can_not_be_compared_restricts() -> None:
    found = on({"amount": "5"})["user:root"][0]
    assert (found.verdict, found.because[0].rule) == ("deny", "policy.csv:3")


def test_who_may_approve_is_asked_about_somebody_elses_request() -> None:
    found = on(action="approve")
    assert [rows[0].verdict for rows in (found["user:bob"], found["user:ann"])] == ["depends", "deny"]
    assert found["user:bob"][0].because[0].when == "args.amount < 500"
    assert on({"amount": 5}, "approve")["user:bob"][0].verdict == "allow"


def test_one_tenant_can_be_asked_for() -> None:
    assert [one.tenants for one in on(tenant="acme")["user:ann"]] == [("acme",)]


def test_a_name_within_a_condition_counts_and_a_condition_on_names_is_open_for_a_role() -> None:
    text = parse(
        "p, role:x, *, a/b, call, subject.user == 'user:zoe', allow, y\n"
        "p, *, *, a/b, call, subject.id != 'user:zoe', ask, y\n"
        "g, user:zoe, role:x, *"
    )
    found = {one.principal: one for one in who_can(text, a_query(path="a/b", args={}, tool=a_tool("a/b")))}
    assert (found["role:x"].verdict, found["user:zoe"].verdict, found["*"].verdict) == ("depends", "allow", "deny")
    assert found["role:x"].because[0].when == "subject.user == 'user:zoe'"


def test_what_somebody_can_do_is_told_tool_by_tool() -> None:
    tools = [REFUND, a_tool("shop/look", readOnlyHint=True), a_tool("bank/send", readOnlyHint=False)]
    found = {power.tool: power for power in can(POLICY, Subject("user:ann", "acme"), tools, NOW)}
    assert {name: power.verdict for name, power in found.items()} == {
        "bank/send": "deny",
        "shop/look": "allow",
        "shop/refund": "depends",
    }
    through = {power.tool: power for power in can(POLICY, Subject("user:root", "acme", "agent:no"), tools, NOW)}
    assert (through["shop/look"].verdict, through["shop/refund"].verdict) == ("allow", "deny")
    assert [line.principal for line in through["shop/look"].because] == ["user:root", "agent:no"]


def test_a_tool_that_a_list_line_hides_may_be_called_and_is_not_listed() -> None:
    text = parse("p, *, *, a/b, call, , allow, y\np, *, *, a/b, list, , deny, hidden")
    (power,) = can(text, Subject("user:ann", "acme"), [a_tool("a/b")], NOW)
    assert (power.verdict, power.listed) == ("allow", False)


@given(policy_lines, queries(), st.booleans())
def test_a_settled_answer_is_what_the_policy_decides(lines: list[str], query: Query, given_args: bool) -> None:
    policy = parse("\n".join(lines))
    open_query = (
        query if given_args else Query(query.subject, "call", query.object, None, query.tool, query.run, query.now)
    )
    asked = (
        query
        if given_args
        else Query(query.subject, "call", query.object, query.args, query.tool, query.run, query.now)
    )
    for standing in who_can(policy, open_query, query.subject.tenant):
        if standing.verdict != "depends" and standing.principal == query.subject.user:
            assert policy.judge(asked, standing.principal).effect == standing.verdict


@pytest.mark.parametrize("amount", [5, 500, "x"])
def test_what_depends_can_come_out_either_way(amount: object) -> None:
    (standing, _) = on()["user:ann"]
    assert standing.verdict == "depends"
    got = POLICY.judge(a_query(args={"amount": amount}, tool=REFUND), "user:ann").effect
    assert got == ("allow" if amount == 5 else "deny")


# ---- under a model of one's own

LINES = "p, role:a, *, shop/*, call, , allow, y", "g, user:ann, role:a, *"


def standings(model: str, *lines: str) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    query = Query(Subject("user:x", "acme"), "call", "shop/refund", None, REFUND, RunFacts(), NOW)
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for one in who_can(under(model, *lines), query):
        found.setdefault(one.principal, []).append((one.verdict, one.tenants))
    return found


def test_who_is_named_by_a_matcher_alone_is_listed_with_what_casbin_says() -> None:
    root = SAME.replace('(p.sub == "*" ||', '(r.sub == "user:eve" || p.sub == "*" ||')
    assert root != SAME
    everywhere = {"*": "deny", "role:a": "allow", "user:ann": "allow", "user:eve": "allow"}
    assert standings(root, *LINES) == {name: [(verdict, ("*",))] for name, verdict in everywhere.items()}
    barred = SAME.replace("m = ", 'm = r.sub != "user:ann" && ')
    assert standings(barred, *LINES)["user:ann"] == [("deny", ("*",))]
    by_dom = SAME.replace("m = ", 'm = r.dom == "beta" && ')
    assert standings(by_dom, *LINES)["user:ann"] == [("allow", ("beta",)), ("deny", (ELSEWHERE,))]


def test_by_priority_the_verdict_is_that_of_the_first_line() -> None:
    lines = "p, 1, user:ann, *, shop/*, call, , allow, y", "p, 2, *, *, */*, call, , deny, n"
    assert standings(PRIORITY, *lines)["user:ann"] == [("allow", ("*",))]
    (power,) = can(under(PRIORITY, *lines), Subject("user:ann", "acme"), [REFUND], NOW)
    assert power.verdict == "allow"
    (other,) = can(under(PRIORITY, *lines), Subject("user:bob", "acme"), [REFUND], NOW)
    assert other.verdict == "deny"
    asked = "p, *, *, shop/*, call, args.amount > 5, ask, n"
    assert standings(SAME, *LINES, asked)["user:ann"] == [("depends", ("*",))]
