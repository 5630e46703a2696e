"""Decisions under a model of one's own, by Casbin's engine: the same promises as under the shipped one."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy import Policy, Query, parse
from gateway.policy.explain import explain
from gateway.policy.files import Source
from gateway.policy.load import build
from gateway.policy.model import MODEL
from gateway.policy.scope import ANY_RUN
from gateway.policy.stock import CasbinPolicy
from tests.fixtures.policies import NOON, a_query, a_tool, policy_lines, queries, rule_lines

STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}
EFFECT = "some(where (p.eft == allow)) && !some(where (p.eft == deny))"
# The shipped model in other words: what it decides must be the same.
SAME = MODEL.replace("r.act == p.act && in_tenant(r.dom, p.dom)", "in_tenant(r.dom, p.dom) && r.act == p.act")
ALLOW_ONLY = SAME.replace(EFFECT, "some(where (p.eft == allow))")
PRIORITY = SAME.replace(EFFECT, "priority(p.eft) || deny").replace("p = sub", "p = priority, sub")


def under(model: str, *lines: str) -> Policy:
    policy = build(Source("model.conf", model.encode()), sources=[Source("policy.csv", "\n".join(lines).encode())])
    assert isinstance(policy, CasbinPolicy)
    return policy


def effect(policy: Policy, query: Query) -> str:
    return policy.decide(query).effect


# ---- the same as under the shipped model


@settings(max_examples=120, deadline=None)
@given(policy_lines, st.lists(queries(), min_size=1, max_size=4))
def test_the_shipped_model_in_other_words_gives_the_same_answers(lines: list[str], asked: list[Query]) -> None:
    ours, theirs = parse("\n".join(lines)), under(SAME, *lines)
    for query in asked:
        assert query.tool is not None
        assert theirs.decide(query) == ours.decide(query)
        assert {rule.where for rule in theirs.asking(query)} == {rule.where for rule in ours.asking(query)}
        assert theirs.candidates(query, query.subject.user) == ours_as_theirs(ours, theirs, query)
        for run in (ANY_RUN, query.run):
            assert theirs.visible(query.subject, query.tool, NOON, run) == ours.visible(
                query.subject, query.tool, NOON, run
            )
        assert theirs.summary(query.subject, query.tool, NOON) == ours.summary(query.subject, query.tool, NOON)


def ours_as_theirs(ours: Policy, theirs: Policy, query: Query) -> Any:
    """The lines that our index finds, as the other policy has them."""
    by_place = {rule.where: rule for rule in theirs.rules}
    found = ours.candidates(query, query.subject.user)
    deny, ask, allow = (tuple(by_place[rule.where] for rule in rules) for rules in (found.deny, found.ask, found.allow))
    return replace(found, deny=deny, ask=ask, allow=allow)


@settings(max_examples=60, deadline=None)
@given(policy_lines, queries())
def test_what_might_be_used_of_a_server_is_no_less_than_what_can_be(lines: list[str], query: Query) -> None:
    theirs = under(SAME, *lines)
    if query.action == "call" and effect(theirs, query) != "deny" and query.object in ("shop/refund", "bank/send"):
        exact = any(rule.tool.text in ("*/*", f"{query.object.partition('/')[0]}/*") for rule in theirs.rules)
        assert not exact or theirs.may_use(query.subject, query.object.partition("/")[0], NOON) or hides(theirs)


def hides(policy: Policy) -> bool:
    return any(rule.effect == "deny" for rule in policy.rules)


@pytest.mark.parametrize("model", [SAME, ALLOW_ONLY])
def test_asking_for_what_is_no_name_is_denied(model: str) -> None:
    policy = under(model, "p, *, *, */*, call, , allow, y")
    for who in ("role:admin", "ann", "user:*", ""):
        assert effect(policy, a_query(who)) == "deny"
    assert effect(policy, a_query(tenant="*")) == effect(policy, a_query(path="shop")) == "deny"
    assert effect(policy, a_query("user:ann via role:x")) == "deny"
    assert effect(policy, a_query("user:ann via agent:x")) == "allow"


# ---- duties

_DUTY = st.sampled_from(["redact=ssn", "dry_run", "max_result_bytes=1 KB", "timeout=1 s; redact=iban"])
duty_lines = st.tuples(rule_lines(st.just("ask")), _DUTY).map(lambda two: _obliging(*two))


def _obliging(line: str, duty: str) -> str:
    """A line that asks, as one that obliges; as any action that has results."""
    cells = line.removeprefix("p, ").rsplit(", ask, ", 1)[0]
    for action in ("list", "approve", "admin", "subscribe", "complete"):
        cells = cells.replace(f", {action},", ", call,")
    return f"o, {cells}, {duty}, why"


@settings(max_examples=100, deadline=None)
@given(policy_lines, st.lists(duty_lines, min_size=1, max_size=4), st.lists(queries(), min_size=1, max_size=3))
def test_duties_are_the_same_as_under_the_shipped_model(lines: list[str], more: list[str], asked: list[Query]) -> None:
    more = [line for line in more if "dry_run" not in line or ", call, " in line]
    ours, theirs = parse("\n".join([*lines, *more])), under(SAME, *lines, *more)
    for query in asked:
        assert theirs.decide(query) == ours.decide(query)
        assert [each.where for each in theirs.obliging(query)] == [each.where for each in ours.obliging(query)]
        for principal in (query.subject.user, "agent:a"):
            mine, other = ours.that_may_oblige(query, principal), theirs.that_may_oblige(query, principal)
            assert sorted(rule.where for rule in mine) == sorted(rule.where for rule in other)


def test_whom_the_matcher_lets_pass_every_line_every_duty_holds() -> None:
    """It errs to more: whatever makes a `p` line match makes an `o` line match."""
    model = SAME.replace("m = ", 'm = r.sub == "user:root" || ')
    policy = under(model, "p, user:ann, *, */*, call, , allow, y", "o, user:ann, *, */*, call, , redact=ssn, y")
    for who in ("user:ann", "user:root"):
        duties = policy.decide(a_query(who)).duties
        assert duties is not None
        assert duties.redact == ("ssn",)
    assert policy.decide(a_query("user:eve")).duties is None


def test_a_group_of_tools_may_have_duties() -> None:
    model = SAME.replace("[policy_effect]", "g2 = _, _\n[policy_effect]").replace(
        "tool(r.obj, p.obj)", "(tool(r.obj, p.obj) || g2(r.obj, p.obj))"
    )
    lines = ("p, *, *, */*, call, , allow, y", "o, *, *, money, call, , dry_run, y", "g2, shop/refund, money")
    policy = under(model, *lines)
    assert policy.decide(a_query(path="shop/refund")).duties is not None
    assert policy.decide(a_query(path="shop/order")).duties is None


def test_where_casbin_breaks_every_duty_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = under(SAME, "p, *, *, */*, call, , allow, y", "o, user:zoe, *, x/x, call, , dry_run, y")
    assert policy.obliging(a_query()) == []

    def broken(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("gateway.policy.stock._Engine.matching", broken)
    assert [each.where for each in policy.obliging(a_query())] == ["policy.csv:2"]


# ---- explained


def test_by_priority_what_stands_behind_the_deciding_line_does_not_count() -> None:
    policy = under(PRIORITY, "p, 1, *, *, */*, call, , allow, y", "p, 2, *, *, */*, call, , deny, n")
    (answer,) = explain(policy, a_query()).answers
    assert [(line.effect, line.counts, line.decides) for line in answer.lines] == [
        ("deny", False, False),
        ("allow", True, True),
    ]


def test_a_line_whose_condition_the_matcher_passes_over_counts() -> None:
    model = SAME.replace("when(p.when, r.ctx, p.eft)", '(when(p.when, r.ctx, p.eft) || r.sub == "user:root")')
    policy = under(model, "p, *, *, */*, call, args.amount < 5, allow, y")
    for who, counts in (("user:root", True), ("user:bob", False)):
        (answer,) = explain(policy, a_query(who, args={"amount": 9})).answers
        assert [(line.condition, line.counts) for line in answer.lines] == [("false", counts)]


# ---- `ask` only ever restricts, and the order of lines means nothing


def lines_for(model: str, lines: list[str]) -> list[str]:
    """Lines that this model takes."""
    if model is ALLOW_ONLY:
        return [line for line in lines if ", deny, " not in line] + ["p, user:zoe, *, x/x, call, , allow, y"]
    if model is PRIORITY:
        return [_with_priority(number, line) for number, line in enumerate(lines)]
    return lines


def _with_priority(number: int, line: str) -> str:
    return f"p, {(number * 7) % 3}, {line.removeprefix('p, ')}" if line.startswith("p,") else line


MODELS = st.sampled_from([SAME, ALLOW_ONLY, PRIORITY])


@settings(max_examples=80, deadline=None)
@given(MODELS, policy_lines, rule_lines(st.just("ask")), queries())
def test_another_ask_line_never_widens(model: str, lines: list[str], line: str, query: Query) -> None:
    before = lines_for(model, lines)
    more = [*before, _with_priority(2, line) if model is PRIORITY else line]
    assert STRICTNESS[effect(under(model, *more), query)] >= STRICTNESS[effect(under(model, *before), query)]


@settings(max_examples=60, deadline=None)
@given(MODELS, policy_lines, queries())
def test_the_line_that_asks_is_among_those_that_people_are_told_of(model: str, lines: list[str], query: Query) -> None:
    policy = under(model, *lines_for(model, lines))
    decision = policy.decide(query)
    if decision.effect == "ask":
        assert decision.rule in {rule.where for rule in policy.asking(query)}


@settings(max_examples=80, deadline=None)
@given(MODELS, policy_lines, queries(), st.randoms(use_true_random=False))
def test_the_order_of_lines_never_changes_a_decision(model: str, lines: list[str], query: Query, random: Any) -> None:
    before = lines_for(model, lines)
    shuffled = random.sample(before, len(before))
    assert effect(under(model, *before), query) == effect(under(model, *shuffled), query)


@settings(max_examples=80, deadline=None)
@given(MODELS, policy_lines, queries())
def test_what_can_be_called_is_listed(model: str, lines: list[str], query: Query) -> None:
    policy = under(model, *lines_for(model, lines))
    assert query.tool is not None
    if query.action == "call" and effect(policy, query) != "deny":
        assert policy.visible(query.subject, query.tool, query.now)


# ---- each effect


def test_under_allow_override_lines_that_allow_need_not_agree_and_ask_still_restricts() -> None:
    policy = under(
        ALLOW_ONLY,
        "p, *, *, shop/*, call, args.amount <= 100, allow, small",
        "p, role:boss, *, shop/*, call, , allow, any",
        "p, *, *, shop/*, call, args.amount > 50, ask, more than 50",
        "g, user:bob, role:boss, acme",
    )
    said = [policy.decide(a_query(who, args={"amount": n})) for who in ("user:ann", "user:bob") for n in (10, 60, 200)]
    assert [one.effect for one in said] == ["allow", "ask", "deny", "allow", "ask", "ask"]
    assert [one.rule for one in said] == [
        "policy.csv:1", "policy.csv:3", None, "policy.csv:1", "policy.csv:3", "policy.csv:3",
    ]  # fmt: skip
    assert policy.decide(a_query(args={"amount": "10"})).effect == "deny"  # undecidable: no line allows
    assert policy.decide(a_query("user:bob", args={"amount": "10"})).undecided  # undecidable: the line asks


def test_by_priority_the_first_line_that_matches_decides() -> None:
    policy = under(
        PRIORITY,
        "p, 30, *, *, shop/*, call, , deny, nobody else",
        "p, 10, *, *, shop/*, call, args.amount > 1000, deny, never",
        "p, 20, user:ann, *, shop/*, call, , allow, ann",
        "p, 15, *, *, shop/*, call, args.amount > 50, ask, more than 50",
        "p, 25, user:bob, *, shop/*, call, , ask, bob must be asked about",
        "p, 26, user:bob, *, shop/*, call, , allow, bob",
    )
    asked = [("user:ann", 10), ("user:ann", 60), ("user:ann", 2000), ("user:bob", 10), ("user:eve", 10)]
    said = [policy.decide(a_query(who, args={"amount": n})) for who, n in asked]
    assert [one.effect for one in said] == ["allow", "ask", "deny", "ask", "deny"]
    assert [one.why for one in said] == ["ann", "more than 50", "never", "bob must be asked about", "nobody else"]
    undecided = policy.decide(a_query("user:ann", args={}))
    assert (undecided.effect, undecided.why, undecided.undecided) == ("deny", "never", True)


def test_of_two_lines_of_the_same_priority_the_stricter_decides() -> None:
    lines = [
        "p, 1, *, *, */*, call, , allow, yes",
        "p, 1, *, *, */*, call, , ask, perhaps",
        "p, 1, *, *, */*, call, , deny, no",
    ]
    assert effect(under(PRIORITY, *lines), a_query()) == "deny"
    assert effect(under(PRIORITY, *lines[:2]), a_query()) == "ask"
    assert effect(under(PRIORITY, *reversed(lines[:2])), a_query()) == "ask"


@pytest.mark.parametrize(("late", "early"), [("-2", "-10"), ("10", "9"), ("0", "-1")])
def test_priorities_are_numbers_and_not_texts(late: str, early: str) -> None:
    lines = [f"p, {late}, *, *, */*, call, , deny, late", f"p, {early}, *, *, */*, call, , allow, early"]
    assert under(PRIORITY, *lines).decide(a_query()).why == "early"


def test_an_agent_is_judged_as_itself() -> None:
    lines = [
        "p, user:ann, *, */*, call, , allow, ann",
        "p, agent:a, *, shop/*, call, subject.id == 'agent:a', allow, a",
    ]
    policy = under(SAME, *lines)
    assert effect(policy, a_query("user:ann via agent:a", "shop/x")) == "allow"
    assert effect(policy, a_query("user:ann via agent:a", "bank/x")) == "deny"
    assert effect(policy, a_query("user:ann via agent:b", "shop/x")) == "deny"
    assert not policy.visible(a_query("user:ann via agent:a").subject, a_tool("bank/x"), NOON)


# ---- other models


FLAT = """\
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.sub == "*" || g(r.sub, p.sub)) && (tool(r.obj, p.obj) || g2(r.obj, p.obj)) && r.act == p.act \
|| r.sub == "user:root"
"""


def test_a_model_without_tenants_and_conditions_but_with_groups_of_tools() -> None:
    policy = under(
        FLAT,
        "p, role:dev, shop/*, call, allow",
        "p, *, money, call, deny",
        "g, user:ann, role:lead",
        "g, role:lead, role:dev",
        "g2, shop/refund, payments",
        "g2, payments, money",
    )
    assert effect(policy, a_query("user:ann", "shop/order", tenant="anywhere")) == "allow"
    assert policy.decide(a_query("user:ann", "shop/refund")).rule == "policy.csv:2"
    assert effect(policy, a_query("user:ann", "shop/order", action="read")) == "deny"
    assert effect(policy, a_query("user:eve", "shop/order")) == "deny"
    assert policy.may_use(a_query("user:ann").subject, "shop", NOON)
    assert not policy.may_use(a_query("user:ann").subject, "bank", NOON)
    assert not policy.may_use(a_query("user:eve").subject, "shop", NOON)


def test_whoever_matches_every_line_is_denied_by_the_lines_that_deny() -> None:
    lines = ["p, role:dev, shop/*, call, allow", "g, user:ann, role:dev"]
    assert effect(under(FLAT, *lines), a_query("user:root", "bank/send")) == "allow"
    assert effect(under(FLAT, *lines, "p, *, money, call, deny"), a_query("user:root", "bank/send")) == "deny"


def test_a_policy_that_only_denies_or_asks_allows_nothing() -> None:
    """Without lines, Casbin matches against empty texts, and `user:root` would be let in."""
    assert effect(under(FLAT, "p, *, money, call, ask"), a_query("user:root")) == "deny"
    assert effect(under(FLAT, "p, *, money, call, deny"), a_query("user:root")) == "deny"
    assert not under(FLAT, "p, *, money, call, ask").visible(a_query("user:root").subject, a_tool("shop/x"), NOON)


def test_what_may_be_read_may_be_subscribed_to_unless_a_line_takes_it_away() -> None:
    lines = ["p, *, *, files/*, read, , ask, ask first", "p, *, *, files/b, subscribe, , deny, not that one"]
    policy = under(SAME, *lines, "p, *, *, files/*, read, , allow, files")
    assert effect(policy, a_query(path="files/a", action="subscribe")) == "allow"
    assert policy.decide(a_query(path="files/b", action="subscribe")).why == "not that one"
    assert effect(policy, a_query(path="mail/a", action="subscribe")) == "deny"


def test_nobody_approves_their_own_request() -> None:
    policy = under(SAME, "p, role:boss, *, shop/*, approve, , allow, bosses", "g, user:bob, role:boss, acme")
    assert effect(policy, a_query("user:bob", action="approve", requester="user:ann")) == "allow"
    assert effect(policy, a_query("user:bob", action="approve", requester="user:bob")) == "deny"
    assert effect(policy, a_query("user:bob", action="approve")) == "deny"


ROOT_MAY = SAME.replace("when(p.when, r.ctx, p.eft)", '(when(p.when, r.ctx, p.eft) || r.sub == "user:root")')
OWN = "p, user:root, *, shop/*, approve, subject.is_requester and args.amount < 5, allow, alone here"


def test_a_matcher_that_passes_over_conditions_lets_nobody_approve_what_he_asked_for() -> None:
    policy = under(ROOT_MAY, "p, *, *, shop/*, approve, , allow, anybody", OWN.replace("user:root", "user:ann"))
    assert effect(policy, a_query("user:root", action="approve", requester="user:ann")) == "allow"
    own = a_query("user:root", action="approve", requester="user:root", args={"amount": 1})
    assert effect(policy, own) == "deny"
    assert "nobody approves their own request" in policy.decide(own).why
    assert effect(policy, a_query("user:root", action="approve")) == "deny"


def test_under_such_a_matcher_a_line_may_let_him_and_its_own_condition_must_hold() -> None:
    policy = under(ROOT_MAY, OWN)
    for amount, answer in ((1, "allow"), (9, "deny")):
        own = a_query("user:root", action="approve", requester="user:root", args={"amount": amount})
        assert effect(policy, own) == answer


def test_an_explanation_shows_the_lines_and_what_is_missing() -> None:
    policy = under(SAME, "p, role:boss, *, shop/*, call, args.amount < 5, allow, y", "g, user:bob, role:boss, acme")
    (answer,) = explain(policy, a_query("user:bob", args={"amount": 9})).answers
    assert [(line.rule, line.condition, line.counts) for line in answer.lines] == [("policy.csv:1", "false", False)]
    assert answer.misses[0].missing == "`args.amount < 5` does not hold (args.amount is 9)"


# ---- fit to decide about real requests


def test_no_name_is_remembered_for_ever() -> None:
    policy = under(FLAT, "p, role:dev, shop/*, call, allow", "g, user:ann, role:dev", "g2, shop/refund, money")
    links = [link for engine in engines(policy) for link in links_of(engine)]
    for number in range(200):
        policy.decide(a_query(f"user:u{number}", f"shop/{number}{'x' * 600}", tenant=f"t{number}"))
    assert all(link._index.remembered() <= 3 * 4096 for link in links)  # noqa: SLF001 - the engine's own memory
    for engine in engines(policy):
        assert engine._enforcer.rm_map["g"].all_roles == {}  # noqa: SLF001 - Casbin's, which would remember all


def engines(policy: Policy) -> list[Any]:
    assert isinstance(policy, CasbinPolicy)
    return [policy._at_all, policy._alone, policy._barring, policy._each]  # noqa: SLF001


def links_of(engine: Any) -> list[Any]:
    return [definition.rm for definition in engine._enforcer.model["g"].values()]  # noqa: SLF001


def test_whatever_casbin_raises_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    policy = under(SAME, "p, *, *, */*, call, , allow, y")
    assert effect(policy, a_query()) == "allow"

    def fail(*_values: object) -> None:
        raise RuntimeError("invalid policy size")

    for engine in engines(policy):
        monkeypatch.setattr(engine._enforcer, "enforce_ex", fail)  # noqa: SLF001
    with caplog.at_level(logging.ERROR):
        assert effect(policy, a_query()) == "deny"
    assert "could not decide" in caplog.text
    assert not policy.visible(a_query().subject, a_tool("shop/refund"), NOON)
    assert policy.summary(a_query().subject, a_tool("shop/refund"), NOON) == "deny"
    assert not policy.may_use(a_query().subject, "shop", NOON)


def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    policy = under(SAME, "p, *, *, */*, call, , allow, y")
    with caplog.at_level(logging.DEBUG):
        policy.decide(a_query(args={"secret": "s3cret"}))
        policy.decide(a_query("user:eve", action="read"))
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")


def test_threads_may_ask_at_once() -> None:
    policy = under(SAME, "p, user:ann, *, */*, call, , allow, y", "p, *, *, bank/*, call, , deny, n")
    asked = [("user:ann", "shop/x", "allow"), ("user:ann", "bank/x", "deny"), ("user:eve", "shop/x", "deny")] * 400
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # else each thread would be done before the next one begins
    try:
        with ThreadPoolExecutor(8) as threads:
            said = list(threads.map(lambda one: effect(policy, a_query(one[0], one[1])), asked))
    finally:
        sys.setswitchinterval(usual)
    assert said == [expected for _, _, expected in asked]
