from typing import Any

from gateway.policy import Policy, Query, parse
from gateway.policy.suggest.asking import Reliefs, reliefs
from gateway.policy.suggest.recorded import Answered
from tests.fixtures.policies import a_query

POLICY = """\
p, user:ann, *, shop/*, call, , allow, ann may
p, user:bob, *, shop/*, call, , allow, bob may
p, *, *, shop/order, call, , ask, orders need a person
p, *, *, shop/*, call, args.amount > 100, ask, much
"""


def order(amount: int = 5, who: str = "user:ann", path: str = "shop/order", **more: Any) -> Query:
    return a_query(who, path, {"amount": amount}, **more)


def answers(*found: Query, no: tuple[int, ...] = ()) -> list[Answered]:
    return [Answered(f"r-1/c/{n}", n, query, n not in no, "user:boss") for n, query in enumerate(found)]


def relieved(*found: Query, no: tuple[int, ...] = (), who: str | None = None) -> Reliefs:
    return reliefs(parse(POLICY), answers(*found, no=no), who)


def replaced(found: Reliefs) -> Policy:
    """The policy with the suggested lines in the place of those that they are for."""
    lines = POLICY.splitlines()
    for one in found.suggested:
        lines[int(one.rule.partition(":")[2]) - 1] = one.row
    return parse("\n".join(lines))


def test_the_line_that_asked_is_suggested_without_what_was_always_agreed_to() -> None:
    found = relieved(*[order()] * 3)
    (one,) = found.suggested
    assert (one.rule, one.text) == ("policy.csv:3", "p, *, *, shop/order, call, , ask, orders need a person")
    assert one.row == (
        "p, *, *, shop/order, call, not (subject.user == 'user:ann' and subject.agent == '' and"
        " subject.tenant == 'acme' and args.amount == 5 and len(args) == 1), ask, orders need a person"
    )
    assert (len(one.agreed[0].calls), one.agreed[0].by, one.also) == (3, ("user:boss",), ())


def test_the_new_line_spares_these_calls_and_no_others() -> None:
    policy = replaced(relieved(*[order()] * 3))
    assert policy.decide(order()).effect == "allow"
    others = (
        order(6), order(5, "user:bob"), order(5, tenant="other"), order(5, "user:ann via agent:x"),
        a_query("user:ann", "shop/order", {"amount": 5, "gift": True}), a_query("user:ann", "shop/order", {}),
        order(500),
    )  # fmt: skip
    old = parse(POLICY)
    assert [policy.decide(query).effect for query in others] == [old.decide(query).effect for query in others]


def test_every_line_that_asked_is_suggested_anew() -> None:
    found = relieved(*[order(500)] * 3)
    assert [one.rule for one in found.suggested] == ["policy.csv:3", "policy.csv:4"]
    assert "(args.amount > 100) and not (" in found.suggested[1].row
    assert "tool.server == 'shop' and tool.name == 'order'" in found.suggested[1].row
    assert replaced(found).decide(order(500)).effect == "allow"


def test_what_people_agreed_to_for_several_is_taken_out_of_one_line() -> None:
    found = relieved(*[order()] * 3, *[order(7, "user:bob")] * 4)
    (one,) = found.suggested
    assert [len(group.calls) for group in one.agreed] == [3, 4]
    policy = replaced(found)
    assert [policy.decide(order(7, who)).effect for who in ("user:bob", "user:ann")] == ["allow", "ask"]


def test_nothing_is_suggested_where_somebody_said_no_or_hardly_anybody_yes() -> None:
    assert relieved(*[order()] * 4, no=(3,)).left_out == (("people said no to one of the kind", 4),)
    assert relieved(*[order()] * 2).left_out == (("people agreed fewer than 3 times", 2),)
    assert relieved(*[order()] * 2).suggested == ()


def test_what_the_policy_does_not_ask_about_today_needs_no_line() -> None:
    found = relieved(*[order(5, path="shop/look")] * 3)
    assert (found.suggested, found.left_out) == ((), (("the policy does not ask about them today", 3),))


def test_only_one_persons_calls_are_looked_at() -> None:
    found = relieved(*[order()] * 3, *[order(7, "user:bob")] * 3, who="user:bob")
    assert found.answers == 3
    assert "user:ann" not in found.suggested[0].row


def test_a_tool_that_is_not_known_is_not_spared() -> None:
    unknown = Query(*[getattr(order(500), name) for name in Query.__dataclass_fields__])
    strange = [Query(unknown.subject, "call", "shop/x", {"amount": 500}, None, unknown.run, unknown.now)] * 3
    found = relieved(*strange)
    assert found.suggested == ()
    assert found.left_out[0][0].startswith("no line can be shown to spare them the question")
