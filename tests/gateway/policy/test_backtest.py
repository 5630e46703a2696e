from typing import Any

from gateway.policy import parse
from gateway.policy.backtest import Backtest
from gateway.policy.history import Stopped
from tests.gateway.policy.test_again import SEEN, a_call

OLD = parse(
    "p, *, *, shop/*, call, args.amount <= 10, allow, small\np, *, *, shop/*, call, args.amount > 5, ask, x", "a.csv"
)
NEW = parse(
    "p, *, *, shop/*, call, args.amount <= 20, allow, small\np, *, *, shop/*, call, tool.read_only, deny, x", "b.csv"
)


def backtest(*calls: dict[str, Any], seen: Any = SEEN) -> Backtest:
    found = Backtest(OLD, NEW)
    for number, changes in enumerate(calls):
        found.add("r-1", a_call(key=f"call/{number}", policy=OLD.digest, **changes), seen)
    return found


def test_each_call_is_compared_with_what_the_record_says() -> None:
    found = backtest(
        {"effect": "allow", "rule": "policies/a.csv:1"},
        {"effect": "ask", "rule": "a.csv:2", "arguments": '{"amount": 7}'},
        {"effect": "deny", "arguments": '{"amount": 17}'},
        seen={**SEEN, "tools": {"shop/refund": ["pin-1", True, {}]}},
    )
    assert found.tally.counts() == {"deny->allow": 1, "ask->allow": 1}
    assert [group.example.causes[0].rule for group in found.tally.groups] == ["b.csv:1", "a.csv:2"]
    assert found.check.same == found.check.reproduced == 3


def test_a_record_that_the_policy_in_force_does_not_say_again_is_named() -> None:
    found = backtest({"effect": "deny", "rule": "a.csv:9"}, {"effect": "allow", "rule": "x/a.csv:1"})
    assert (found.check.same, found.check.reproduced, found.check.differing) == (2, 1, ["r-1/call/0"])
    assert found.tally.groups[0].example.causes[0].rule in ("a.csv:9", "b.csv:2", "a.csv:1")


def test_calls_of_other_policies_and_of_unnamed_ones_are_counted_apart() -> None:
    found = Backtest(OLD, NEW)
    found.add("r-1", a_call(policy="another"), SEEN)
    found.add("r-1", a_call(policy=None, effect="allow", rule="a.csv:1"), SEEN)
    assert (found.check.others, found.check.unnamed, found.check.unnamed_reproduced, found.check.same) == (1, 1, 1, 0)


def test_what_can_not_be_decided_and_what_was_never_asked_is_counted() -> None:
    found = backtest({}, seen=None)
    found.add("r-1", Stopped(0, "valid"), None)
    told = found.to_json()
    assert told["can_not_be_decided"] == {"what its tool was like is not in the record": 1}
    assert told["stopped_at_other_gates"] == {"valid": 1}
    assert (told["decided_again"], told["changes"]) == (0, [])


def test_calls_that_would_keep_to_other_duties_are_changes() -> None:
    allow = "p, *, *, shop/*, call, , allow, x\n"
    old = parse(allow + "o, *, *, shop/*, call, , redact=ssn, y", "a.csv")
    new = parse(allow + "o, *, *, shop/*, call, args.amount > 5, redact=ssn, y", "b.csv")
    for amount, counts in ((3, {"duties loosened": 1}), (7, {})):
        found = Backtest(old, new)
        found.add("r-1", a_call(effect="allow", rule="a.csv:1", arguments=f'{{"amount": {amount}}}'), SEEN)
        assert found.tally.counts() == counts
    found = Backtest(old, new)
    found.add("r-1", a_call(effect="deny", arguments='{"amount": 3}'), SEEN)
    assert found.tally.counts() == {"deny->allow": 1}
    assert [cause.rule for cause in found.tally.groups[0].example.causes] == ["b.csv:1"]


def test_a_call_of_which_a_line_that_obliges_wants_to_know_more_is_not_decided() -> None:
    allow = "p, *, *, shop/*, call, , allow, x\n"
    new = parse(allow + "o, *, *, shop/*, call, tool.read_only, redact=ssn, y", "b.csv")
    found = Backtest(parse(allow, "a.csv"), new)
    found.add("r-1", a_call(effect="allow", rule="a.csv:1"), None)
    assert found.to_json()["can_not_be_decided"] == {"what its tool was like is not in the record": 1}
