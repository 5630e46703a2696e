import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.policy.model import MODEL
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


def test_names_in_budgets_that_nothing_has_are_told(bare: Path, toolgate: Command) -> None:
    budgets = bare / "policies" / "budgets.toml"
    budgets.write_text('[budgets.b]\ntool_calls = 1\nserver = ["shop", "ehco"]\n')
    checked = toolgate("policy", "check")
    assert checked.code == 0
    assert "budgets.toml:3:11: warning: no server is called `shop` [unknown-server]" in checked.out
    rewrite(bare, POLICY + "p, user:ann, *, echo/*, call, , alow, typo\n")  # nobody knows which roles there are
    budgets.write_text('[budgets.b]\ntool_calls = 1\nrole = "role:x"\n')
    assert "role:x" not in toolgate("policy", "check").out


def test_a_budget_of_money_without_a_price_of_its_tools_is_an_error(bare: Path, toolgate: Command) -> None:
    budgets = bare / "policies" / "budgets.toml"
    text = '[budgets.refunds]\ntool = "*/refund"\nusd = "$0.5"\n'
    budgets.write_text(text)
    checked = toolgate("policy", "check")
    assert checked.code == 3
    assert (
        "policies/budgets.toml:3:1: error: `budgets.refunds` counts money, and no line of `[prices]` says what"
        ' `*/refund` costs: it is refused (write `"*/refund" = "$0.10"` there, or `"free"`, or `"refuse"`)'
        " [unpriced-tool]\n"
    ) in checked.out
    for price in ("0", '"free"', '"refuse"', '"$0.10"'):
        budgets.write_text(f'{text}[prices]\n"*/*" = {price}\n')
        assert toolgate("policy", "check").code == 0


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


ALLOWED = "p, user:ann, *, echo/add, call, , allow, ann may\n"
DENIED = "# too much\np, *, *, echo/add, call, args.a > 9, deny, too much\n"
CASES = 'name, who, tool, args, expect\nsmall, user:ann, echo/add, {"a": 1}, allow\n'
LARGE = 'large, user:ann, echo/add, {"a": 10}, deny\n'


def test_the_policys_own_tests_are_a_part_of_it_when_asked_for(bare: Path, toolgate: Command) -> None:
    rewrite(bare, ALLOWED + DENIED)
    table = bare / "policies" / "tests.csv"
    table.write_text(CASES.replace(" allow", " deny"))
    assert toolgate("policy", "check").code == 0
    checked = toolgate("policy", "check", "--tests")
    assert checked.code == 1
    untested, failing = checked.out.splitlines()
    assert failing.startswith("policies/tests.csv:2:1: error: `small` expected deny, got allow by policies/")
    assert failing.endswith("[failing-test]")
    assert untested.startswith("policies/policy.csv:3:1: warning: no case tests this `deny` line; its condition held")
    assert untested.endswith("[untested-line]")
    assert checked.err.splitlines()[-2:] == ["1 error, 1 warning", "1 case, 1 failure"]
    assert toolgate("policy", "check", "--tests", "--json").json["tests"] == {"cases": 1, "failures": 1}
    table.write_text(CASES + LARGE)
    assert toolgate("policy", "check", "--tests", "--strict").code == 0


def test_lines_that_need_no_case_can_say_so(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "tests.csv").write_text(CASES)
    rewrite(bare, ALLOWED + DENIED.replace("# too much", "# check: ignore untested-line"))
    checked = toolgate("policy", "check", "--tests", "--strict")
    assert (checked.code, checked.out) == (0, "")
    assert "1 left out" in checked.err


def test_tests_that_can_not_be_read_are_an_error(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "tests.csv").unlink()
    checked = toolgate("policy", "check", "--tests")
    assert checked.code == 3
    assert checked.out.startswith("policies/tests.csv: error: there are no cases (write it")
    (bare / "policies" / "tests.csv").write_text(CASES.replace(" allow", " alow"))
    checked = toolgate("policy", "check", "--tests", "--sarif")
    assert checked.code == 3
    assert [found["ruleId"] for found in checked.json["runs"][0]["results"]] == ["invalid-tests"]


def test_findings_about_a_model_of_ones_own_have_a_rule_also_in_sarif(bare: Path, toolgate: Command) -> None:
    model = bare / "policies" / "model.conf"
    model.write_text(
        MODEL.replace("r.act == p.act && in_tenant(r.dom, p.dom)", "in_tenant(r.dom, p.dom) && r.act == p.act")
    )
    (run,) = json.loads(toolgate("policy", "check", "--sarif").out)["runs"]
    assert [result["ruleId"] for result in run["results"]] == ["custom-model"]
    assert "[custom-model]" in toolgate("policy", "check").out


def test_a_link_to_itself_is_a_finding(bare: Path, toolgate: Command) -> None:
    file = bare / "policies" / "policy.csv"
    file.unlink()
    file.symlink_to(file)
    checked = toolgate("policy", "check")
    assert checked.code == 3
    assert "policies/policy.csv: error: can't be read" in checked.out
