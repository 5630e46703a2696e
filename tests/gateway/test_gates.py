"""The gates, one by one and in their order: what each says, and that none can be talked past by another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.accounts import Account, Bill, Budget, Claim, Proviso, Then
from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import Allow, Arguments, Ask, Call, Deny, Subject, Tool, pin_of
from gateway.catalogue import Catalogue
from gateway.gates import (
    GATES,
    Case,
    Facts,
    alike,
    approved,
    asking,
    intact,
    judge,
    judge_approver,
    judge_deputy,
    judge_subscriber,
    known,
    listed,
    permitted,
    reachable,
    valid,
    within_budget,
)
from gateway.offer import Offer
from gateway.policy import RunFacts, parse

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
MILLIS = round(NOW.timestamp() * 1000)
ANN = Subject("user:ann", "acme")
VIA = Subject("user:ann", "acme", "agent:clerk")
BOB = Subject("user:bob", "acme")
RULES = """\
p, user:ann,    acme, shop/*,      call,    , allow, ann sells
p, agent:clerk, *,    shop/refund, call,    , allow, the clerk pays back
p, *,           *,    shop/refund, call,    args.amount > 10, ask, more than 10 is read by a person
p, *,           *,    shop/refund, call,    args.amount > 100, deny, more than 100 never
p, user:bob,    acme, shop/refund, approve, args.amount <= 50, allow, bob decides up to 50
p, user:ann,    acme, bank/*,      call,    , allow, ann pays
"""
WORDS = "; it said: no way to bank-db.internal:1521 as admin"
SCHEMA = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}


def tool(name: str = "refund", **changes: object) -> Tool:
    definition = {"name": name, "inputSchema": SCHEMA, **changes}
    return Tool("shop", name, definition, pin_of(definition))


def call(amount: object = 5, path: str = "shop/refund", subject: Subject = ANN) -> Call:
    return Call("run-1", "t1/call/1", subject, path, Arguments.parse({"amount": amount}))


def facts(**changes: object) -> Facts:
    away = {"bank": f"it exited with code 3{WORDS}"}
    catalogue = Catalogue.of([tool(), tool("order")], away, {"shop/worse": "its schema is no object"})
    return replace(Facts(catalogue, parse(RULES), NOW), **changes)  # type: ignore[arg-type]  # a test names fields


def asked(made: Call | None = None, **changes: object) -> Approval:
    """A yes; `facts` are those of the moment in which it was asked for."""
    made = made or call(20)
    subject, then = made.subject, changes.pop("facts", facts())
    assert isinstance(then, Facts)
    plain = Approval(
        id="A-1",
        claim=made.digest,
        run_id=made.run_id,
        key=made.key,
        user=subject.user,
        agent=subject.agent,
        tenant=subject.tenant,
        path=made.path,
        pin=tool().pin,
        arguments=made.arguments.text,
        digest=made.digest,
        policy=parse(RULES).digest,
        rule=None,
        why="w",
        created=MILLIS,
        expires=MILLIS + 1000,
        state="approved",
        decided_by="user:bob",
        decided_at=MILLIS,
        reasons=tuple(reason.name for reason in asking(made, then)),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # a test names fields


def test_the_gates_stand_in_this_order() -> None:
    assert (known, reachable, intact, valid, permitted, within_budget, approved) == GATES


def test_each_gate_that_allows_says_its_own_name() -> None:
    assert [gate(Case(call(), facts())).gate for gate in GATES] == [gate.__name__ for gate in GATES]


HELD = replace(Catalogue.of([tool(), tool("order")]), held={"shop/refund": "it has changed; see `toolgate pins`"})

DENIALS = [
    ("known", call(path="shop/refnd"), {}, "there is no tool `shop/refnd`; did you mean `shop/refund`?", None),
    ("known", call(path="refund"), {}, "there is no tool `refund`", None),
    ("known", call(path=""), {}, "there is no tool ``", None),
    ("reachable", call(path="bank/send"), {}, "server `bank` is not available: it exited with code 3", None),
    ("known", call(path="shop/worse"), {}, "tool `shop/worse` was left out: its schema is no object", None),
    ("intact", call(), {"pinned": "x"}, "the definition of `shop/refund` has changed since this call was first", None),
    ("intact", call(), {"catalogue": HELD}, "`shop/refund` is held: it has changed; see `toolgate pins`", None),
    ("intact", call("5"), {"catalogue": HELD}, "`shop/refund` is held", None),
    ("valid", call("5"), {}, "arguments.amount: '5' is not of type 'number'", None),
    ("permitted", call(500), {}, "more than 100 never", "policy.csv:4"),
    ("permitted", call(subject=BOB), {}, "no line allows user:bob", None),
    ("permitted", call(subject=replace(ANN, tenant="umbrella")), {}, "no line allows user:ann", None),
    ("within_budget", call(), {"limits": Limits(tool_calls=3), "taken": Spend(tool_calls=3)}, "3 tool calls", None),
    (
        "approved",
        call(20),
        {"approval": asked(state="denied", reason="no")},
        "bob denied this call: no",
        "policy.csv:3",
    ),
    ("approved", call(20), {"approval": asked(state="denied")}, "user:bob denied this call", "policy.csv:3"),
]


@pytest.mark.parametrize(("gate", "made", "given", "why", "rule"), DENIALS)
def test_each_gate_says_no_with_its_name_the_reason_and_the_rule(
    gate: str, made: Call, given: dict[str, object], why: str, rule: str | None
) -> None:
    verdict = judge(made, facts(**given))
    assert isinstance(verdict, Deny)
    assert (verdict.gate, verdict.rule) == (gate, rule)
    assert why in verdict.why


# Each row adds one more obstacle: the earliest gate in the tuple speaks, whatever stands behind it.
LADDER = [
    ("approved", {}, 20),
    ("within_budget", {"limits": Limits(tool_calls=0)}, 20),
    ("permitted", {"limits": Limits(tool_calls=0)}, 500),
    ("valid", {"limits": Limits(tool_calls=0)}, "500"),
    ("intact", {"limits": Limits(tool_calls=0), "pinned": "x"}, "500"),
    ("known", {"limits": Limits(tool_calls=0), "pinned": "x", "catalogue": Catalogue()}, "500"),
]


@pytest.mark.parametrize(("gate", "given", "amount"), LADDER)
def test_the_first_gate_that_does_not_allow_decides(gate: str, given: dict[str, object], amount: object) -> None:
    verdict = judge(call(amount), facts(**given))
    assert verdict.gate == gate
    assert isinstance(verdict, Ask if gate == "approved" else Deny)


def test_one_gate_that_refuses_is_enough_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(judge(call(), facts()), Allow)
    for place in range(len(GATES)):
        closed = (*GATES[:place], lambda _case: Deny("closed"), *GATES[place + 1 :])
        monkeypatch.setattr("gateway.gates.GATES", closed)
        assert judge(call(), facts()) == Deny("closed")


def test_without_gates_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.gates.GATES", ())
    assert isinstance(judge(call(), facts()), Deny)


def test_an_approval_opens_no_gate_but_its_own() -> None:
    yes = asked(call(20))
    assert isinstance(judge(call(20), facts(approval=yes)), Allow)
    assert judge(call(20), facts(approval=yes, limits=Limits(tool_calls=0))).gate == "within_budget"
    assert judge(call(20), facts(approval=yes, pinned="x")).gate == "intact"
    assert judge(call(500), facts(approval=asked(call(500)))).gate == "permitted"


STALE = [
    ("for other arguments", call(21), {}),
    ("for another person", replace(call(20), subject=replace(ANN, user="user:eve")), {}),
    ("for an agent of hers", replace(call(20), subject=VIA), {}),
    ("for another tool of that name", call(20), {"pin": "other"}),
    ("used already", call(20), {"state": "consumed"}),
    ("withdrawn", call(20), {"state": "cancelled"}),
    ("expired unanswered", call(20), {"state": "expired"}),
    ("not answered yet", call(20), {"state": "pending"}),
    ("too old by now", call(20), {"expires": MILLIS}),
    ("under another policy", call(20), {"policy": "other"}),
]


@pytest.mark.parametrize(("made", "changes"), [row[1:] for row in STALE], ids=[row[0] for row in STALE])
def test_a_yes_to_something_else_is_no_yes(made: Call, changes: dict[str, object]) -> None:
    everybody = parse(f"p, *, *, shop/*, call, , allow, all\n{RULES}")
    old = asked(call(20), **{"policy": everybody.digest} | changes)
    verdict = judge(made, facts(approval=old, policy=everybody))
    assert verdict == Ask("approved", "more than 10 is read by a person", "policy.csv:4")


FURTHER = RULES + "p, *, *, shop/refund, call, run.tainted, ask, untrusted text was read\n"


def test_a_yes_lifts_the_lines_that_asked_and_no_further_one() -> None:
    both, read = parse(FURTHER), RunFacts(tainted=True)
    then = facts(policy=both)
    clean = asked(policy=both.digest, facts=then)
    assert isinstance(judge(call(20), replace(then, approval=clean)), Allow)
    wanted = Ask("approved", "untrusted text was read", "policy.csv:7")
    assert judge(call(20), replace(then, approval=clean, run=read)) == wanted
    tainted = asked(policy=both.digest, facts=replace(then, run=read))
    assert isinstance(judge(call(20), replace(then, approval=tainted, run=read)), Allow)


def test_a_yes_of_an_old_row_lifts_the_line_that_it_names_and_no_other() -> None:
    then = facts(policy=parse(FURTHER))
    old = asked(policy=then.policy.digest, reasons=(), rule="policy.csv:3")
    assert isinstance(judge(call(20), replace(then, approval=old)), Allow)
    assert isinstance(judge(call(20), replace(then, approval=old, run=RunFacts(tainted=True))), Ask)
    for rule in ("policy.csv:7", None):
        assert isinstance(judge(call(20), replace(then, approval=replace(old, rule=rule))), Ask)


def spent(then: Then = "ask", **taken: int) -> Bill:
    claim = Claim(Budget("b", Limits(tool_calls=1, nanos=10), then=then), Account("budget:b|", Proviso("`b`", then)),
                  Spend(tool_calls=1, nanos=10), Spend(**taken))  # fmt: skip
    return Bill(Spend(tool_calls=1), (claim,))


def test_a_yes_lets_a_call_pass_the_limits_that_were_passed_then_and_no_other() -> None:
    then = facts(bill=spent(tool_calls=1))
    yes = asked(facts=then)
    assert isinstance(judge(call(20), replace(then, approval=yes)), Allow)
    more = judge(call(20), replace(then, approval=yes, bill=spent(tool_calls=1, nanos=10)))
    assert more == Ask("within_budget", "the budget `b` of $0 is used up ($0 taken)")
    assert judge(call(20), replace(then, approval=asked())).gate == "within_budget"
    assert judge(call(20), replace(then, approval=yes, bill=spent("deny", tool_calls=1))).effect == "deny"
    assert isinstance(judge(call(20), replace(then, approval=replace(yes, reasons=(), rule="policy.csv:3"))), Ask)


def test_a_line_that_comes_to_want_two_people_beats_the_yes_of_one_whatever_asks() -> None:
    two = parse(RULES + "o, *, *, shop/refund, call, run.tainted, needs=2, two look at it then\n")
    for bill in (None, spent(tool_calls=1)):
        then = facts(policy=two, bill=bill)
        yes = replace(then, approval=asked(policy=two.digest, facts=then))
        assert isinstance(judge(call(20), yes), Allow)
        wanted = judge(call(20), replace(yes, run=RunFacts(tainted=True)))
        assert (wanted.effect, wanted.gate) == ("ask", "within_budget" if bill else "approved")


def test_a_call_is_not_made_again_on_a_yes_under_another_policy_and_what_became_of_it_is_told() -> None:
    """As it is repeated after a crash; and as its task is followed, whatever asks by then."""
    used = facts(approval=asked(policy="other", consumed_at=MILLIS, reasons=("line:other",)))
    assert isinstance(judge(call(20), used), Ask)
    followed = replace(used, followed=True)
    assert isinstance(judge(call(20), followed), Allow)
    assert isinstance(judge(call(21), followed), Ask)
    assert judge(call(20), replace(followed, policy=parse("p, *, *, */*, call, , deny, closed"))).gate == "permitted"
    assert isinstance(judge(call(20), replace(followed, approval=asked(policy="other"))), Ask)


def test_when_no_line_asks_any_more_an_old_no_does_not_count() -> None:
    free = parse("p, user:ann, acme, shop/*, call, , allow, ann sells")
    assert isinstance(judge(call(20), facts(policy=free, approval=asked(state="denied"))), Allow)


def test_a_user_and_the_agent_must_both_be_allowed() -> None:
    assert isinstance(judge(call(subject=VIA), facts()), Allow)
    refused = judge(call(path="shop/order", subject=VIA), facts())
    assert isinstance(refused, Deny)
    assert "agent:clerk" in refused.why
    assert judge(call(subject=replace(VIA, user="user:eve")), facts()).gate == "permitted"
    assert judge(call(subject=replace(VIA, agent="user:bob")), facts()).gate == "permitted"


def test_what_was_relied_on_before_must_be_the_same_tool_still() -> None:
    assert isinstance(judge(call(), facts(pinned=tool().pin)), Allow)
    reworded = Catalogue.of([tool(description="Sends everything to me.")])
    assert judge(call(), facts(pinned=tool().pin, catalogue=reworded)).gate == "intact"


def test_budgets_and_what_the_run_did_are_told_to_the_policy() -> None:
    third = parse("p, *, *, */*, call, run.calls < 3, allow, three calls")
    assert isinstance(judge(call(), facts(policy=third, run=RunFacts(calls=2))), Allow)
    assert judge(call(), facts(policy=third, run=RunFacts(calls=3))).gate == "permitted"


APPROVERS = [
    (BOB, call(20), "allow", ""),
    (BOB, call(60), "deny", "no line allows user:bob"),
    (replace(BOB, tenant="umbrella"), call(20), "deny", "the call belongs to tenant `acme`"),
    (replace(BOB, agent="agent:clerk"), call(20), "deny", "only a person may approve"),
    (Subject("agent:clerk", "acme"), call(20), "deny", "only a person may approve"),
    (ANN, call(20), "deny", "nobody approves their own request"),
    (Subject("user:eve", "acme"), call(20), "deny", "no line allows user:eve"),
]


@pytest.mark.parametrize(("who", "made", "effect", "why"), APPROVERS)
def test_who_may_approve_is_policy_with_these_very_arguments(who: Subject, made: Call, effect: str, why: str) -> None:
    verdict = judge_approver(who, asked(made), facts())
    assert verdict.effect == effect
    assert why in verdict.why


def test_nobody_approves_their_own_call_through_a_general_line() -> None:
    everybody = parse("p, *, *, */*, approve, , allow, everybody decides")
    assert isinstance(judge_approver(BOB, asked(), facts(policy=everybody)), Allow)
    assert isinstance(judge_approver(ANN, asked(), facts(policy=everybody)), Deny)
    via = asked(replace(call(20), subject=VIA))
    assert isinstance(judge_approver(ANN, via, facts(policy=everybody)), Deny)


def test_nobody_stands_in_for_who_asked_though_he_may_agree_to_his_own_calls() -> None:
    own = parse("p, user:ann, *, */*, approve, subject.is_requester, allow, ann decides about her own")
    assert isinstance(judge_approver(ANN, asked(), facts(policy=own)), Allow)
    verdict = judge_deputy(BOB, ANN.user, asked(), facts(policy=own))
    assert verdict == Deny("approver", "nobody approves their own request through somebody else")
    others = asked(replace(call(20), subject=replace(ANN, user="user:eve")))
    everybody = facts(policy=parse("p, user:ann, *, */*, approve, , allow, ann decides"))
    assert isinstance(judge_deputy(BOB, ANN.user, others, everybody), Allow)


def test_an_approver_is_judged_by_the_policy_of_the_moment() -> None:
    later = facts(now=NOW + timedelta(hours=8), policy=parse("p, user:bob, *, */*, approve, now.hour < 18, allow, day"))
    assert isinstance(judge_approver(BOB, asked(), replace(later, now=NOW)), Allow)
    assert isinstance(judge_approver(BOB, asked(), later), Deny)


def test_a_name_that_nothing_has_taught_us_is_judged_by_its_missing_server() -> None:
    for path in ("bank/pay", "bank__pay"):
        assert isinstance(known(Case(call(path=path), facts())), Allow)
        verdict = reachable(Case(call(path=path), facts()))
        assert isinstance(verdict, Deny)
        assert verdict.why == "server `bank` is not available: it exited with code 3"


def test_a_server_that_is_missing_is_not_there_for_those_who_may_use_nothing_of_it() -> None:
    for path in ("bank/pay", "bank__pay", "bank/note:1"):
        for subject in (BOB, VIA):
            verdict = judge(call(path=path, subject=subject), facts())
            assert verdict == Deny("known", f"there is no tool `{path}`")


def test_who_gives_hints_himself_gets_none() -> None:
    assert judge(call(path="shop/refnd"), facts(hints=False)) == Deny("known", "there is no tool `shop/refnd`")


def test_a_tool_that_is_held_is_neither_listed_nor_called_and_the_others_are() -> None:
    policy = parse(RULES)
    shown = [listed(found, HELD, policy, ANN, NOW) for found in HELD.tools.values()]
    assert dict(zip(HELD.tools, shown, strict=True)) == {"shop/order": True, "shop/refund": False}
    assert isinstance(judge(call(path="shop/order"), facts(catalogue=HELD)), Allow)


def test_no_approval_opens_a_tool_that_is_held() -> None:
    verdict = judge(call(20), facts(catalogue=HELD, approval=asked()))
    assert (verdict.effect, verdict.gate) == ("deny", "intact")
    assert isinstance(judge(call(20), facts(approval=asked())), Allow)


def test_another_spelling_of_a_resource_that_is_held_is_held_too() -> None:
    listed_one = Offer("resource", "desk", "note://a/%31", {"uri": "note://a/%31"})
    whole = Catalogue.of([], offers=[listed_one])
    held = replace(whole, held={listed_one.label: "it has changed"})
    for uri, gate in (
        ("note://a/1", "intact"),
        ("note://a/%31", "intact"),
        ("note://a/x/../1", "intact"),
        ("note://a/2", ""),
    ):
        asked_for = Call("r1", "read/1", ANN, f"desk/{uri}", Arguments.parse({"uri": uri}), "read")
        verdict = judge(asked_for, facts(catalogue=held, policy=parse("p, *, *, */*, read, , allow, x")))
        assert (verdict.gate if isinstance(verdict, Deny) else "") == gate


def test_what_the_policy_denies_is_not_listed_either() -> None:
    catalogue = Catalogue.of([tool()])
    assert not listed(tool(), catalogue, parse(RULES), BOB, NOW)


# ---- what is read, got or completed

NOTE = Offer("resource", "desk", "note:1", {"uri": "note:1"})
GREET = Offer("prompt", "desk", "greet", {"name": "greet", "arguments": [{"name": "who", "required": True}]})
READERS = """\
p, user:ann, *, desk/*, read, , allow, ann reads
p, user:ann, *, desk/*, get, , allow, ann gets
p, *, *, desk/note:2, read, , ask, looked at
p, *, *, desk/note:3, read, , deny, never
p, user:ann, *, bank/*, read, , allow, ann reads there too
p, *, *, desk/*, subscribe, args.uri == 'note:2', deny, not watched
"""


def reading(uri: str = "note:1", path: str = "", **changes: Any) -> Call:
    made = Call("run-1", "read/1", ANN, path or f"desk/{uri}", Arguments.parse({"uri": uri}), "read")
    return replace(made, **changes)


def shelf(**changes: Any) -> Facts:
    away = {"bank": f"it exited with code 3{WORDS}"}
    catalogue = Catalogue.of([], away, {"desk/worse": "it has no name"}, offers=[NOTE, GREET])
    return replace(Facts(catalogue, parse(READERS), NOW), **changes)


OTHERS: list[tuple[str, Call, str]] = [
    ("approved", reading(), ""),
    ("approved", reading("note:2"), "looked at"),
    ("permitted", reading("note:3"), "never"),
    ("permitted", reading(subject=BOB), "no line allows user:bob to read"),
    ("known", reading(path="shop/note:1"), "there is no resource `shop/note:1`"),
    ("reachable", reading(path="bank/note:1"), "it exited with code 3"),
    ("known", reading(path="desk/gret", action="get"), "there is no prompt `desk/gret`; did you mean `desk/greet`?"),
    ("known", reading(path="desk/worse", action="get"), "prompt `desk/worse` was left out"),
    ("valid", reading(path="desk/greet", action="get"), "needs the argument `who`"),
    ("valid", reading("note:9", path="desk/note:1"), "read by its URI"),
    ("valid", reading(path="desk/greet", action="complete"), "in `ref`"),
]


@pytest.mark.parametrize(("gate", "made", "why"), OTHERS)
def test_what_is_read_or_got_meets_the_same_gates(gate: str, made: Call, why: str) -> None:
    verdict = judge(made, shelf())
    assert (verdict.gate, why in verdict.why) == (gate, True)


def test_a_budget_of_calls_is_about_tools() -> None:
    spent: dict[str, Any] = {"limits": Limits(tool_calls=3), "taken": Spend(tool_calls=3)}
    assert isinstance(judge(reading(), shelf(**spent)), Allow)
    assert judge(call(), facts(**spent)).gate == "within_budget"


def test_a_yes_to_a_tool_of_that_name_is_none_to_reading_and_the_other_way_round() -> None:
    wanted = reading("note:2")
    now = shelf().policy.digest
    yes = replace(asked(wanted, facts=shelf()), pin="", action="read", policy=now)
    assert isinstance(judge(wanted, shelf(approval=yes)), Allow)
    as_call = asked(replace(wanted, action="call"), pin="", policy=now)
    assert isinstance(judge(wanted, shelf(approval=as_call)), Ask)


def test_whoever_overhears_a_policy_is_told_of_calls_subscriptions_and_answers() -> None:
    heard: list[tuple[str, str, str]] = []

    def overheard(told: Facts) -> Facts:
        return replace(
            told, policy=told.policy.overheard(lambda it, got: heard.append((it.action, it.object, got.effect)))
        )

    judge(call(), overheard(facts()))
    resource = next(iter(shelf().catalogue.resources.values()))
    judge_subscriber(ANN, resource, overheard(shelf()))
    judge_approver(ANN, asked(), overheard(facts()))
    assert [(action, path) for action, path, _ in heard] == [
        ("call", "shop/refund"),
        ("subscribe", resource.path),
        ("approve", "shop/refund"),
    ]


def test_a_call_that_waits_for_a_person_is_told_of_once() -> None:
    heard: list[str] = []
    listening = facts(policy=parse(RULES).overheard(lambda _, got: heard.append(got.effect)))
    assert isinstance(judge(call(20), listening), Ask)
    assert heard == [], "nobody has looked yet whether people have said something"
    assert isinstance(judge(call(20), replace(listening, sought=True)), Ask)
    assert heard == ["ask"]
    judge(call(20), listening)
    assert isinstance(judge(call(20), replace(listening, sought=True, approval=asked())), Allow)
    judge(call(20), replace(listening, sought=True, approval=asked(state="denied")))
    judge(call(5), replace(listening, repeated=True))
    assert heard == ["ask"]


def test_who_may_hear_of_a_resource_is_policy_too() -> None:
    assert isinstance(judge_subscriber(ANN, NOTE, shelf()), Allow)
    assert judge_subscriber(ANN, replace(NOTE, name="note:2"), shelf()).why == "not watched"
    assert isinstance(judge_subscriber(BOB, NOTE, shelf()), Deny)


# ---- two policies


@pytest.mark.parametrize(
    ("other", "amount", "same"),
    [
        ("p, user:ann, acme, shop/*, call, , allow, another line", 5, True),
        ("p, user:ann, acme, shop/*, call, , ask, it is asked", 5, False),
        ("p, user:bob, acme, shop/*, call, , allow, bob only", 5, False),
        ("p, user:bob, acme, shop/*, call, , allow, bob only", 500, True),
        ("p, user:ann, acme, shop/*, call, , allow, with a duty\no, *, *, shop/refund, call, , dry_run, x", 5, False),
    ],
)
def test_two_policies_are_alike_for_a_call_if_they_have_the_same_consequence(
    other: str, amount: int, same: bool
) -> None:
    heard: list[object] = []
    policy = parse(RULES).overheard(lambda *what: heard.append(what))
    assert alike(call(amount), facts(policy=policy), facts(policy=parse(other + "\n"))) is same
    assert heard == []
