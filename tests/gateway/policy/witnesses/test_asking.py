from collections.abc import Sequence

from gateway.policy import parse
from gateway.policy.changes import Pair
from gateway.policy.witnesses.asking import Asking, Meeting
from tests.fixtures.policies import a_tool

ROLES = "p, role:a, *, shop/*, call, , allow, x\ng, role:b, role:a, acme\n" + "".join(
    f"g, user:u{number}, role:{'ab'[number % 2]}, acme\n" for number in range(20)
)


def asked(old: str, line: str, *, most: int = 500, whom: Sequence[str] | None = None) -> tuple[list[Meeting], Asking]:
    pair = Pair(parse(old), parse(f"{old}\n{line}"))
    asking = Asking(pair, {"shop/stock": a_tool("shop/stock")})
    return list(asking.worlds(pair.only_new[0], whom, most)), asking


def whom(meetings: list[Meeting]) -> set[str]:
    return {str(meeting.world.subject) for meeting in meetings}


def what(meetings: list[Meeting]) -> set[str]:
    return {meeting.world.object for meeting in meetings}


def test_of_those_who_are_the_same_to_all_lines_one_is_asked() -> None:
    found, asking = asked(ROLES, "p, role:a, acme, shop/refund, call, , ask, x")
    assert len(whom(found)) == 1
    assert asking.below("role:a") == {f"user:u{number}" for number in range(20)}
    assert not asking.cut


def test_who_is_named_and_who_has_nothing_are_asked_apart() -> None:
    lines = "p, user:u3, *, shop/refund, call, , deny, x"
    found, _ = asked(f"{ROLES}{lines}", "p, *, *, shop/refund, call, , ask, x")
    met = {str(meeting.world.subject): len(meeting.old) for meeting in found if meeting.world.subject.tenant == "acme"}
    assert met["user:u3"] == 2
    assert 1 in met.values()
    assert [meeting.world.subject.tenant for meeting in found if not meeting.old] == ["elsewhere"]


def test_an_agent_is_asked_through_users_of_each_kind() -> None:
    found, _ = asked(ROLES, "p, agent:desk, *, shop/refund, call, , allow, x")
    assert "user:stranger via agent:desk" in whom(found)
    assert len(whom(found)) > 1
    personal, _ = asked(ROLES, "p, *, acme, shop/refund, call, subject.agent == 'agent:x', allow, x")
    assert any(who.endswith("via agent:x") for who in whom(personal))


def test_a_pattern_is_tried_on_what_is_known_named_and_made_up() -> None:
    lines = "p, *, *, shop/refund, call, , ask, x\np, *, *, */re*, call, , ask, x\np, *, *, bank/pay, call, , ask, x"
    found, _ = asked(lines, "p, *, *, shop/*, call, , deny, x")
    assert {"shop/stock", "shop/refund"} <= what(found)
    assert any(path.startswith("shop/re") and path != "shop/refund" for path in what(found))
    assert not any(path.startswith("bank/") for path in what(found))


def test_what_meets_the_same_lines_in_both_policies_is_not_asked() -> None:
    pair = Pair(parse(ROLES), parse(f"{ROLES}p, role:c, *, shop/*, call, , deny, x"))
    assert list(Asking(pair, {}).worlds(pair.only_new[0], None, 100)) == []


def test_more_than_is_looked_at_is_said() -> None:
    found, asking = asked(ROLES, "p, *, *, */*, call, , deny, x", most=3)
    assert asking.cut
    assert len(found) <= 3
    only, _ = asked(ROLES, "p, *, *, */*, call, , deny, x", whom=["user:u1"])
    assert whom(only) == {"user:u1"}
