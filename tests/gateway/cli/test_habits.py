"""Which rules are always answered with yes."""

import asyncio
from pathlib import Path
from typing import Any

from gateway.approval import Vote
from gateway.fatigue import ENOUGH
from gateway.store import Open
from gateway.store.sqlite import SqliteStore
from tests.builders import CLIENT, NOON, STARTED, a_call, an_approval
from tests.gateway.cli.conftest import Command


def fill(project: Path, count: int, **more: Any) -> None:
    store = SqliteStore(next(project.rglob("*.db"), project / ".toolgate" / "toolgate.db"))
    asyncio.run(store.append("r-9", [CLIENT, STARTED], lease=None))
    for n in range(count):
        call = a_call("shop/refund", {"amount": n % 40, "customer": "c-1"})
        vote = Vote("user:bob", NOON + 900, "approved", digest=call.digest)
        answered = {"claim": f"{n}", "state": "consumed", "decisions": (vote,), "decided_at": NOON + 900, **more}
        asked = an_approval(f"A-{n}", call, **answered)
        asyncio.run(store.append("r-9", [], lease=None, changes=[Open(asked)]))
    store.close()


def test_nobody_was_asked_yet(bare: Path, toolgate: Command) -> None:
    assert toolgate("approvals", "rules").err == "nobody was asked yet\n"


def test_a_rule_that_is_always_answered_with_yes_is_reported_with_what_to_leave_out(
    bare: Path, toolgate: Command
) -> None:
    toolgate("approvals")
    fill(bare, ENOUGH)
    told = toolgate("approvals", "rules").out
    assert "policies/policy.csv:3  50   0   0       100%  0.9 s" in told
    assert "was answered with yes 50 of 50 times, half of them in less time than it takes to read one" in told
    assert "shop/refund when " in told
    assert "args.customer == 'c-1'" in told
    (habit,) = toolgate("approvals", "rules", "--json").json
    assert (habit["tired"], habit["rate"]) == (True, 1.0)
    assert habit["proposal"].startswith("shop/refund when ")


def test_whoever_asks_for_lines_that_allow_more_is_told_of_what_is_always_agreed_to(
    bare: Path, toolgate: Command
) -> None:
    assert "asks, and is nearly always" not in toolgate("policy", "suggest").err
    toolgate("approvals")
    fill(bare, ENOUGH)
    told = toolgate("policy", "suggest").err
    assert "policies/policy.csv:3 asks, and is nearly always answered with yes: `toolgate approvals rules`" in told
    assert "`toolgate policy suggest --from-approvals` writes lines that ask about less" in told
    assert toolgate("policy", "suggest", "--json").json["always_approved"] == ["policies/policy.csv:3"]


def test_a_few_answers_say_nothing(bare: Path, toolgate: Command) -> None:
    toolgate("approvals")
    fill(bare, ENOUGH - 1)
    (habit,) = toolgate("approvals", "rules", "--json").json
    assert (habit["tired"], habit["proposal"]) == (False, None)


def test_what_a_budget_asks_is_counted_for_that_budget(project: Path, toolgate: Command) -> None:
    (project / "policies" / "budgets.toml").write_text(
        '[budgets.echoes]\ntool = "echo/echo"\ntool_calls = 1\nthen = "ask"\n'
    )
    call = ("call", "echo/echo", '{"text": "hi"}')
    assert toolgate(*call).code == 0
    asked = toolgate(*call, "--json").error["approval"]
    assert toolgate("approve", asked, "--as", "user:bob").code == 0
    (habit,) = toolgate("approvals", "rules", "--json").json
    assert (habit["rule"], habit["approved"], habit["proposal"]) == ("budget `echoes`", 1, None)


def test_a_budget_that_is_always_passed_is_no_rule_to_narrow(bare: Path, toolgate: Command) -> None:
    toolgate("approvals")
    fill(bare, ENOUGH, rule=None, reasons=("budget:refunds|user=user:ann#tool_calls",))
    told = toolgate("approvals", "rules").out
    assert "budget `refunds` was answered with yes 50 of 50 times" in told
    assert "raise its limit in budgets.toml" in told
    assert "policy suggest" not in told
    assert toolgate("policy", "suggest", "--json").json["always_approved"] == []
