from datetime import date
from typing import Any

import pytest

from gateway.call import Subject, Tool
from gateway.offer import Offer
from gateway.policy.witnesses.domains import ELSE, NOON, World, built, domains, thing_in
from gateway.policy.witnesses.values import MISSING
from tests.fixtures.policies import a_tool

ANN = Subject("user:ann", "acme")
WORLD = World(ANN, "call", "shop/refund")


def tried(*texts: str, world: World = WORLD) -> Any:
    return domains(texts, world)


def test_an_argument_may_be_missing_and_of_another_kind() -> None:
    values = tried("args.amount <= 10")["args", "amount"]
    assert values[0] is MISSING
    assert {"a", None, 9, 10, 11, 9.5} <= set(values[1:])
    assert 0 in tried("args.kind == 'a'")["args", "kind"]


def test_what_one_line_compares_is_tried_for_all() -> None:
    both = tried("args.a <= 10", "args.a == args.b and args.b == 'x'")
    assert {10, "x"} <= set(both["args", "a"])


def test_a_tool_is_tried_in_each_way_that_lines_can_see_it() -> None:
    (things,) = tried("tool.read_only and not tool.destructive").values()
    assert sorted((tool.read_only, tool.destructive) for tool in things) == [
        (False, False),
        (False, True),
        (True, False),
    ]
    (pinned,) = tried("tool.pin == 'abc'").values()
    assert {"abc", ""} <= {tool.pin for tool in pinned}


def test_a_known_tool_comes_first_and_a_resource_has_nothing_but_its_trust() -> None:
    known = a_tool("shop/refund", readOnlyHint=True)
    assert tried("tool.read_only", world=World(ANN, "call", "shop/refund", known))["tool",][0] is known
    (offers,) = tried("tool.trusted or tool.read_only", world=World(ANN, "read", "a/b://c")).values()
    assert [(type(offer), offer.trusted) for offer in offers] == [(Offer, False), (Offer, True)]


def test_facts_of_the_run_and_the_time_are_around_what_lines_name() -> None:
    found = tried("run.calls < 5 and run.tainted", "now.hour >= 9", "now.weekday == 'sun'", "now.date < '2026-12-01'")
    assert set(found["run", "calls"]) == {0, 4, 5, 6}
    assert found["run", "tainted"] == (False, True)
    assert set(found["now", "hour"]) == {12, 8, 9, 10}
    assert len({day.weekday() for day in found["now", "date"]}) == 7
    assert {date(2026, 11, 30), date(2026, 12, 2)} <= {moment.date() for moment in found["now", "at"]}


def test_the_request_has_what_was_chosen_and_is_else_ordinary() -> None:
    chosen: Any = {
        ("args", "a", "b", 1): 5,
        ("args", "c"): MISSING,
        ("args", "d"): {"x": 1},
        ("run", "usd"): 0.5,
        ("run", "seconds"): 2,
        ("now", "hour"): 9,
        ("now", "date"): date(2026, 1, 10),
    }
    query = built(WORLD, chosen)
    assert query.args == {"a": {"b": [None, 5]}, "d": {"x": 1}}
    assert (query.run.nanos, query.run.millis) == (500_000_000, 2000)
    assert query.now == NOON.replace(day=10, hour=9)
    assert (query.requester, query.tool) == (None, Tool("shop", "refund", {"name": "refund"}, ""))


@pytest.mark.parametrize(
    ("chosen", "args"),
    [
        ({("args", "a"): 1, ("args", "a", "b"): 2}, {"a": 1}),
        ({("args", "a", -1): 2}, {"a": [2]}),
        ({("args", "a", 0, "b"): 2}, {"a": [{"b": 2}]}),
        ({("args", "a", -1, "b"): 1, ("args", "a", 1, "b"): 2}, {"a": [None, {"b": 2}, {"b": 1}]}),
        ({("args", "a"): [1, 2], ("args", "a", -1): 3}, {"a": [1, 3]}),
        ({("args", "a", -2): 1, ("args", "a", -1, 0): 2}, {"a": [1, [2]]}),
    ],
)
def test_values_that_do_not_go_together_do_no_harm(chosen: Any, args: dict[str, Any]) -> None:
    assert built(WORLD, chosen).args == args


def test_somebody_else_asked_for_what_is_to_be_approved_unless_lines_look_at_it() -> None:
    world = World(ANN, "approve", "shop/refund")
    assert built(world, {}).requester == ELSE
    assert tried("not subject.is_requester", world=world)["requester",] == (ELSE, "user:ann", None)
    assert isinstance(thing_in(World(ANN, "get", "shop/greet")), Offer)


def test_a_run_is_tried_having_heard_a_server_and_not_and_nobody_knowing() -> None:
    tries = tried("'mail' in run.servers")["run", "servers"]
    runs = [built(WORLD, {("run", "servers"): servers}).run.servers for servers in tries]
    assert runs[0] == built(WORLD, {}).run.servers == frozenset()
    assert {frozenset({"mail"}), frozenset({"other"}), None} <= set(runs)


def test_what_one_request_puts_into_a_list_no_other_one_sees() -> None:
    chosen: Any = {("args", "a"): [1, 2], ("args", "a", 0): 3}
    assert built(WORLD, chosen).args == {"a": [3, 2]}
    assert chosen["args", "a"] == [1, 2]


def test_somebody_has_shown_who_he_is_at_below_and_above_the_age_and_never() -> None:
    ages = tried("subject.auth_age > 9")["subject", "auth_age"]
    assert ages[0] is None
    assert {8, 9, 10} <= set(ages)
    assert built(WORLD, {}).subject.since is None
    assert built(WORLD, {("subject", "auth_age"): 10}).subject.since == NOON.timestamp() - 10


def test_each_argument_comes_from_somewhere_of_its_own() -> None:
    origins: Any = {("run", "origins", "to"): ("said",), ("run", "origins", "cc"): ("read",)}
    assert {*origins, ("args", "to"), ("args", "cc")} == set(tried("from_user(args.to) and from_user(args.cc)"))
    sources = built(WORLD, {("args", "to"): "ato", ("args", "cc"): "acc", **origins}).run.sources
    assert sources is not None
    assert [sources.from_user(value) for value in ("ato", "acc")] == [True, False]
    assert [sources.from_untrusted(value) for value in ("ato", "acc")] == [False, True]
    assert built(WORLD, {**origins, ("run", "origins", "to"): None}).run.sources is None
