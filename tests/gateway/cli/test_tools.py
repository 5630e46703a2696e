import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.exits import Exit
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Terminal

# ---- toolgate tools


def test_the_json_of_tools_keeps_its_shape(
    project: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    listed = toolgate("tools", "--json")
    assert (listed.code, listed.err) == (0, "")
    golden("cli_tools", listed.json)


def test_a_listing_through_an_agent_is_the_agents(project: Path, toolgate: Command) -> None:
    listed = toolgate("tools", "--json", "--agent", "nobody")
    assert listed.json["subject"] == {"user": "user:ann", "agent": "agent:nobody", "tenant": "acme"}
    assert {tool["policy"] for tool in listed.json["tools"]} == {"deny"}
    assert toolgate("tools", "--json", "--agent", "agent:desk").json["subject"]["agent"] == "agent:desk"


def test_a_listing_as_somebody_else_is_theirs(project: Path, toolgate: Command) -> None:
    assert "allow" not in toolgate("tools", "--as", "user:eve").out


# ---- toolgate call


def test_the_text_of_a_result_is_what_is_printed(project: Path, toolgate: Command) -> None:
    called = toolgate("call", "echo/echo", '{"text": "né ☃\\nsecond"}')
    assert (called.code, called.out, called.err) == (0, "né ☃\nsecond\n", "")


def test_json_is_the_raw_result_with_all_that_the_server_said(project: Path, toolgate: Command) -> None:
    called = toolgate("call", "echo/rich", "--json")
    assert called.code == 0
    assert called.json["unknownField"] == {"a": None}
    assert called.json["structuredContent"]["big"] == 12345678901234567890
    plain = toolgate("call", "echo/rich")
    assert plain.out == "né ☃\n"
    assert "not text: image" in plain.err


def test_a_tool_is_also_known_by_the_name_that_models_see(project: Path, toolgate: Command) -> None:
    assert toolgate("call", "echo__echo", '{"text": "x"}').out == "x\n"


def test_arguments_may_come_on_stdin(project: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "piped"}')))
    assert toolgate("call", "echo/echo", "-").out == "piped\n"


@pytest.mark.parametrize("wrong", ["{", "[]", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "\\ud800"}'])
def test_arguments_that_can_not_be_read_in_one_way_are_a_mistake_of_use(
    wrong: str, project: Path, toolgate: Command
) -> None:
    failed = toolgate("call", "echo/echo", wrong, "--json")
    assert (failed.code, failed.error["code"]) == (2, "usage")
    assert toolgate("runs", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("echo/fail",), Exit.TOOL_ERROR, "echo/fail reports an error"),
        (("echo/env",), Exit.DENIED, "denied: nobody looks at the environment [policies/policy.csv:4]"),
        (("echo/add", '{"a": 1, "b": 2}'), Exit.WAITING, "toolgate approve A-"),
        (("echo/echo", "{}"), Exit.ERROR, "text"),
        (("echo/ecko",), Exit.ERROR, "did you mean `echo/echo`?"),
        (("nowhere/tool",), Exit.ERROR, "there is no tool `nowhere/tool`"),
    ],
)
def test_every_other_end_has_its_code_and_one_line(
    arguments: tuple[str, ...], code: Exit, said: str, project: Path, toolgate: Command
) -> None:
    failed = toolgate("call", *arguments)
    assert (failed.code, failed.out) == (code, "")
    assert said in failed.err
    assert len(failed.err.splitlines()) == 1
    assert toolgate("call", *arguments, "--json").error["code"] == code.name.lower()


def test_a_server_that_is_down_has_its_code(project: Path, toolgate: Command) -> None:
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": {"command": "no-such-program"}}}))
    failed = toolgate("call", "echo/echo", '{"text": "x"}', "--json")
    assert (failed.code, failed.error["code"]) == (4, "unreachable")
    assert "`no-such-program` was not found" in failed.error["message"]


@pytest.mark.parametrize(
    "command",
    [
        ("tools",),
        ("doctor",),
        ("call", "gone/x"),
        ("policy", "explain", "--tool", "gone/x"),
        ("policy", "check", "--servers"),
    ],
)
def test_a_server_that_is_down_is_told_once(
    command: tuple[str, ...], project: Path, toolgate: Command, echo_url: str
) -> None:
    servers = {"echo": {"url": echo_url}, "gone": {"command": "no-such-program"}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    told = toolgate(*command)
    assert (told.out + told.err).count("`no-such-program` was not found") == 1


def test_only_the_tools_own_server_is_started(project: Path, toolgate: Command, echo_url: str) -> None:
    mark = project / "started"
    servers = {"echo": {"url": echo_url}, "other": {"command": "touch", "args": [str(mark)]}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    assert not mark.exists()


def test_a_call_is_on_record_as_whose_it_was(project: Path, toolgate: Command) -> None:
    toolgate("call", "echo/echo", '{"text": "x"}', "--agent", "desk")
    (row,) = toolgate("runs", "--json").json
    assert (row["user"], row["agent"], row["title"], row["status"]) == (
        "user:ann",
        "agent:desk",
        "call echo/echo",
        "succeeded",
    )


def test_what_a_server_says_can_not_steer_the_terminal(project: Path, terminal: Callable[..., Terminal]) -> None:
    with terminal("call", "echo/echo", '{"text": "\\u001b[2Jone\\ntwo\\u202e"}') as shown:
        assert shown.end() == 0
        assert "\x1b" not in shown.raw
        assert "\\e[2Jone\ntwo\\u{202e}" in shown.screen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("echo/echo", '{"text": "x"}'), "succeeded"),
        (("echo/fail",), "ended: tool error"),
        (("echo/env",), "ended: denied"),
        (("echo/add", '{"a": 1, "b": 2}'), "ended: waits for approval"),
        (("echo/echo", "{}"), "ended: not valid"),
        (("nowhere/tool",), "ended: no such tool"),
    ],
)
def test_the_list_of_runs_says_how_a_call_ended(
    arguments: tuple[str, ...], said: str, project: Path, toolgate: Command
) -> None:
    toolgate("call", *arguments)
    assert f"  {said}  user:ann  acme  call " in toolgate("runs").out
