from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.budget import Spend
from gateway.policy import RunFacts
from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import NAMES, WEEKDAYS, Scope
from tests.fixtures.policies import a_query, a_tool


def seen(name: str, scope: Scope) -> Any:
    root, _, field = name.partition(".")
    return NAMES[root][field][1](scope)


RUN = RunFacts(calls=3, tokens=1000, nanos=250_000_000, millis=1500, tainted=True, servers=frozenset({"mail", "crm"}))
QUERY = a_query("user:ann via agent:support", tool=a_tool("shop/refund", readOnlyHint=True), run=RUN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tool.read_only", True), ("tool.destructive", False), ("tool.idempotent", True), ("tool.open_world", True),
        ("tool.trusted", True), ("tool.server", "shop"), ("tool.name", "refund"), ("tool.pin", "pin of shop/refund"),
        ("subject.id", "agent:support"), ("subject.user", "user:ann"), ("subject.agent", "agent:support"),
        ("subject.tenant", "acme"), ("subject.roles", ["role:a", "role:b"]),
        ("run.calls", 3), ("run.tokens", 1000), ("run.usd", 0.25), ("run.seconds", 1.5), ("run.tainted", True),
        ("run.servers", ["crm", "mail"]),
        ("now.weekday", "sat"), ("now.hour", 12), ("now.minute", 30), ("now.date", "2026-11-21"),
        ("now.iso", "2026-11-21T12:30:00+00:00"),
    ],
)  # fmt: skip
def test_conditions_see_the_query_under_these_names(name: str, value: Any) -> None:
    assert seen(name, Scope(QUERY, "agent:support", frozenset({"role:b", "role:a"}))) == value


def test_every_name_has_a_value_of_its_kind_for_every_query() -> None:
    kinds = {"bool": bool, "number": int | float, "string": str, "list": list, "weekday": str}
    query = a_query(requester="user:bob")
    scope = Scope(replace(query, subject=replace(query.subject, since=0.0)), "user:ann", frozenset())
    for fields in NAMES.values():
        for kind, read in fields.values():
            assert isinstance(read(scope), kinds[kind])


def test_without_an_agent_its_name_is_empty() -> None:
    assert seen("subject.agent", Scope(a_query(), "user:ann", frozenset())) == ""


def test_an_unknown_tool_makes_what_is_said_about_it_undecidable() -> None:
    scope = Scope(replace(QUERY, tool=None), "user:ann", frozenset())
    assert {seen(f"tool.{name}", scope) for name in NAMES["tool"]} == {UNDECIDED}


@pytest.mark.parametrize(("requester", "own"), [("user:ann", True), ("user:bob", False), (None, UNDECIDED)])
def test_whose_request_it_is_may_be_unknown(requester: str | None, own: Any) -> None:
    assert seen("subject.is_requester", Scope(a_query(requester=requester), "user:ann", frozenset())) is own


@pytest.mark.parametrize(
    ("before", "age"), [(3600.5, 3600.5), (0.0, 0.0), (-30.0, 0.0), (-3600.0, UNDECIDED), (None, UNDECIDED)]
)
def test_how_long_ago_somebody_showed_who_he_is_may_be_unknown(before: float | None, age: Any) -> None:
    query = a_query()
    since = None if before is None else query.now.timestamp() - before
    subject = replace(query.subject, since=since)
    assert seen("subject.auth_age", Scope(replace(query, subject=subject), "user:ann", frozenset())) == age


def test_what_a_run_has_done_is_what_it_has_spent() -> None:
    spent = Spend(tool_calls=3, tokens=1000, nanos=250_000_000, millis=1500, turns=9)
    assert RunFacts.of(spent, tainted=True, servers=frozenset({"mail", "crm"})) == RUN


def test_which_servers_were_read_may_be_unknown() -> None:
    scope = Scope(a_query(run=RunFacts(servers=None)), "user:ann", frozenset())
    assert seen("run.servers", scope) is UNDECIDED


def test_a_week_begins_on_monday() -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    assert seen("now.weekday", Scope(a_query(now=monday), "user:ann", frozenset())) == WEEKDAYS[0] == "mon"
