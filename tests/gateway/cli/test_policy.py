import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.policy import ACTIONS
from gateway.policy.wording import ACTIONS as KNOWN
from tests.gateway.cli.conftest import POLICY, Command


def rewrite(project: Path, text: str) -> None:
    (project / "policies" / "policy.csv").write_text(text)


# ---- check


def test_a_sound_policy_passes(bare: Path, toolgate: Command) -> None:
    checked = toolgate("policy", "check")
    assert (checked.code, checked.out, checked.err) == (0, "", "no errors, no warnings\n")


def test_each_error_stands_at_its_line_and_column(bare: Path, toolgate: Command) -> None:
    rewrite(bare, POLICY + "p, user:ann, *, echo/*, call, , alow, typo\np, user:ann\n")
    checked = toolgate("policy", "check")
    assert checked.code == 3
    first, second = checked.out.splitlines()
    assert first.startswith("policies/policy.csv:9:33: error: ")
    assert "did you mean `allow`?" in first
    assert second.startswith("policies/policy.csv:10:")
    assert checked.err == "2 errors, no warnings\n"


def test_a_warning_is_no_failure(bare: Path, toolgate: Command) -> None:
    rewrite(bare, POLICY + "p, role:nobody, *, echo/*, call, , allow, unused\n")
    checked = toolgate("policy", "check")
    assert checked.code == 0
    assert "policies/policy.csv:9:" in checked.out
    assert checked.err == "no errors, 1 warning\n"


def test_the_json_of_a_check_keeps_its_shape(bare: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    rewrite(bare, POLICY + "p, user:ann, *, echo/*, call, , alow, typo\n")
    checked = toolgate("policy", "check", "--json")
    assert checked.code == 3
    golden("cli_policy_check", checked.json)


def test_budgets_are_checked_with_it(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "budgets.toml").write_text("[run]\nturnss = 3\n")
    checked = toolgate("policy", "check")
    assert checked.code == 3
    assert "budgets.toml:2:1: error: there is no key `turnss`" in checked.out


def test_with_servers_lines_are_compared_with_the_tools_that_are_there(project: Path, toolgate: Command) -> None:
    rewrite(project, POLICY + "p, user:bob, *, echo/ehco, call, , allow, typo\n")
    assert toolgate("policy", "check").out == ""
    checked = toolgate("policy", "check", "--servers")
    assert checked.code == 0
    assert "`echo/ehco` matches no tool (did you mean `echo/echo`?)" in checked.out


def test_a_server_that_can_not_be_asked_is_named(project: Path, toolgate: Command) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    checked = toolgate("policy", "check", "--servers")
    assert checked.code == 0
    assert "lines about `echo` were not compared: `no-such-program` was not found" in checked.err
    assert set(toolgate("policy", "check", "--servers", "--json").json["missing"]) == {"echo"}


# ---- explain

REFUND = ("policy", "explain", "--who", "user:ann", "--tool", "echo/echo")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--args", '{"text": "yes"}'), "call echo/echo: allowed"),
        (("--args", '{"text": "no"}'), "call echo/echo: denied"),
        (("--args", '{"text": "no"}'), "line  policies/policy.csv:5"),
        (("--agent", "desk", "--args", '{"text": "yes"}'), "user:ann via agent:desk (acme) call echo/echo: allowed"),
        (("--agent", "other", "--args", '{"text": "yes"}'), "no line allows agent:other"),
        ((), "args.text is not given"),
    ],
)
def test_a_verdict_is_explained_and_is_never_a_failure(
    arguments: tuple[str, ...], said: str, bare: Path, toolgate: Command
) -> None:
    explained = toolgate(*REFUND, *arguments, "--offline")
    assert (explained.code, explained.err) == (0, "")
    assert said in explained.out


def test_the_json_of_an_explanation_keeps_its_shape(
    project: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    denied = toolgate(*REFUND, "--agent", "desk", "--args", '{"text": "no"}', "--json")
    assert (denied.code, denied.err) == (0, "")
    golden("cli_policy_explain", denied.json)


def test_the_role_path_and_the_nearest_miss_are_shown(bare: Path, toolgate: Command) -> None:
    approving = ("policy", "explain", "--tool", "echo/add", "--action", "approve", "--offline", "--args", "{}")
    allowed = toolgate(*approving, "--who", "user:bob", "--requester", "ann").out
    assert "user:bob -> role:boss (policies/policy.csv:8)" in allowed
    missed = toolgate(*approving, "--who", "user:eve", "--requester", "ann").out
    assert "denied" in missed
    assert "near  policies/policy.csv:7 would allow it, but user:eve does not have role:boss" in missed


def test_facts_about_the_tool_come_from_its_server(project: Path, toolgate: Command) -> None:
    rewrite(project, "p, *, *, */*, call, tool.read_only and tool.trusted, allow, reading is free\n")
    assert "allowed" in toolgate(*REFUND, "--args", "{}").out
    offline = toolgate(*REFUND, "--args", "{}", "--offline")
    assert "denied" in offline.out
    assert toolgate(*REFUND, "--offline", "--json").json["tool_known"] is False


@pytest.mark.parametrize(
    ("tool", "why"),
    [("echo/ecko", "did you mean `echo/echo`?"), ("nowhere/tool", "no server `nowhere` is configured")],
)
def test_a_tool_that_nobody_offers_is_said_and_still_answered(
    tool: str, why: str, project: Path, toolgate: Command
) -> None:
    explained = toolgate("policy", "explain", "--tool", tool)
    assert explained.code == 0
    assert why in explained.err


def test_a_server_that_is_down_is_said_and_still_answered(project: Path, toolgate: Command) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    explained = toolgate(*REFUND)
    assert explained.code == 0
    assert "nothing is known about `echo/echo`: `no-such-program` was not found" in explained.err


@pytest.mark.parametrize(
    "wrong", [("--args", "{"), ("--args", "[]"), ("--tool", "echo"), ("--action", "fly"), ("--args", '{"a":1,"a":2}')]
)
def test_a_question_that_can_not_be_read_is_a_mistake_of_use(
    wrong: tuple[str, str], bare: Path, toolgate: Command
) -> None:
    assert toolgate(*REFUND, "--offline", *wrong).code == 2


def test_a_role_can_not_ask(bare: Path, toolgate: Command) -> None:
    assert toolgate("policy", "explain", "--who", "role:boss", "--tool", "echo/add", "--offline").code == 2


def test_every_action_of_the_language_can_be_explained() -> None:
    assert ACTIONS == KNOWN


# ---- test


def test_tests_that_hold_say_how_many(bare: Path, toolgate: Command) -> None:
    tested = toolgate("policy", "test")
    assert (tested.code, tested.out, tested.err) == (0, "", "2 cases, no failures\n")


def test_a_test_that_fails_is_shown_with_its_line(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    table = bare / "policies" / "tests.csv"
    table.write_text(table.read_text() + "sums pass,   user:ann, acme,  echo/add, {},              allow\n")
    tested = toolgate("policy", "test")
    assert tested.code == 1
    assert "policies/tests.csv:4: `sums pass` expected allow, got ask by policies/policy.csv:3" in tested.out
    assert tested.err == "3 cases, 1 failure\n"
    again = toolgate("policy", "test", "--json")
    assert again.code == 1
    golden("cli_policy_test", again.json)


def test_another_table_can_be_named(bare: Path, toolgate: Command) -> None:
    (bare / "more.csv").write_text("name, who, tool, expect\nnobody, user:eve, echo/echo, deny\n")
    assert toolgate("policy", "test", "--file", "more.csv", "--json").json == {"ok": True, "cases": 1, "failures": []}


def test_a_table_that_can_not_be_read_is_a_mistake_in_the_configuration(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "tests.csv").write_text("name, whoo\n")
    failed = toolgate("policy", "test", "--json")
    assert (failed.code, failed.error["code"]) == (3, "config")
    (bare / "policies" / "tests.csv").unlink()
    assert toolgate("policy", "test").code == 3


def test_what_is_printed_is_plain_json(bare: Path, child: Command) -> None:
    assert json.loads(child("policy", "check", "--json").out)["ok"] is True
