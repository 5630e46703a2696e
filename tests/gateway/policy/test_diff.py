"""Whatever a random request finds to be different, `diff` has found, too, and named the same line."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.call import Subject, Tool
from gateway.errors import PolicyError
from gateway.offer import Offer
from gateway.policy import Policy, Query, RunFacts, parse
from gateway.policy.changes import Change, Pair
from gateway.policy.diff import Differences, diff
from gateway.policy.history import Stopped
from gateway.policy.witnesses.domains import NOON
from tests.fixtures.policies import a_tool, grant_lines, policy_lines, queries, rule_lines
from tests.gateway.policy.test_again import SEEN, a_call

ALLOW = "p, *, *, */*, call, , allow, everything"


def compared(old: str, new: str, **known: Tool) -> Differences:
    return diff(parse(old, "old.csv"), parse(new, "new.csv"), {tool.path: tool for tool in known.values()})


def found_in(differences: Differences) -> list[tuple[str, str, list[str]]]:
    return [
        (group.example.before, group.example.after, [cause.rule for cause in group.example.causes])
        for group in differences.tally.groups
    ]


# ---- the law


@st.composite
def edits(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A policy, and the same with one line more, less, or in the place of another."""
    old = draw(policy_lines)
    new, kind = list(old), draw(st.sampled_from(["add", "remove", "replace"]))
    if kind != "add":
        new.pop(draw(st.integers(0, len(new) - 1)))
    if kind != "remove":
        new.insert(0, draw(st.one_of(rule_lines(), rule_lines(), grant_lines())))
    return old, new


def real(query: Query) -> Query:
    """What is read is a resource; and somebody works through an agent, never the other way round."""
    subject, tool = query.subject, query.tool
    user = "user:ann" if subject.user.startswith("agent:") else subject.user
    query = replace(query, subject=Subject(user, subject.tenant, subject.agent))
    if query.action != "read" or tool is None:
        return query
    return replace(query, tool=Offer("resource", tool.server, tool.name, {}, tool.trusted), args={"uri": tool.name})


def both(edit: tuple[list[str], list[str]]) -> tuple[Policy, Policy] | None:
    try:
        return parse("\n".join(edit[0]), "old.csv"), parse("\n".join(edit[1]), "new.csv")
    except PolicyError:  # a circle of roles, or no `p` line is left
        return None


def told(change: Change, found: Differences) -> bool:
    """Whether a group is about this kind of change, by one of these lines."""
    effects = change.before.effect, change.after.effect
    return any(
        group.example.kind == effects and {*group.example.causes} & {*change.causes} for group in found.tally.groups
    )


def missed_by_chance(old: Policy, new: Policy, asked: list[Query]) -> tuple[int, int]:
    """How many of these requests are decided differently, and of how many of these nothing is told."""
    changes = [change for query in asked if (change := Pair(old, new).change(real(query)))]
    found = diff(old, new) if changes else None
    return len(changes), sum(not told(change, found) for change in changes if found)


@settings(max_examples=100, deadline=None)
@given(edits(), st.lists(queries(), min_size=8, max_size=16))
def test_what_a_random_request_finds_to_have_changed_is_told(
    edit: tuple[list[str], list[str]], asked: list[Query]
) -> None:
    policies = both(edit)
    if policies is not None:
        assert missed_by_chance(*policies, asked)[1] == 0


def test_the_law_is_tried_on_changes() -> None:
    """Edits that change nothing would prove nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=60, database=None, derandomize=True, deadline=None)
    @given(edits(), st.lists(queries(), min_size=8, max_size=16))
    def count(edit: tuple[list[str], list[str]], asked: list[Query]) -> None:
        policies = both(edit)
        for change in (Pair(*policies).change(real(query)) for query in asked) if policies else ():
            seen[f"{change.before.effect} {change.after.effect}" if change else "same"] += 1

    count()
    assert sum(seen[kind] for kind in seen if kind != "same") > 10


@given(policy_lines, st.randoms(use_true_random=False))
def test_a_policy_in_another_order_changes_nothing(lines: list[str], random: object) -> None:
    shuffled = sorted(lines, key=lambda _: random.random())  # type: ignore[attr-defined]
    found = diff(parse("\n".join(lines), "old.csv"), parse("\n".join(shuffled), "new.csv"))
    assert (found.tally.groups, found.tried, found.lines) == ([], 0, 0)


@settings(max_examples=60, deadline=None)
@given(edits())
def test_what_is_told_is_true_and_the_same_each_time(edit: tuple[list[str], list[str]]) -> None:
    policies = both(edit)
    if policies is None:
        return
    found, again = diff(*policies), diff(*policies)
    assert found.to_json() == again.to_json()
    for group in found.tally.groups:
        shown = group.example
        decided = [policy.decide(shown.query).effect for policy in policies]
        assert shown.query.action == "list" or decided == [shown.before, shown.after]


# ---- each kind of condition


CONDITIONS = [
    ("args.amount <= 100", "args.amount <= 101"),
    ("args.amount <= 100", "args.amount < 100"),
    ("args.amount >= 0.5", "args.amount > 0.5"),
    ("args.kind in ['a', 'b']", "args.kind in ['a']"),
    ("args.kind == 'a'", "lower(args.kind) == 'a'"),
    ("matches(args.name, 'a*')", "matches(args.name, 'ab*')"),
    ("in_domain(args.to, 'acme.com')", "in_domain(args.to, '*.acme.com')"),
    ("under(args.path, '/srv')", "under(args.path, '/srv/a')"),
    ("host(args.url) == 'acme.com'", "matches(host(args.url), '*acme.com')"),
    ("in_cidr(args.ip, '10.0.0.0/8')", "in_cidr(args.ip, '10.0.0.0/9')"),
    ("all_match(args.tags, 'a*')", "any_match(args.tags, 'a*')"),
    ("len(args.to) <= 3", "len(args.to) < 3"),
    ("'x' in args.tags", "not ('x' in args.tags)"),
    ("has(args.a)", "args.a == null"),
    ("args.a == null", "not has(args.a)"),
    ("args.a.b[1] == 5", "args.a.b[0] == 5"),
    ("args.a < args.b", "args.a <= args.b"),
    ("'x' in args", "has(args.y)"),
    ("tool.read_only", "tool.read_only and tool.trusted and not tool.open_world"),
    ("tool.idempotent", "tool.idempotent and not tool.destructive"),
    ("tool.pin == 'abc'", "tool.pin == 'abd'"),
    ("tool.name == 'refund'", "tool.server == 'shop'"),
    ("run.calls < 10", "run.calls <= 10"),
    ("run.tokens < 10", "run.usd < 0.5"),
    ("run.seconds > 5", "run.tainted"),
    ("now.hour >= 9 and now.hour < 17", "now.hour >= 9 and now.hour < 18"),
    ("now.weekday in ['sat', 'sun']", "now.weekday == 'sun'"),
    ("now.minute == 30", "now.minute == 31"),
    ("now.date < '2026-12-01'", "now.date <= '2026-12-01'"),
    ("now.iso < '2026-12-01T08:00:00+00:00'", "now.iso <= '2026-12-01T08:00:00+00:00'"),
    ("subject.id == 'user:zoe'", "subject.id == 'user:eve'"),
    ("subject.tenant == 'acme'", "subject.tenant == 'umbrella'"),
    ("'role:r' in subject.roles", "true"),
    ("subject.agent == ''", "subject.agent == 'agent:desk'"),
    ("subject.auth_age > 9", "subject.auth_age > 999999"),
    ("subject.auth_age < 900", "subject.auth_age < 90000"),
    ("args.cur == 'EUR USD'", "args.cur in 'EUR USD'"),
    ("args.rows[2].x == 'q'", "args.rows[-1].x == 'q'"),
    ("args.rows[0] == 'q'", "args.rows[0] == 'q' and args.rows[-1] == 'z'"),
    ("from_untrusted(args.to) and from_user(args.to)", "from_untrusted(args.to) and from_user(args.cc)"),
    ("from_untrusted(args.to) or from_user(args.to)", "from_untrusted(args.cc) or from_user(args.to)"),
]
LINES = ["p, agent:desk, *, */*, call, , allow, desk", "g, user:bob, role:r, *"]


LOOSER = [
    ("ask", "subject.auth_age > 9", "subject.auth_age > 999999"),
    ("deny", "subject.auth_age > 900", "subject.auth_age > 90000"),
    ("allow", "subject.auth_age < 900", "subject.auth_age < 90000"),
    ("allow", "args.cur == 'EUR USD'", "args.cur in 'EUR USD'"),
    ("allow", "args.rows[2].x == 'q'", "args.rows[-1].x == 'q'"),
    (
        "allow",
        "from_untrusted(args.to) and from_user(args.to)",
        "from_untrusted(args.to) and from_user(args.cc)",
    ),
]


@pytest.mark.parametrize(("effect", "before", "after"), LOOSER)
def test_a_change_of_a_condition_that_permits_more_is_told_as_one(effect: str, before: str, after: str) -> None:
    broad = "" if effect == "allow" else ALLOW
    old, new = (
        f'p, *, *, z/*, call, , allow, a\np, *, *, */*, call, "{when}", {effect}, x\n{broad}'
        for when in (before, after)
    )
    assert any(group.widens for group in compared(old, new).tally.groups)


@pytest.mark.parametrize(("before", "after"), CONDITIONS)
@pytest.mark.parametrize("effect", ["allow", "ask", "deny"])
def test_a_change_of_any_kind_of_condition_is_found(before: str, after: str, effect: str) -> None:
    broad = [] if effect == "allow" else ["p, user:ann, *, shop/*, call, , allow, x", ALLOW]
    old, new = ("\n".join([f'p, *, *, */*, call, "{when}", {effect}, x', *broad, *LINES]) for when in (before, after))
    assert compared(old, new).tally.groups


def test_a_line_behind_many_conditions_is_found_though_not_everything_is_tried() -> None:
    """More combinations than anybody tries: the line must be led to where it decides."""
    parts = [f"args.a{number} == 'v{number}' and args.b{number} > {number}" for number in range(6)]
    noise = [f"p, *, *, shop/*, call, args.c{number} != 'n{number}', deny, x" for number in range(6)]
    line = f"p, user:ann, *, shop/refund, call, {' and '.join(parts)}, allow, x"
    found = compared("\n".join(noise), "\n".join([*noise, line]))
    assert ("deny", "allow", ["new.csv:7"]) in found_in(found)
    assert found_in(compared("\n".join([*noise, line]), "\n".join(noise)))[0][:2] == ("allow", "deny")


@pytest.mark.parametrize("name", ["args.note", "args.rows[0].note"])
def test_a_long_limit_that_is_raised_is_told(name: str) -> None:
    old, new = (f"{ALLOW}\np, *, *, z/*, call, len({name}) > {length}, deny, x" for length in (2_000, 20_000))
    found = compared(old, new)
    assert found_in(found) == [("deny", "allow", ["old.csv:2"])]
    assert (found.too_long, found.to_json()["cut"]) == ({}, False)


def test_a_length_that_nothing_was_made_to_have_is_told_and_counts_as_a_difference() -> None:
    old, new = (f"{ALLOW}\np, *, *, z/*, call, len(args.note) > {length}, deny, x" for length in (200_000, 300_000))
    found = compared(old, new)
    assert found.too_long == {"old.csv:2": 200_000, "new.csv:2": 300_000}
    assert [found.fails(on) for on in ("any", "widen", "none")] == [True, True, False]
    assert (found.to_json()["cut"], found.to_json()["too_long"]) == (True, found.too_long)
    other = compared(old, f"{old}\np, *, *, */*, call, args.n > 1, deny, x")
    assert other.too_long == {}  # what that line denies, it denies in both


def test_a_changed_condition_of_which_nothing_shows_a_difference_is_named() -> None:
    old, new = (f"{ALLOW}\np, *, *, z/*, call, {when}, deny, x" for when in ("args.a > 1", "args.a > 1 and true"))
    found = compared(old, new)
    assert (found.tally.groups, found.unseen) == ([], ["old.csv:2", "new.csv:2"])
    assert found.to_json()["unseen"] == found.unseen
    assert compared(old, ALLOW).unseen == []


# ---- who and what


def test_strangers_other_tenants_and_agents_are_asked_about() -> None:
    found = compared(ALLOW, f"{ALLOW}\np, agent:a, acme, shop/*, call, , deny, x\np, *, acme, */*, call, , ask, x")
    whom = {str(group.example.query.subject) for group in found.tally.groups}
    assert any(who.endswith("via agent:a") for who in whom) or "user:stranger" in whom
    removed = compared(f"{ALLOW}\np, role:nobody, *, */*, call, , deny, x", ALLOW)
    assert removed.tally.groups == []  # nobody has that role
    assert removed.without_effect == ["old.csv:2"]


def test_an_agents_line_is_seen_through_a_user_who_may() -> None:
    lines = "p, role:r, acme, shop/*, call, , allow, x\ng, user:bob, role:r, acme"
    found = compared(lines, f"{lines}\np, agent:a, *, shop/*, call, , allow, x")
    assert found_in(found) == [("deny", "allow", ["new.csv:3"])]
    assert str(found.tally.groups[0].example.query.subject) == "user:bob via agent:a"


def test_what_a_change_does_where_only_the_agent_is_asked_about_is_told() -> None:
    """Alone the user goes from allowed to denied; through this agent he goes from a question to a denial."""
    lines = "p, agent:a, *, */*, call, , ask, x"
    found = compared(f"{ALLOW}\n{lines}", f"p, *, *, */*, call, , ask, x\n{lines}")
    assert ("ask", "deny", ["old.csv:1"]) in found_in(found)
    roles = "p, role:r, acme, */*, call, , ask, x\ng, agent:a, role:r, acme\np, agent:a, *, bank/*, call, , allow, x"
    found = compared(f"p, user:ann, *, bank/*, call, , allow, x\n{roles}", roles)
    asked = [group.example for group in found.tally.groups if group.example.kind == ("ask", "deny")]
    assert [str(each.query.subject) for each in asked] == ["user:ann via agent:a"]


def test_what_a_change_does_to_the_agent_where_only_the_user_is_asked_about_is_told() -> None:
    lines = "p, user:bob, *, shop/*, call, , ask, x\np, user:bob, *, */*, call, , allow, x"
    found = compared(f"{ALLOW}\n{lines}", lines)
    assert ("ask", "deny", ["old.csv:1"]) in found_in(found)


def test_a_role_that_only_the_agent_loses_is_a_change_though_the_user_keeps_it() -> None:
    line = "p, role:r, t1, shop/x, call, , allow, x\np, user:ann, *, bank/*, call, , allow, x\ng, user:ann, role:r, t1"
    found = compared(f"{line}\ng, agent:a, role:r, t1", line)
    assert ("allow", "deny", ["old.csv:4"]) in found_in(found)


def test_whose_roles_differ_is_told_by_the_g_line() -> None:
    line = "p, role:a, acme, shop/*, call, , allow, x\np, role:b, *, shop/*, call, , deny, x"
    old = f"{line}\ng, user:ann, team:t, acme\ng, team:t, role:a, *"
    found = compared(old, f"{old}\ng, team:t, role:b, *")
    assert found_in(found) == [("allow", "deny", ["new.csv:5"])]


def test_known_tools_stand_for_what_patterns_match() -> None:
    tool = a_tool("shop/refund", readOnlyHint=True)
    old = "p, *, *, shop/*, call, tool.read_only, allow, x"
    found = compared(f"{old}\n", f"{old}\np, *, *, *o*/re*, call, args.n > 1, deny, x", tool=tool)
    assert "shop/refund" in {group.example.query.object for group in found.tally.groups}


def test_a_request_that_can_really_be_made_is_shown_before_one_that_can_not() -> None:
    tools = {"a": a_tool("shop/a"), "stock": a_tool("shop/stock", readOnlyHint=True)}
    found = compared(
        "p, *, *, bank/*, call, , allow, x", "p, user:ann, *, shop/*, call, tool.read_only, allow, x", **tools
    )
    (group,) = [group for group in found.tally.groups if group.example.after == "allow"]
    assert group.example.query.tool is tools["stock"]


def test_lists_approvals_resources_and_prompts_are_asked_about() -> None:
    old = f"{ALLOW}\np, *, *, */*, approve, , allow, x"
    lines = [
        "p, *, *, shop/*, list, , deny, x",
        "p, *, *, */*, approve, subject.is_requester or not subject.is_requester, allow, x",
        "p, *, *, a/file:///srv/*, read, tool.trusted, allow, x",
        "p, *, *, a/greet, get, , ask, x",
    ]
    new = "\n".join([ALLOW, *lines])
    found = compared(old, new)
    actions = {group.example.query.action for group in found.tally.groups}
    assert {"list", "approve", "read"} <= actions
    own = next(group.example.query for group in found.tally.groups if group.example.query.action == "approve")
    assert own.requester == own.subject.user
    assert found.without_effect == ["new.csv:5"]  # nothing grants what it asks for


def test_how_much_is_tried_is_bounded_and_said() -> None:
    lines = [f"p, user:u{number}, *, s{number}/t, call, args.a > {number}, allow, x" for number in range(60)]
    found = diff(parse(ALLOW), parse("\n".join(lines)), most=100)
    assert found.cut
    assert found.tried < 60 * 60
    assert not diff(parse(ALLOW), parse(f"{ALLOW}\n{lines[0]}")).cut


# ---- recorded calls


def test_recorded_calls_are_decided_by_both() -> None:
    found = compared(ALLOW, f"{ALLOW}\np, *, *, shop/*, call, args.amount > 4, deny, x")
    recorded = [("r-1", call, SEEN) for call in (a_call(), a_call(arguments='{"amount": 3}'), Stopped(0, "valid"))]
    found.add_recorded(recorded)
    (group,) = [group for group in found.tally.groups if group.recorded]
    assert (found.recorded, group.recorded) == (2, 1)
    assert NOON.year == 2026
    assert group.example.query.run == RunFacts()


# ---- duties


@pytest.mark.parametrize(
    ("line", "edited", "more", "name"),
    [
        ("redact=ssn; timeout=5 s", "redact=ssn; timeout=9 s", True, "duties loosened"),
        ("redact=ssn", "redact=ssn iban", False, "duties tightened"),
    ],
)
def test_an_edit_of_duties_is_found_and_counted_by_its_lines(line: str, edited: str, more: bool, name: str) -> None:
    text = ALLOW + "\no, role:intern, acme, shop/refund, call, args.amount > 100, {}, x\ng, user:ann, role:intern, acme"
    found = compared(text.format(line), text.format(edited))
    assert found.tally.counts().keys() == {name}
    (group,) = found.tally.groups
    assert group.widens is more
    told = group.to_json()
    assert told["duties"] == {"before": line, "after": edited}
    assert [line["rule"] for line in told["lines"]] == [("old.csv:2" if more else "new.csv:2")]
    assert (told["request"]["user"], told["looks_at"]) == ("user:ann", ["args.amount"])
    assert found.without_effect == []


def test_duties_behind_denials_and_other_duties_are_still_found() -> None:
    conditions = " and ".join(f"args.a{n} > {n}" for n in range(6))
    base = f"{ALLOW}\np, *, *, shop/*, call, args.b < 3, deny, x\no, *, *, shop/*, call, args.c == 'x', dry_run, y"
    found = compared(base, f"{base}\no, *, *, shop/refund, call, {conditions}, dry_run, z")
    assert [cause for _, _, causes in found_in(found) for cause in causes] == ["new.csv:4"]


def test_duties_about_what_is_denied_change_nothing_and_are_told_so() -> None:
    denied = "p, *, *, shop/*, call, , deny, x"
    found = compared(denied, f"{denied}\no, *, *, shop/*, call, , dry_run, y")
    assert (found.tally.groups, found.without_effect) == ([], ["new.csv:2"])


def test_who_gets_a_role_gets_its_duties() -> None:
    text = f"{ALLOW}\no, role:intern, *, shop/*, call, , dry_run, x\ng, user:bob, role:intern, acme"
    found = compared(text, f"{text}\ng, user:ann, role:intern, acme")
    assert found.tally.counts() == {"duties tightened": 1}
    assert found_in(found)[0][2] == ["new.csv:4"]


# ---- where a value came from


@pytest.mark.parametrize(
    ("line", "effects"),
    [
        ("p, *, *, mail/send, call, from_user(args.to), allow, x", ("deny", "allow")),
        ("p, *, *, mail/send, call, not from_untrusted(args.to), allow, x", ("deny", "allow")),
        ("p, *, *, mail/send, call, from_user(args.to) and from_untrusted(args), allow, x", ("deny", "allow")),
    ],
)
def test_what_is_granted_to_the_users_own_words_is_found(line: str, effects: tuple[str, str]) -> None:
    base = "p, user:ann, *, shop/*, call, , allow, y"
    found = compared(base, f"{base}\n{line}")
    assert [(before, after, causes) for before, after, causes in found_in(found)] == [(*effects, ["new.csv:2"])]
    assert found.without_effect == []


def test_of_two_conditions_about_origins_both_sides_are_found() -> None:
    line = ALLOW + "\np, *, *, mail/*, call, {}, deny, x"
    found = compared(line.format("from_untrusted(args.to)"), line.format("not from_user(args.to)"))
    assert {(before, after) for before, after, _ in found_in(found)} == {("deny", "allow"), ("allow", "deny")}
