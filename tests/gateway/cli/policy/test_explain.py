from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.policy.explain import ACTIONS
from gateway.policy.wording import ACTIONS as KNOWN
from tests.gateway.cli.conftest import POLICY, Command

REFUND = ("policy", "explain", "--who", "user:ann", "--tool", "echo/echo")


def rewrite(project: Path, text: str) -> None:
    (project / "policies" / "policy.csv").write_text(text)


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
    assert toolgate("policy", "explain", "--who", "", "--tool", "echo/add", "--offline").code == 2
    assert toolgate("policy", "explain", "--who", "role:boss", "--tool", "echo/add", "--offline").code == 2


def test_every_action_of_the_language_can_be_explained() -> None:
    assert ACTIONS == KNOWN


def test_what_would_change_the_answer_is_shown(bare: Path, toolgate: Command) -> None:
    rewrite(bare, "p, user:ann, *, echo/add, call, 0 < args.a <= 100 and not run.tainted, allow, small sums\n")
    asked = ("policy", "explain", "--who", "user:ann", "--tool", "echo/add", "--offline")
    denied = toolgate(*asked, "--args", '{"a": 101}').out
    assert "near  policies/policy.csv:1 would allow it, but `0 < args.a <= 100` does not hold (args.a is 101)" in denied
    assert "it would with args.a = 100" in denied
    tainted = toolgate(*asked, "--args", '{"a": 1}', "--run-facts", "tainted=true,calls=3").out
    assert "it would with run.tainted = false" in tainted
    rewrite(bare, "p, user:ann, *, echo/add, call, args.a > 10 and args.a < 5, allow, never\n")
    never = toolgate(*asked, "--args", '{"a": 3}').out
    assert "it would with args" not in never
    assert "no single change of values was found with which it would" in never


def test_a_time_can_be_named(bare: Path, toolgate: Command) -> None:
    rewrite(bare, "p, user:ann, *, echo/add, call, now.hour < 18, allow, by day\n")
    asked = ("policy", "explain", "--who", "user:ann", "--tool", "echo/add", "--offline", "--at")
    assert ": allowed" in toolgate(*asked, "2026-11-21T09:30").out
    assert "now.hour is 20" in toolgate(*asked, "2026-11-21T21:30+01:00").out
    assert toolgate(*asked, "tomorrow").code == 2


def test_a_list_is_explained(bare: Path, toolgate: Command) -> None:
    rewrite(bare, POLICY + "p, *, *, echo/slow, list, , deny, nobody needs it\n")
    asked = ("policy", "explain", "--who", "user:ann", "--action", "list", "--offline", "--tool")
    assert "list echo/add: listed" in toolgate(*asked, "echo/add").out
    hidden = toolgate(*asked, "echo/slow").out
    assert "list echo/slow: not listed" in hidden
    assert "> deny  policies/policy.csv:9" in hidden


def test_a_recorded_call_is_explained_as_it_was_asked(project: Path, toolgate: Command) -> None:
    assert toolgate("call", "echo/echo", '{"text": "no"}').code == 6
    (run,) = toolgate("runs", "--json").json
    told = toolgate("policy", "explain", "--run", run["id"][:10])
    assert (told.code, told.err) == (0, "")
    assert f"recorded: {run['id']} " in told.out
    assert "UTC: denied" in told.out
    assert "line  policies/policy.csv:5  (that word is forbidden)" in told.out
    assert "user:ann (acme) call echo/echo: denied" in told.out
    assert 'args.text is "no"' in told.out
    rewrite(project, POLICY.replace("args.text == 'no'", "args.text == 'never'"))
    key = toolgate("policy", "explain", "--run", run["id"], "--json").json["recorded"]["key"]
    now = toolgate("policy", "explain", "--run", run["id"], "--call", key)
    assert "UTC: denied" in now.out
    assert "call echo/echo: allowed" in now.out


def test_what_a_held_call_was_about_comes_from_its_approval(project: Path, toolgate: Command) -> None:
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}').code == 7
    (run,) = toolgate("runs", "--json").json
    told = toolgate("policy", "explain", "--run", run["id"], "--json").json
    assert (told["recorded"]["effect"], told["effect"]) == ("ask", "ask")
    assert told["recorded"]["rule"].endswith("policy.csv:3")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--run", "r-none"),
        ("--call", "c1", "--tool", "echo/echo"),
        ("--run", "r-none", "--tool", "echo/echo"),
        (),
        ("--tool", "echo/echo", "--run-facts", "calls=many"),
    ],
)
def test_a_question_about_the_record_that_can_not_be_read_is_told(
    wrong: tuple[str, ...], bare: Path, toolgate: Command
) -> None:
    told = toolgate("policy", "explain", "--offline", *wrong)
    assert told.code == (1 if wrong == ("--run", "r-none") else 2)


def test_offline_a_tool_is_known_as_it_was_pinned(project: Path, toolgate: Command) -> None:
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    assert toolgate(*REFUND, "--offline", "--json").json["tool_known"] is True
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    explained = toolgate(*REFUND)
    assert "`echo/echo` is known as it is in toolgate.lock: its server can't be asked" in explained.err


def test_a_pattern_is_no_tool(bare: Path, toolgate: Command) -> None:
    told = toolgate("policy", "explain", "--tool", "shop/*", "--offline")
    assert (told.code, told.out) == (2, "")
    assert "`shop/*` is a pattern, and this is about one tool" in told.err
    assert toolgate("policy", "explain", "--tool", "web/http://x/?q=1", "--action", "read", "--offline").code == 0


def test_a_time_that_is_none_is_told_as_one_writes_it(bare: Path, toolgate: Command) -> None:
    told = toolgate("policy", "explain", "--tool", "echo/add", "--at", "noon", "--offline")
    assert told.code == 2
    assert "`noon` is no time; write 2026-11-21T09:30" in told.err


def test_how_long_ago_somebody_showed_who_he_is_can_be_said(bare: Path, toolgate: Command) -> None:
    policy = bare / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "p, *, *, echo/*, call, subject.auth_age > 900, ask, log in again\n")
    asked = ("policy", "explain", "--who", "user:ann", "--tool", "echo/echo", "--args", '{"text": "x"}', "--json")
    at = ("--at", "2026-11-21T09:30")
    verdicts = [
        toolgate(*asked, *more).json["effect"]
        for more in ((), ("--run-facts", "auth_age=300"), ("--run-facts", "calls=1,auth_age=901", *at))
    ]
    assert verdicts == ["ask", "allow", "ask"]
    assert toolgate(*asked, "--run-facts", "auth_age=soon").code == 2
