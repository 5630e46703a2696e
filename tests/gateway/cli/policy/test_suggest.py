import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.policy import Policy, parse
from tests.gateway.cli.conftest import Command

EVE = ("--as", "user:eve")


@pytest.fixture
def denied(project: Path, toolgate: Command) -> Path:
    """The project, in which calls were denied: some because no line allows them, one by a line."""
    for text in ("a", "b", "a"):
        assert toolgate("call", "echo/echo", json.dumps({"text": text}), *EVE).code == 6
    assert toolgate("call", "echo/env", "{}", *EVE).code == 6
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}', *EVE, "--agent", "desk").code == 6
    return project


def test_lines_are_printed_that_a_policy_takes_and_nothing_is_changed(denied: Path, toolgate: Command) -> None:
    policy = denied / "policies" / "policy.csv"
    before = policy.read_text()
    shown = toolgate("policy", "suggest")
    assert shown.code == 0
    assert policy.read_text() == before
    first, *_ = shown.out.split("\n\n")
    assert first.startswith("# 3 denied calls of user:eve (acme) to echo/echo, ")
    when = "args.text in ['a', 'b'] and len(args) == 1 and subject.agent == ''"
    assert first.splitlines()[-2:] == [
        "# of the other denials that are recorded it turns none",
        f'p, user:eve, acme, echo/echo, call, "{when}", allow, as 3 calls that were denied',
    ]
    assert "1 denied call, the last of user:eve (acme) to echo/env" in shown.out
    assert "policies/policy.csv:4 stands in the way (nobody looks at the environment)" in shown.out
    assert "# 1 of them would ask a person first: policies/policy.csv:3" in shown.out
    assert shown.err == "5 denied calls: 2 suggestions for 4 of them\n"


def test_the_calls_are_allowed_once_the_lines_are_appended(denied: Path, toolgate: Command) -> None:
    policy = denied / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + toolgate("policy", "suggest").out)
    assert toolgate("policy", "check").code == 0
    said = toolgate("call", "echo/echo", '{"text": "b"}', *EVE)
    assert (said.code, said.out) == (0, "b\n")
    assert toolgate("call", "echo/echo", '{"text": "c"}', *EVE).code == 6
    assert toolgate("call", "echo/env", "{}", *EVE).code == 6
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}', *EVE, "--agent", "desk").code == 7
    assert "4 would be allowed today" in toolgate("policy", "suggest").err


def test_only_one_persons_calls_and_only_recent_ones_are_looked_at(denied: Path, toolgate: Command) -> None:
    assert toolgate("policy", "suggest", "--who", "agent:desk").err == "1 denied call: 1 suggestion for 1 of them\n"
    assert toolgate("policy", "suggest", "--who", "user:bob").out == ""
    assert toolgate("policy", "suggest", "--since", "0.001s").err == "the policy denied nothing in this time\n"
    assert toolgate("policy", "suggest", "--since", "soon").code == 2
    assert toolgate("policy", "suggest", "--who", "role:boss").code == 2


def test_json_has_the_same(denied: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    value = toolgate("policy", "suggest", "--json").json
    assert isinstance(value.pop("since"), int)
    golden("cli_policy_suggest", value)


def test_what_people_always_agreed_to_is_taken_out_of_the_line_that_asked(project: Path, toolgate: Command) -> None:
    for _ in range(3):
        held = toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json").error["approval"]
        assert toolgate("approve", held, "--as", "user:bob").code == 0
        assert toolgate("call", "echo/add", '{"a": 1, "b": 2}').code == 0
    shown = toolgate("policy", "suggest", "--from-approvals")
    assert "# user:ann (acme) to echo/add: approved 3 times of 3, by user:bob, " in shown.out
    assert shown.err == "3 answers of people: 1 suggestion\n"
    *_, row = shown.out.splitlines()
    policy = project / "policies" / "policy.csv"
    policy.write_text(
        policy.read_text().replace(
            "p, *,          *, echo/add,   call,    ,                   ask,   sums need a person", row
        )
    )
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}').code == 0
    assert toolgate("call", "echo/add", '{"a": 1, "b": 3}').code == 7
    value = toolgate("policy", "suggest", "--from-approvals", "--json").json
    assert value["left_out"] == [{"reason": "the policy does not ask about them today", "calls": 3}]


def test_where_nothing_has_run_nothing_is_made(bare: Path, toolgate: Command) -> None:
    shown = toolgate("policy", "suggest")
    assert (shown.code, shown.out) == (0, "")
    assert not list(bare.rglob("*.db"))


def test_nothing_is_suggested_for_a_model_of_ones_own(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(Policy):
        """Decided by something else."""

    own = parse("p, user:ann, *, echo/*, call, , allow, ann may")
    monkeypatch.setattr("gateway.policy.load", lambda _model, _files: Own(own.rules))
    refused = toolgate("policy", "suggest")
    assert (refused.code, "a model of its own" in refused.err) == (1, True)


def test_a_secret_in_the_record_is_not_printed(project: Path, toolgate: Command) -> None:
    token = "ghp_" + "a1B2" * 9
    assert toolgate("call", "echo/echo", json.dumps({"text": token}), *EVE).code == 6
    shown = toolgate("policy", "suggest")
    assert token not in shown.out
    assert "has(args.text)" in shown.out
    assert token not in json.dumps(toolgate("policy", "suggest", "--json").json)
