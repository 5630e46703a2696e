import asyncio
from pathlib import Path

import pytest

import gateway.cli.budgets as under_test
from gateway.budget import Limits, Spend
from gateway.events import Queued
from gateway.store import Reserve, Settle
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command

A_CALL = Spend(tool_calls=1)


def spent(project: Path, *accounts: str) -> None:
    store = SqliteStore(project / ".toolgate" / "toolgate.db")
    try:
        changes = [
            change for name in accounts for change in (Reserve(name, A_CALL, Limits()), Settle(name, A_CALL, A_CALL))
        ]
        queued = Queued("client", "user:ann", "default", input="an editor")
        asyncio.run(store.append("r-1", [queued], lease=None, changes=changes))
    finally:
        store.close()


def limited(project: Path) -> None:
    (project / "policies" / "budgets.toml").write_text(
        '[run]\nturns = 7\n[budgets.calls]\neach = "subject"\ntool_calls = 2\nwarn_at = "50%"\n'
        '[budgets.money]\nusd = "$5"\nper = "day"\nthen = "ask"\n'
    )
    spent(project, "budget:calls|tenant=default,subject=user:ann", "budget:calls|tenant=default,subject=user:bob")


def test_what_is_left_is_shown_in_columns(bare: Path, toolgate: Command) -> None:
    limited(bare)
    said = toolgate("budgets")
    assert said.code == 0
    ann, bob, money = said.out.splitlines()
    assert ann == "calls  tenant=default,subject=user:ann  1 tool call of 2 tool calls left, low  deny"
    assert bob.split()[1] == "tenant=default,subject=user:bob"
    assert money.startswith("money  all")
    assert "$5 of $5 left" in money
    assert "ask" in money
    assert "anew in" in money
    assert "each run: 7 turns" in said.err


def test_a_person_sees_what_is_left_to_him(bare: Path, toolgate: Command) -> None:
    limited(bare)
    rows = toolgate("budgets", "--as", "user:bob", "--tenant", "default", "--json").json["budgets"]
    assert [(row["budget"], row["key"]) for row in rows] == [
        ("calls", "tenant=default,subject=user:bob"),
        ("money", ""),
    ]


def test_a_person_sees_what_his_own_runs_have_left_and_nobody_elses(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "budgets.toml").write_text('[budgets.runs]\neach = "run"\ntool_calls = 2\n')
    spent(bare, "budget:runs|run=r-1", "budget:runs|run=r-2")  # r-1 is Ann's, and nobody knows r-2
    for who, keys in (("user:ann", ["run=r-1"]), ("user:bob", [])):
        rows = toolgate("budgets", "--as", who, "--tenant", "default", "--json").json["budgets"]
        assert [row["key"] for row in rows] == keys
    assert len(toolgate("budgets", "--json").json["budgets"]) == 2


def test_of_many_accounts_those_are_shown_of_which_least_is_left(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MOST_SHOWN", 2)
    (bare / "policies" / "budgets.toml").write_text('[budgets.runs]\neach = "run"\ntool_calls = 9\n')
    spent(bare, *(f"budget:runs|run=r-{n}" for n in (1, 2, 2, 3, 4, 4, 4)))
    said = toolgate("budgets")
    assert [line.split()[1:3] for line in said.out.splitlines()] == [["run=r-2", "7"], ["run=r-4", "6"]]
    assert "and 2 more, of which more is left: --json has all" in said.err
    assert len(toolgate("budgets", "--json").json["budgets"]) == 4


def test_programs_read_it_as_json(bare: Path, toolgate: Command) -> None:
    limited(bare)
    said = toolgate("budgets", "--json").json
    assert said["run"]["turns"] == 7
    assert said["clients"] == {}
    assert said["budgets"][0] == {
        "budget": "calls",
        "key": "tenant=default,subject=user:ann",
        "unit": "tool_calls",
        "limit": 2,
        "used": 1,
        "reserved": 0,
        "left": 1,
        "low": True,
        "then": "deny",
        "ends": None,
    }


def test_without_such_budgets_it_says_how_to_write_one(bare: Path, toolgate: Command) -> None:
    said = toolgate("budgets")
    assert (said.code, said.out) == (0, "")
    assert "[budgets.NAME]" in said.err
