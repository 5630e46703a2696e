import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.gateway.cli.conftest import Command

RESTRICTING = """\
no environment,    user:ann, acme,  echo/env, {},             deny
a word is refused, user:ann, acme,  echo/echo, {"text": "no"}, deny
"""
FAILS = "sums pass,   user:ann, acme,  echo/add, {},              allow\n"


def add(project: Path, lines: str) -> None:
    table = project / "policies" / "tests.csv"
    table.write_text(table.read_text() + lines)


def test_tests_that_hold_say_how_many(bare: Path, toolgate: Command) -> None:
    add(bare, RESTRICTING)
    tested = toolgate("policy", "test")
    assert (tested.code, tested.out, tested.err) == (0, "", "4 cases, no failures\n")


def test_a_line_that_restricts_and_has_no_test_is_a_warning(bare: Path, toolgate: Command) -> None:
    tested = toolgate("policy", "test")
    assert tested.code == 0
    first, second = tested.out.splitlines()
    assert first == (
        "policies/policy.csv:4:1: warning: no case tests this `deny` line; none is about it"
        " (write one that it must deny)"
    )
    assert second.startswith("policies/policy.csv:5:1: warning: no case tests this `deny` line; its condition held in")
    assert toolgate("policy", "test", "-k", "free").out == ""


def test_a_test_that_fails_is_shown_with_its_line_and_the_reason(
    bare: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    add(bare, FAILS)
    tested = toolgate("policy", "test")
    assert tested.code == 1
    assert tested.out.startswith(
        "policies/tests.csv:4: `sums pass` expected allow, got ask by policies/policy.csv:3 (sums need a person)\n"
        "    policies/policy.csv:3 asks\n"
    )
    assert tested.err == "3 cases, 1 failure\n"
    again = toolgate("policy", "test", "--json", "--coverage")
    assert again.code == 1
    golden("cli_policy_test", again.json)


def test_other_tables_can_be_named(bare: Path, toolgate: Command) -> None:
    (bare / "more.csv").write_text("name, who, tool, expect\nnobody, user:eve, echo/echo, deny\n")
    (bare / "more.toml").write_text('[[case]]\nname = "b"\nwho = "user:eve"\ntool = "echo/echo"\nexpect = "deny"\n')
    tested = toolgate("policy", "test", "--file", "more.csv", "--json").json
    assert (tested["ok"], tested["cases"], tested["failures"]) == (True, 1, [])
    assert toolgate("policy", "test", "--file", "more.csv", "--file", "more.toml", "--json").json["cases"] == 2


def test_both_formats_beside_the_policy_are_run(bare: Path, toolgate: Command) -> None:
    document = '[[case]]\nname = "b"\nwho = "user:ann"\ntenant = "acme"\ntool = "echo/env"\nexpect = "allow"\n'
    (bare / "policies" / "tests.toml").write_text(document)
    tested = toolgate("policy", "test")
    assert tested.err == "3 cases, 1 failure\n"
    assert "policies/tests.toml:1: `b` expected allow, got deny by policies/policy.csv:4" in tested.out


def test_a_table_that_can_not_be_read_is_a_mistake_in_the_configuration(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "tests.csv").write_text("name, whoo\n")
    failed = toolgate("policy", "test", "--json")
    assert (failed.code, failed.error["code"]) == (3, "config")
    (bare / "policies" / "tests.csv").unlink()
    missing = toolgate("policy", "test")
    assert missing.code == 3
    assert "there are no cases" in missing.err


def test_cases_are_chosen_by_their_names(bare: Path, toolgate: Command) -> None:
    assert toolgate("policy", "test", "-k", "FREE").err == "1 case, no failures\n"
    none = toolgate("policy", "test", "-k", "nothing like it")
    assert (none.code, "no case of 2 has a name like this" in none.err) == (2, True)
    assert toolgate("policy", "test", "-k", "free", "--min-coverage", "10").code == 2


def test_coverage_shows_what_each_line_did_and_what_was_never_seen(bare: Path, toolgate: Command) -> None:
    shown = toolgate("policy", "test", "--coverage")
    assert shown.code == 0
    assert "1        1        0    policies/policy.csv:1  allow user:ann call echo/*" in shown.out
    assert "0        0        1    policies/policy.csv:5  deny * call echo/echo\n" in shown.out
    assert "    `args.text == 'no'` is never true or undecidable\n" in shown.out
    assert "policies/policy.csv:7  allow role:boss approve echo/*  never met" in shown.out
    assert shown.err.splitlines()[-1] == "coverage: 28 % of the lines, 9 % of the branches"


def test_a_coverage_that_is_too_low_fails_and_says_what_is_missing(bare: Path, toolgate: Command) -> None:
    low = toolgate("policy", "test", "--min-coverage", "50")
    assert low.code == 1
    assert "policies/policy.csv:4  deny * call echo/env  never met" in low.out
    assert "policies/policy.csv:3 " not in low.out
    assert low.err.splitlines()[-1] == (
        "coverage: 28 % of the lines, 9 % of the branches; at least 50 % of both was asked for"
    )
    assert toolgate("policy", "test", "--min-coverage", "9").code == 0
    assert toolgate("policy", "test", "--min-coverage", "50", "--json").json["ok"] is False


def test_junit_is_written_also_when_a_case_fails(bare: Path, toolgate: Command) -> None:
    add(bare, FAILS)
    assert toolgate("policy", "test", "--junit", "out.xml").code == 1
    root = ET.parse(bare / "out.xml").getroot()  # noqa: S314 - our own text
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    failure = root.find(".//failure")
    assert failure is not None
    assert "policies/policy.csv:3 asks" in str(failure.text)


def test_what_is_pinned_is_known_without_a_server(project: Path, toolgate: Command, child: Command) -> None:
    assert toolgate("tools").code == 0  # looks at the server, and pins what it offers
    policy = project / "policies" / "policy.csv"
    policy.write_text(
        policy.read_text() + "p, user:eve, *, echo/*, call, tool.read_only and tool.trusted, allow, look\n"
    )
    table = project / "policies" / "tests.csv"
    table.write_text('name, who, tool, args, expect, why\nlooking, user:eve, echo/echo, {"text": "a"}, allow, look\n')
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": {"url": "http://127.0.0.1:1/mcp"}}}))
    tested = toolgate("policy", "test")
    assert tested.code == 0, tested.out
    (project / "toolgate.lock").unlink()
    unknown = toolgate("policy", "test")
    assert unknown.code == 1
    assert "nothing is known about this tool" in unknown.out


def test_a_thousand_cases_take_about_a_second_with_the_start(bare: Path, child: Command) -> None:
    names = [f'echo {n}, user:ann, acme, echo/echo, {{"text": "{n}"}}, allow\n' for n in range(500)]
    sums = [f'sum {n}, user:ann, acme, echo/add, {{"a": {n}, "b": 1}}, ask\n' for n in range(500)]
    start = min(_spent(child, cases=2) for _ in range(2))
    add(bare, "".join(names + sums))
    whole = min(_spent(child, cases=1002) for _ in range(2))
    assert whole - start < 3.0, "a case costs a quarter of a millisecond where nothing else runs"
    assert whole < 8.0, "a second on a machine that does nothing else: starting takes more than half of it"


def _spent(child: Command, *, cases: int) -> float:
    """Seconds of a processor, which others' work on this machine changes less than those on the clock."""
    before = os.times()
    tested = child("policy", "test", "--coverage")
    used = os.times()
    assert tested.err.startswith(f"{cases} cases, no failures")
    return used.children_user + used.children_system - before.children_user - before.children_system


def test_what_is_printed_is_plain_json(bare: Path, child: Command) -> None:
    assert json.loads(child("policy", "check", "--json").out)["ok"] is True


def test_of_one_table_among_others_lines_that_it_is_not_about_are_no_concern(bare: Path, toolgate: Command) -> None:
    (bare / "more.csv").write_text("name, who, tool, expect\nnobody, user:eve, mail/send, deny\n")
    (bare / "policies" / "tests.toml").write_text(
        '[[case]]\nname = "b"\nwho = "user:eve"\ntool = "mail/send"\nexpect = "deny"\n'
    )

    def missing(*files: str) -> int:
        options = [option for file in files for option in ("--file", file)]
        return toolgate("policy", "test", *options).out.count("no case tests this")

    assert missing("more.csv") == 0
    assert missing("policies/tests.toml") == 0
    assert missing() == missing("policies/tests.csv", "policies/tests.toml") == 2
    for table in ("tests.csv", "tests.toml"):  # then these are all the cases that there are
        (bare / "policies" / table).unlink()
    assert missing("more.csv") == 3
