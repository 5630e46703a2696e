from dataclasses import replace
from typing import Any

import pytest

from gateway.call import Subject
from gateway.errors import PolicyError
from gateway.offer import Offer
from gateway.policy import Decision, Policy, Query, RunFacts, parse
from gateway.policy.explain import explain
from gateway.policy.files import Source
from gateway.policy.load import build
from gateway.policy.wording import ACTIONS
from tests.fixtures.policies import NOON, a_query, a_tool

BANK = parse(
    """
    p, role:employee,  *,    */*,             call, tool.read_only and tool.trusted, allow, reading is free
    p, *,              *,    */delete_*,      call, ,                                ask,   deletions need a person
    p, *,              *,    */*,             call, run.tainted and tool.open_world, ask,   untrusted text was read
    p, role:finance,   acme, bank/send_money, call, args.amount <= 10000 and args.currency in ['EUR', 'USD'], allow, ok
    p, *,              *,    bank/send_money, call, args.amount > 500,               ask,   a second person
    p, *,              *,    bank/send_money, call, args.iban in ['DE00123'],        deny,  blocked account
    p, role:cfo,       acme, bank/*,          approve, args.amount <= 10000,         allow, the CFO may approve
    p, role:employee,  acme, mail/send,       call, ,                                allow, staff may write mail
    p, *,              *,    mail/send,       call, "not in_domain(args.to, 'acme.com')", ask, mail leaves the company
    p, agent:reporter, *,    */*,             call, ,                                allow, reporter ceiling
    p, agent:reporter, *,    bank/*,          call, ,                                deny,  never touches the bank
    g, user:ann,     role:finance,  acme
    g, user:bob,     role:cfo,      acme
    g, role:finance, role:employee, acme
    g, role:cfo,     role:employee, acme
    """
)
PAY = {"amount": 100, "currency": "EUR", "iban": "DE1"}


def decide(who: str, path: str, args: Any, **rest: Any) -> Decision:
    return BANK.decide(a_query(who, path, args, **rest))


@pytest.mark.parametrize(
    ("who", "path", "args", "effect"),
    [
        ("user:ann", "bank/send_money", PAY, "allow"),
        ("user:ann", "bank/send_money", PAY | {"amount": 501}, "ask"),
        ("user:ann", "bank/send_money", PAY | {"amount": 10_001}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"iban": "DE00123"}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"currency": "GBP"}, "deny"),
        ("user:bob", "bank/send_money", PAY, "deny"),
        ("user:eve", "bank/send_money", PAY, "deny"),
        # what can't be decided never grants and always restricts
        ("user:ann", "bank/send_money", PAY | {"amount": "20"}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"amount": True}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"amount": None}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"amount": float("nan")}, "deny"),
        ("user:ann", "bank/send_money", PAY | {"amount": [5]}, "deny"),
        ("user:ann", "bank/send_money", {"amount": 5, "currency": "EUR"}, "deny"),
        ("user:ann", "mail/send", {"to": "x@acme.com"}, "allow"),
        ("user:ann", "mail/send", {"to": "x@evil.org"}, "ask"),
        ("user:ann", "mail/send", {}, "ask"),
        ("user:ann", "mail/send", {"to": ["x@acme.com", "x@evil.org"]}, "ask"),
        # an agent is a ceiling
        ("user:ann via agent:reporter", "bank/send_money", PAY, "deny"),
        ("user:ann via agent:reporter", "mail/send", {"to": "x@acme.com"}, "allow"),
        ("user:eve via agent:reporter", "mail/send", {"to": "x@acme.com"}, "deny"),
        ("user:ann via agent:unheard-of", "mail/send", {"to": "x@acme.com"}, "deny"),
        ("agent:reporter", "mail/send", {"to": "x@acme.com"}, "allow"),
    ],
)
def test_the_worked_example_decides_as_the_manual_says(who: str, path: str, args: Any, effect: str) -> None:
    assert decide(who, path, args).effect == effect


def test_a_decision_names_its_line_and_its_reason() -> None:
    assert decide("user:ann", "bank/send_money", PAY | {"amount": 501}) == Decision(
        "ask", "policy.csv:6", "a second person", "user:ann"
    )
    assert decide("user:eve", "bank/send_money", PAY) == Decision(
        "deny", None, "no line allows user:eve to call bank/send_money", "user:eve"
    )


def test_a_line_that_restricts_because_it_is_undecidable_says_so() -> None:
    decision = decide("user:ann", "mail/send", {"to": 5})
    assert (decision.effect, decision.undecided) == ("ask", True)


def test_of_user_and_agent_the_stricter_answer_is_reported() -> None:
    decision = decide("user:ann via agent:reporter", "bank/send_money", PAY)
    assert (decision.rule, decision.principal) == ("policy.csv:12", "agent:reporter")


@pytest.mark.parametrize("agent", ["", "role:finance", "reporter", "user:ann", "*", "agent:"])
def test_what_is_no_agent_is_denied_also_in_the_list(agent: str) -> None:
    subject = Subject("user:ann", "acme", agent)
    query = replace(a_query(path="mail/send", args={"to": "x@acme.com"}), subject=subject)
    assert BANK.decide(query).effect == "deny"
    assert not BANK.visible(subject, a_tool("mail/send"), NOON)


@pytest.mark.parametrize("user", ["role:finance", "*", "", "ann", "user:ann\n", "user:ann,x", "USER:ann"])
def test_a_strange_name_has_nobodys_rights(user: str) -> None:
    query = replace(a_query(path="mail/send", args={"to": "x@acme.com"}), subject=Subject(user, "acme"))
    assert BANK.decide(query).effect == "deny"


def test_a_user_called_like_a_role_has_not_the_role() -> None:
    assert decide("user:role:finance", "bank/send_money", PAY).effect == "deny"


def test_annotations_count_only_on_trusted_servers_and_taint_only_for_the_open_world() -> None:
    readable = a_tool("crm/get", readOnlyHint=True, openWorldHint=False)
    assert decide("user:ann", "crm/get", {}, tool=readable).effect == "allow"
    assert decide("user:ann", "crm/get", {}, tool=replace(readable, trusted=False)).effect == "deny"
    assert decide("user:ann", "crm/get", {}, tool=readable, run=RunFacts(tainted=True)).effect == "allow"
    mail = {"to": "x@acme.com"}
    assert decide("user:ann", "mail/send", mail, run=RunFacts(tainted=True)).effect == "ask"


@pytest.mark.parametrize(
    ("who", "requester", "amount", "effect"),
    [
        ("user:bob", "user:ann", 10_000, "allow"), ("user:bob", "user:ann", 10_001, "deny"),
        ("user:bob", "user:bob", 5, "deny"), ("user:bob", None, 5, "deny"), ("user:ann", "user:bob", 5, "deny"),
    ],
)  # fmt: skip
def test_approving_is_an_action_and_never_of_ones_own_request(
    who: str, requester: str | None, amount: int, effect: str
) -> None:
    query = a_query(who, "bank/send_money", {"amount": amount}, action="approve", requester=requester)
    assert BANK.decide(query).effect == effect


def test_a_line_may_say_that_one_approves_ones_own_requests() -> None:
    policy = parse("p, user:ann, *, */*, approve, subject.is_requester, allow, alone here")
    query = a_query(action="approve", requester="user:ann")
    assert policy.decide(query).effect == "allow"
    assert policy.decide(replace(query, requester="user:bob")).effect == "deny"
    assert policy.decide(replace(query, requester=None)).effect == "deny"
    assert "nobody approves their own request" in BANK.decide(query).why


@pytest.mark.parametrize(
    ("who", "path", "hints", "summary"),
    [
        ("user:ann", "bank/send_money", {}, "depends"),
        ("user:ann", "mail/send", {}, "depends"),
        ("user:ann", "crm/get", {"readOnlyHint": True}, "allow"),
        ("user:ann", "crm/delete_x", {"readOnlyHint": True}, "ask"),
        ("user:ann", "crm/put", {}, "deny"),
        ("user:eve", "bank/send_money", {}, "deny"),
        ("user:ann via agent:reporter", "bank/send_money", {}, "deny"),
        ("user:ann via agent:reporter", "crm/get", {"readOnlyHint": True}, "allow"),
    ],
)
def test_the_list_of_tools_is_what_could_be_called(who: str, path: str, hints: dict[str, bool], summary: str) -> None:
    query = a_query(who, path)
    tool = a_tool(path, **hints)
    assert BANK.summary(query.subject, tool, NOON) == summary
    assert BANK.visible(query.subject, tool, NOON) is (summary != "deny")


def test_a_condition_about_time_and_the_run_counts_for_the_list_as_it_does_for_a_call() -> None:
    policy = parse("p, *, *, */*, call, run.calls < 3 and now.weekday == 'sat', allow, why")
    subject, tool = a_query().subject, a_tool("a/b")
    assert policy.summary(subject, tool, NOON, RunFacts(calls=2)) == "allow"
    assert not policy.visible(subject, tool, NOON, RunFacts(calls=3))


def test_a_list_line_hides_what_could_be_called() -> None:
    policy = parse("p, *, *, */*, call, , allow, all\np, user:ann, *, shop/*, list, , deny, not shown")
    assert not policy.visible(Subject("user:ann", "acme"), a_tool("shop/refund"), NOON)
    assert policy.visible(Subject("user:bob", "acme"), a_tool("shop/refund"), NOON)
    assert policy.decide(a_query()).effect == "allow"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_line_is_about_its_own_action_alone(action: str) -> None:
    """Nothing that a line allows is allowed by another action; but for what rests on reading and getting."""
    if action in ("list", "subscribe", "complete"):
        with pytest.raises(PolicyError, match=f"a line for `{action}` can't `allow`"):
            parse(f"p, *, *, */*, {action}, , allow, y")
        return
    policy = parse(f"p, *, *, */*, {action}, , allow, y")
    resting = {"read": {"subscribe", "complete"}, "get": set()}.get(action, set())
    granted = {
        other for other in ACTIONS if policy.decide(a_query(action=other, requester="user:bob")).effect == "allow"
    }
    assert granted == {action, *resting}


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        ("*", {"user:ann", "user:bob", "user:role:r"}), ("user:ann", {"user:ann"}), ("role:r", {"user:ann"}),
        ("team:t", {"user:bob"}), ("agent:a", set()), ("role:upper", {"user:ann"}), ("user:role:r", {"user:role:r"}),
    ],
)  # fmt: skip
def test_a_line_is_about_whom_it_names_and_who_has_that_role(who: str, asked: set[str]) -> None:
    grants = (
        "g, user:ann, role:r, acme\ng, user:bob, team:t, *\ng, role:r, role:upper, acme\ng, user:eve, role:r, other"
    )
    policy = parse(f"p, {who}, *, */*, call, , allow, y\n{grants}")
    people = ("user:ann", "user:bob", "user:role:r")
    assert {one for one in people if policy.decide(a_query(one)).effect == "allow"} == asked
    assert (policy.decide(a_query("user:eve")).effect == "allow") is (who == "*")


@pytest.mark.parametrize("tenant", ["acme", "Acme", "acme2", "acm", "other", "acme@x"])
def test_a_tenant_is_matched_exactly(tenant: str) -> None:
    for written in ("acme", "acme@x"):
        policy = parse(f"p, *, {written}, */*, call, , allow, y")
        assert (policy.decide(a_query(tenant=tenant)).effect == "allow") is (tenant == written)


def test_unknown_actions_are_denied() -> None:
    assert decide("agent:reporter", "mail/send", {}, action="frobnicate").effect == "deny"


# ---- what is read or got, and what goes with it

ANN = Subject("user:ann", "acme")
NOTES = Offer("resource", "desk", "notes://a", {}, trusted=True)
ANY_NOTE = Offer("template", "desk", "notes://{name}", {}, trusted=True)
GREETING = Offer("prompt", "desk", "greet", {}, trusted=True)


def of(offer: Offer, action: str, **args: Any) -> Query:
    return Query(ANN, action, offer.path, args, offer, RunFacts(), NOON)


def test_a_glob_over_uris_is_split_at_the_first_slash() -> None:
    policy = parse("p, *, *, desk/notes://*, read, , allow, why")
    assert policy.decide(of(NOTES, "read")).effect == "allow"
    assert policy.decide(of(replace(NOTES, name="notes:x"), "read")).effect == "deny"
    assert policy.decide(of(replace(NOTES, server="desk2"), "read")).effect == "deny"


@pytest.mark.parametrize(
    ("condition", "granted"),
    [
        ("tool.trusted", True), ("tool.server == 'desk'", True), ("tool.name == 'notes://a'", True),
        ("matches(args.uri, 'notes://*')", True), ("tool.read_only", False), ("not tool.destructive", False),
        ("tool.pin == 'x'", False), ("not (tool.pin == 'x')", False),
    ],
)  # fmt: skip
def test_of_what_is_no_tool_the_server_the_name_and_the_trust_are_known_and_no_annotation(
    condition: str, granted: bool
) -> None:
    policy = parse(f'p, *, *, */*, read, "{condition}", allow, why')
    assert (policy.decide(of(NOTES, "read", uri="notes://a")).effect == "allow") is granted
    assert policy.visible(ANN, NOTES, NOON) is granted
    restricting = parse(f'p, *, *, */*, read, , allow, why\np, *, *, */*, read, "{condition}", deny, why')
    assert restricting.decide(of(NOTES, "read", uri="notes://a")).effect == "deny"


def test_a_resource_is_listed_if_it_may_be_read_and_a_prompt_if_it_may_be_got() -> None:
    reader = parse("p, *, *, */*, read, , allow, why")
    getter = parse("p, *, *, */*, get, args.who == 'ann', ask, why\np, *, *, */*, get, , allow, why")
    caller = parse("p, *, *, */*, call, , allow, why")
    things = (NOTES, ANY_NOTE, GREETING)
    assert [reader.visible(ANN, thing, NOON) for thing in things] == [True, True, False]
    assert [getter.visible(ANN, thing, NOON) for thing in things] == [False, False, True]
    assert not any(caller.visible(ANN, thing, NOON) for thing in things)
    hidden = parse("p, *, *, */*, read, , allow, why\np, *, *, desk/notes://*, list, , deny, not shown")
    assert not hidden.visible(ANN, NOTES, NOON)
    assert hidden.decide(of(NOTES, "read")).effect == "allow"


FOLLOWING = [
    ("subscribe", NOTES, "read"),
    ("complete", ANY_NOTE, "read"),
    ("complete", GREETING, "get"),
]


@pytest.mark.parametrize(("action", "offer", "base"), FOLLOWING)
def test_what_may_be_read_or_got_may_be_subscribed_to_and_completed_unless_a_line_takes_it_away(
    action: str, offer: Offer, base: str
) -> None:
    granted = f"p, *, *, desk/*, {base}, , allow, granted"
    other = "get" if base == "read" else "read"
    assert parse(granted).decide(of(offer, action)).why == "granted"
    assert parse(f"{granted}\np, *, *, */*, {base}, , ask, looked at").decide(of(offer, action)).effect == "allow"
    assert parse(f"p, *, *, desk/*, {other}, , allow, granted").decide(of(offer, action)).effect == "deny"
    taken = parse(f"{granted}\np, *, *, */*, {action}, , deny, taken away").decide(of(offer, action))
    assert (taken.effect, taken.why) == ("deny", "taken away")
    denied = parse(f"{granted}\np, *, *, */*, {base}, , deny, never").decide(of(offer, action))
    assert (denied.effect, denied.why) == ("deny", "never")


def test_a_prompt_that_is_granted_for_some_arguments_may_be_completed_to_find_them() -> None:
    policy = parse("p, *, *, */*, get, args.who == 'ann', allow, why")
    assert policy.decide(of(GREETING, "complete", argument={"name": "who", "value": ""})).effect == "allow"


def test_an_agents_ceiling_holds_for_what_follows_too() -> None:
    policy = parse("p, user:ann, *, */*, read, , allow, why\np, agent:clerk, *, other/*, read, , allow, why")
    query = replace(of(NOTES, "subscribe"), subject=Subject("user:ann", "acme", "agent:clerk"))
    assert policy.decide(query).principal == "agent:clerk"
    assert policy.decide(query).effect == "deny"


@pytest.mark.parametrize(
    ("lines", "may"),
    [
        (["p, user:ann, *, pay/*, call, , allow, y"], True),
        (["p, user:ann, *, pay/report, call, args.a > 1, allow, y"], True),
        (["p, user:ann, *, */list, read, , allow, y"], True),
        (["p, user:ann, acme, p?y/*, get, tool.trusted, allow, y"], True),
        (["p, role:hr, *, pay/*, call, , allow, y", "g, user:ann, role:hr, *"], True),
        (["p, role:hr, *, pay/*, call, , allow, y"], False),
        (["p, user:ann, other, pay/*, call, , allow, y"], False),
        (["p, user:ann, *, echo/*, call, , allow, y"], False),
        (["p, user:ann, *, echo/pay, call, , allow, y"], False),
        (["p, user:ann, *, pay/*, approve, , allow, y"], False),
        (["p, user:ann, *, pay/*, call, subject.tenant == 'other', allow, y"], False),
        (["p, *, *, */*, call, , allow, y", "p, user:ann, *, pay/*, call, , deny, n"], False),
        (["p, *, *, */*, call, , allow, y", "p, user:ann, *, pay/*, list, , deny, n"], False),
        (["p, *, *, */*, call, , allow, y", "p, user:ann, *, pay/*, call, args.a > 1, deny, n"], True),
        (["p, *, *, */*, call, , allow, y", "p, user:ann, *, pay/x, call, , deny, n"], True),
        (["p, *, *, pay/*, call, , ask, n"], False),
    ],
)
def test_of_a_server_nobody_knows_the_tools_of_may_be_used_what_a_line_grants(lines: list[str], may: bool) -> None:
    policy = parse("\n".join(lines))
    assert [policy.may_use(ANN, "pay", NOON) for _ in range(2)] == [may, may]


def test_a_server_is_used_through_an_agent_only_if_both_may() -> None:
    policy = parse("p, user:ann, *, pay/*, call, , allow, y\np, agent:clerk, *, echo/*, call, , allow, y")
    assert not policy.may_use(Subject("user:ann", "acme", "agent:clerk"), "pay", NOON)
    assert not policy.may_use(Subject("user:ann", "acme", "clerk"), "pay", NOON)
    assert not policy.may_use(Subject("role:hr", "acme"), "pay", NOON)


# ---- a URI is judged in each of its readings (`gateway.aliases`)

FILES = """
p, *, *, */*,                       read, , allow, reading
p, *, *, */*secret*,                read, , deny,  no secrets
p, *, *, mod/file:///mod/key.pem,   read, , ask,   keys need a person
p, *, *, mod/file:///quiet/*,       subscribe, , deny, quiet
p, *, *, mod/file:///hidden/*,      list, , deny, hidden
p, *, *, */*,                       read, "matches(args.uri, '*/private/*')", deny, private
"""
NARROW = """
p, *, *, mod/file:///pub/*,            read, , allow, public
p, *, *, mod/file:///pub/%7Eme/x,      read, , deny,  but for this
p, *, *, mod/file:///My%20Docs/*,      read, , allow, documents
p, *, *, mod/lab://org%2Fname/*,       read, , allow, a project
p, *, *, mod/mail://*,                 read, , allow, mail
p, *, *, mod/myApp://Home/*,           read, , allow, an app
p, *, *, mod/docs://*.md,              read, , allow, documents
"""


def is_visible(policy: Policy, query: Query) -> bool:
    assert query.tool is not None
    return policy.visible(query.subject, query.tool, NOON)


def reading(uri: str, action: str = "read", *, listed: bool = False) -> Query:
    thing = Offer("resource", "mod", uri, {"uri": uri} if listed else {})
    return replace(a_query("user:ann", f"mod/{uri}", {"uri": uri}), action=action, tool=thing)


OWN_MODEL = """\
[request_definition]
r = sub, dom, obj, act, ctx
[policy_definition]
p = sub, dom, obj, act, when, eft, why
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.sub == "*" || g(r.sub, p.sub, r.dom)) && in_tenant(r.dom, p.dom) && tool(r.obj, p.obj) \\
  && r.act == p.act && when(p.when, r.ctx, p.eft)
"""


def policies(text: str) -> list[Policy]:
    """Under the shipped model, and under one of one's own."""
    own = build(Source("model.conf", OWN_MODEL.encode()), sources=[Source("policy.csv", text.encode())])
    assert own.custom
    return [parse(text), own]


@pytest.mark.parametrize(
    ("uri", "effect"),
    [
        ("file:///mod/open.txt", "allow"),
        ("file:///mod/%6Fpen.txt", "allow"),
        ("file:///mod/secret.txt", "deny"),
        ("file:///mod/%73ecret.txt", "deny"),
        ("file:///mod/s%65cret.txt", "deny"),
        ("FILE:///mod/%2573ecret.txt", "deny"),
        ("file:///mod/%6Bey.pem", "ask"),
        ("file:///mod/key.pem#x", "ask"),
        ("file:///mod/pub/../key.pem", "ask"),
        ("file:///a/pri%76ate/b", "deny"),  # by a condition
    ],
)
def test_no_other_spelling_of_a_uri_passes_a_line_that_restricts(uri: str, effect: str) -> None:
    for policy in policies(FILES):
        for listed in (False, True):
            query = reading(uri, listed=listed)
            assert policy.decide(query).effect == effect
            assert (effect == "ask") == bool(policy.asking(query))
            assert is_visible(policy, query) == (effect != "deny")


def test_no_other_spelling_of_a_uri_is_subscribed_to_approved_or_listed() -> None:
    for policy in policies(FILES):
        assert policy.decide(reading("file:///loud/x", "subscribe")).effect == "allow"
        assert policy.decide(reading("file:///qui%65t/x", "subscribe")).effect == "deny"
        assert policy.decide(reading("file:///mod/%73ecret", "subscribe")).effect == "deny"
        hidden = reading("file:///hidd%65n/x", listed=True)
        assert not is_visible(policy, hidden)


@pytest.mark.parametrize(
    ("uri", "effect"),
    [
        ("file:///pub/a", "allow"),
        ("file:///pub/%61", "allow"),
        ("file:///pub/a#L10", "allow"),
        ("file:///pub/../key", "deny"),
        ("file:///pub/%2e%2e/key", "deny"),
        ("file:///pub/..%2Fkey", "deny"),
        ("file:///pub/~me/x", "deny"),
        ("file:///pub/%7Eme/x", "deny"),
        ("file:///My%20Docs/a%20b.txt", "allow"),
        ("file:///My%20Docs/../key", "deny"),
        ("lab://org%2Fname/a", "allow"),
        ("mail://bob%40acme.com", "allow"),
        ("myApp://Home/x", "allow"),
        ("docs://key#.md", "deny"),
        ("docs://key%00.md", "deny"),
        ("docs://a.md", "allow"),
    ],
)
def test_what_no_server_lists_is_granted_in_all_of_its_readings(uri: str, effect: str) -> None:
    for policy in policies(NARROW):
        assert policy.decide(reading(uri)).effect == effect


def test_what_a_server_lists_is_granted_as_it_lists_it() -> None:
    for policy in policies(NARROW):
        assert policy.decide(reading("docs://key#.md", listed=True)).effect == "allow"
        assert policy.decide(reading("file:///pub/%7Eme/x", listed=True)).effect == "deny"


def test_an_obligation_holds_for_every_spelling() -> None:
    text = "p, *, *, */*, read, , allow, x\no, *, *, */*secret*, read, , redact=ssn, hide\n"
    for policy in policies(text):
        assert policy.decide(reading("file:///%73ecret")).duties == policy.decide(reading("file:///secret")).duties
        assert policy.decide(reading("file:///%73ecret")).duties is not None


def test_an_explanation_shows_the_line_that_another_spelling_meets() -> None:
    found = explain(parse(FILES), reading("file:///mod/%73ecret.txt"))
    assert found.decision.effect == "deny"
    assert [line.rule for line in found.answers[0].lines if line.decides] == [found.decision.rule]
    shown = explain(parse(FILES), reading("file:///mod/%73ecret.txt", "list", listed=True))
    assert shown.decision.effect == "deny"
