from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import POLICY, Command


def test_every_tool_is_told_grouped_by_the_verdict(project: Path, toolgate: Command) -> None:
    told = toolgate("policy", "can", "user:ann")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == "user:ann (acme)"
    groups = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["may call:", "may call when a person agrees:", "it depends:", "may not call:"]
    assert lines[lines.index("may call when a person agrees:") + 1 :][:2] == [
        "  echo/add",
        "           ask   policies/policy.csv:3  sums need a person",
    ]
    assert lines[lines.index("it depends:") + 1] == "  echo/echo"


def test_through_an_agent_both_must_be_allowed(project: Path, toolgate: Command) -> None:
    told = toolgate("policy", "can", "user:ann", "--agent", "other", "--json").json
    assert {tool["verdict"] for tool in told["tools"]} == {"deny"}
    assert told["subject"] == {"user": "user:ann", "agent": "agent:other", "tenant": "acme"}


def test_a_tool_that_is_not_listed_is_marked(project: Path, toolgate: Command) -> None:
    (project / "policies" / "policy.csv").write_text(POLICY + "p, *, *, echo/add, list, , deny, hidden\n")
    assert "  echo/add  (not listed)\n" in toolgate("policy", "can", "user:ann").out


def test_the_json_keeps_its_shape(project: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    told = toolgate("policy", "can", "user:ann", "--json").json
    told["tools"] = [tool for tool in told["tools"] if tool["tool"] in ("echo/add", "echo/echo", "echo/env")]
    golden("cli_policy_can", told)


def test_offline_and_when_the_server_is_down_it_is_told_from_the_pins(project: Path, toolgate: Command) -> None:
    nothing = toolgate("policy", "can", "user:ann", "--offline")
    assert "nothing is known of `echo`: it is not pinned yet" in nothing.err
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    assert "  echo/add\n" in toolgate("policy", "can", "user:ann", "--offline").out
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    down = toolgate("policy", "can", "user:ann")
    assert "  echo/add\n" in down.out
    assert down.err == "known as pinned, for they can't be asked: echo\n"


def test_a_role_is_nobody_who_can(bare: Path, toolgate: Command) -> None:
    assert toolgate("policy", "can", "role:boss", "--offline").code == 2


@pytest.mark.parametrize(
    ("who", "hint"),
    [("role:boss", "`policy who-can`"), ("agent:desk", "can user:ann --agent desk"), ("team:x", "who-can")],
)
def test_whoever_is_no_user_is_told_how_to_ask(who: str, hint: str, bare: Path, toolgate: Command) -> None:
    told = toolgate("policy", "can", who, "--offline")
    assert (told.code, told.out) == (2, "")
    assert f"`{who}` is no user" in told.err
    assert hint in told.err
