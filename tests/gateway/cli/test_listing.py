import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.call import Subject, Tool
from gateway.cli.listing import Listed, Listing, print_listing
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import Terminal

NOBODY = Subject("user:ann", "acme")


def a_tool(*, trusted: bool = True, **hints: bool) -> Tool:
    definition = {"name": "t", "description": "Does it.\nAnd more: \x1b[2J.", "annotations": hints}
    return Tool("shop", "t", definition, "pin", trusted)


def shown(tool: Tool, capsys: pytest.CaptureFixture[str], *, hidden: bool = False) -> str:
    print_listing(Listing(NOBODY, [Listed(tool, "shop__t", "depends", hidden)], {}, {}, 1), Path())
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("hints", "said"),
    [
        ({"readOnlyHint": True, "openWorldHint": False}, "reads "),
        ({"readOnlyHint": True}, "reads, open world "),
        ({"openWorldHint": False}, "destroys "),
        ({"destructiveHint": False, "idempotentHint": True}, "adds, repeatable, open world "),
    ],
)
def test_what_a_trusted_server_says_of_its_tool_is_shown_in_words(
    hints: dict[str, bool], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"shop/t  {said}" in shown(a_tool(**hints), capsys)


def test_an_untrusted_servers_annotations_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    tool = a_tool(trusted=False, readOnlyHint=True)
    assert "untrusted" in shown(tool, capsys)
    assert "reads" not in shown(tool, capsys)
    assert Listed(tool, "shop__t", "allow", hidden=False).to_json()["annotations"] is None


def test_a_description_is_one_harmless_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(a_tool(), capsys).endswith("Does it. And more: \\e[2J.\n")


def test_a_tool_that_is_not_shown_to_models_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "depends (hidden)" in shown(a_tool(), capsys, hidden=True)


def test_tools_are_printed_with_what_the_policy_says(project: Path, toolgate: Command) -> None:
    listed = toolgate("tools")
    assert (listed.code, listed.err) == (0, "")
    effects = {line.split()[1]: line.split()[0] for line in listed.out.splitlines()}
    assert effects["echo/count"] == "allow"
    assert effects["echo/add"] == "ask"
    assert effects["echo/env"] == "deny"
    assert effects["echo/echo"] == "depends"


def test_one_missing_server_is_said_and_the_others_are_listed(project: Path, toolgate: Command, echo_url: str) -> None:
    servers = {"echo": {"url": echo_url}, "gone": {"command": "no-such-program"}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": servers}))
    listed = toolgate("tools")
    assert listed.code == 0
    assert "echo/echo" in listed.out
    assert "missing gone: `no-such-program` was not found" in listed.err
    assert set(toolgate("tools", "--json").json["missing"]) == {"gone"}


def test_no_server_at_all_that_answers_is_unreachable(project: Path, toolgate: Command) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    assert toolgate("tools").code == 4
    assert toolgate("tools", "--json").json["tools"] == []


def test_without_servers_there_is_nothing_to_reach(bare: Path, toolgate: Command) -> None:
    listed = toolgate("tools")
    assert (listed.code, listed.out) == (0, "")
    assert "no servers are configured" in listed.err


def test_rejected_tools_are_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(Listing(NOBODY, [], {}, {"shop/\x1b": "its name is none"}, 1), Path())
    assert capsys.readouterr().err == "left out shop/\\e: its name is none\n"


def test_a_terminal_gets_the_answer_in_colour(project: Path, terminal: Callable[..., Terminal]) -> None:
    with terminal("tools") as listed:
        assert listed.end() == 0
        assert "\x1b[" in listed.raw


def test_where_only_an_editor_has_servers_it_is_said_how_to_use_them(
    bare: Path, toolgate: Command, echo_url: str
) -> None:
    assert "describe one in .mcp.json" in toolgate("tools").err
    (bare / ".vscode").mkdir()
    (bare / ".vscode" / "mcp.json").write_text(json.dumps({"servers": {"echo": {"url": echo_url}}}))
    hint = "--mcp-config .vscode/mcp.json"
    assert f"found .vscode/mcp.json: use {hint}" in toolgate("tools").err
    assert f"found .vscode/mcp.json: use {hint}" in toolgate("doctor").out
    assert "echo/echo" in toolgate("tools", *hint.split()).out
