import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway.cli.conftest import Command


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
