from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway.cli.conftest import POLICY, Command


def rewrite(project: Path, text: str) -> None:
    (project / "policies" / "policy.csv").write_text(text)


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


def test_without_connecting_lines_are_compared_with_the_pinned_tools(project: Path, toolgate: Command) -> None:
    rewrite(project, POLICY + "p, user:bob, *, echo/ehco, call, , allow, typo\n")
    assert "lines about `echo` were not compared: it is not pinned yet" in toolgate("policy", "check").err
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    checked = toolgate("policy", "check", "--json").json
    assert checked["from_pins"] == ["echo"]
    (found,) = [problem for problem in checked["problems"] if problem["line"] == 9]
    assert (found["rule"], found["hint"]) == ("unknown-tool", "did you mean `echo/echo`?")


def test_a_server_that_is_down_is_compared_as_it_was_pinned(project: Path, toolgate: Command) -> None:
    rewrite(project, POLICY + "p, user:bob, *, echo/ehco, call, , allow, typo\n")
    assert toolgate("call", "echo/echo", '{"text": "x"}').code == 0
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    checked = toolgate("policy", "check", "--servers")
    assert "`echo/ehco` matches no tool" in checked.out
    assert "compared as pinned, for they can't be asked: echo" in checked.err


def test_a_strict_check_fails_for_a_warning_and_says_which_rule_it_is(bare: Path, toolgate: Command) -> None:
    assert toolgate("policy", "check", "--strict").code == 0
    rewrite(bare, POLICY + "p, role:nobody, *, echo/*, call, , allow, unused\n")
    checked = toolgate("policy", "check", "--strict")
    assert checked.code == 1
    assert checked.out.endswith("[unknown-role]\n")
    assert toolgate("policy", "check", "--strict", "--json").json["ok"] is False


def test_what_a_comment_leaves_out_is_counted(bare: Path, toolgate: Command) -> None:
    lines = "# check: ignore unknown-role: from next week on\np, role:nobody, *, echo/*, call, , allow, unused\n"
    rewrite(bare, POLICY + lines)
    checked = toolgate("policy", "check", "--strict")
    assert (checked.code, checked.out, checked.err) == (0, "", "no errors, no warnings, 1 left out\n")


def test_people_are_those_of_keys_runs_and_configuration(bare: Path, toolgate: Command) -> None:
    rewrite(bare, POLICY + "p, user:zoe, *, echo/*, call, , deny, who\n")
    assert toolgate("policy", "check").out == ""
    assert toolgate("keys", "create", "--user", "user:carol").code == 0
    told = toolgate("policy", "check").out.splitlines()
    assert [line.rpartition("knows the ")[2] for line in told] == [
        "user `user:bob` [unknown-member]",
        "user `user:zoe` [unknown-member]",
    ]


def test_sarif_is_what_code_scanning_reads(bare: Path, toolgate: Command) -> None:
    rewrite(bare, POLICY + "p, user:ann, *, echo/*, call, , alow, typo\n")
    checked = toolgate("policy", "check", "--sarif")
    (run,) = checked.json["runs"]
    (result,) = run["results"]
    assert (checked.code, result["ruleId"], result["level"]) == (3, "invalid-policy", "error")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 9, "startColumn": 33}
    assert toolgate("policy", "check", "--sarif", "--json").code == 2
