from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.conftest import Command

POLICY = """\
p, role:staff, acme, echo/add, call, 0 <= args.a <= 100, allow, small sums
p, agent:desk, *, echo/*, call, , allow, the desk may
p, *, *, echo/add, call, args.a > 50, ask, larger sums
g, user:ann, role:staff, acme
"""


def rewrite(project: Path) -> None:
    (project / "policies" / "policy.csv").write_text(POLICY)


def test_everybody_is_told_with_what_it_depends_on(bare: Path, toolgate: Command) -> None:
    rewrite(bare)
    told = toolgate("policy", "who-can", "echo/add", "--offline")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "depends  role:staff  in tenant acme",
        "           allow policies/policy.csv:1  when 0 <= args.a <= 100",
        "           ask   policies/policy.csv:3  when args.a > 50",
        "depends  user:ann    in tenant acme",
        "           allow policies/policy.csv:1  when 0 <= args.a <= 100  (role:staff)",
        "           ask   policies/policy.csv:3  when args.a > 50",
        "depends  agent:desk  in every tenant",
        "           allow policies/policy.csv:2  the desk may",
        "           ask   policies/policy.csv:3  when args.a > 50",
        "deny     *           in every tenant",
        "           no line allows it",
        "deny     role:staff, user:ann  in every other tenant",
        "           no line allows it",
    ]


def test_arguments_and_a_tenant_settle_it(bare: Path, toolgate: Command) -> None:
    rewrite(bare)
    told = toolgate(
        "policy", "who-can", "echo/add", "--offline", "--args", '{"a": 70}', "--tenant", "acme", "--json"
    ).json
    assert {one["principal"]: one["verdict"] for one in told["who"]} == {
        "role:staff": "ask",
        "user:ann": "ask",
        "agent:desk": "ask",
        "*": "deny",
    }


def test_the_json_keeps_its_shape(project: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    rewrite(project)
    golden("cli_policy_who_can", toolgate("policy", "who-can", "echo/add", "--json").json)


@pytest.mark.parametrize("wrong", [("echo",), ("echo/add", "--args", "{"), ("echo/add", "--action", "fly"), ()])
def test_a_question_that_can_not_be_read_is_a_mistake_of_use(
    wrong: tuple[str, ...], bare: Path, toolgate: Command
) -> None:
    assert toolgate("policy", "who-can", "--offline", *wrong).code == 2


def test_a_pattern_asks_about_each_tool_that_it_matches(project: Path, toolgate: Command) -> None:
    rewrite(project)
    told = toolgate("policy", "who-can", "ech?/*o", "--tenant", "acme")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "echo/echo:",
        "  allow    agent:desk  in tenant acme",
        "             allow policies/policy.csv:2  the desk may",
        "  deny     *, role:staff, user:ann  in tenant acme",
        "             no line allows it",
    ]
    told = toolgate("policy", "who-can", "echo/*", "--json").json
    assert told["pattern"] == "echo/*"
    assert "echo/add" in [one["object"] for one in told["objects"]]
    assert all(one["tool_known"] and one["who"] for one in told["objects"])


def test_a_pattern_that_matches_nothing_is_told_and_no_answer_about_its_letters(bare: Path, toolgate: Command) -> None:
    told = toolgate("policy", "who-can", "shop/*", "--offline")
    assert (told.code, told.out) == (1, "")
    assert told.err == "toolgate: `shop/*` matches nothing that is known from toolgate.lock\n"


def test_all_who_get_the_same_by_the_same_lines_stand_together(bare: Path, toolgate: Command) -> None:
    (bare / "policies" / "policy.csv").write_text(
        "p, *, *, echo/*, call, , allow, free\n"
        "p, role:staff, *, echo/add, call, , ask, sums\n"
        "g, user:ann, role:staff, *\n"
    )
    assert toolgate("policy", "who-can", "echo/echo", "--offline").out.splitlines() == [
        "allow    *, role:staff, user:ann  in every tenant",
        "           allow policies/policy.csv:1  free",
    ]
