import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.store import legible
from tests.gateway.cli.conftest import Command, Result


@pytest.fixture
def held(project: Path, toolgate: Command) -> Result:
    """A call that waits for somebody."""
    return toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json")


def the_id(held: Result) -> str:
    return str(held.error["approval"])


def test_what_waits_is_shown_exactly_with_its_age_and_its_end(held: Result, toolgate: Command) -> None:
    shown = toolgate("approvals")
    assert shown.code == 0
    for text in ("echo/add", "a = 1", "b = 2", "user:ann", "sums need a person  [policies/policy.csv:3]"):
        assert text in shown.out
    assert "ago; expires in 6 d 23 h" in shown.out
    (asked,) = toolgate("approvals", "--json").json
    command = f"toolgate approve {the_id(held)} --digest {asked['digest']}"
    assert f"{command}\n" in shown.out
    assert toolgate(*command.split()[1:], "--as", "user:bob").code == 0


def test_a_list_that_is_cut_says_so(held: Result, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    toolgate("call", "echo/add", '{"a": 1, "b": 3}')
    toolgate("call", "echo/add", '{"a": 1, "b": 4}')
    assert "more" not in toolgate("approvals").err
    monkeypatch.setattr("gateway.cli.approvals.MOST_SHOWN", 1)
    shown = toolgate("approvals")
    assert shown.out.count("toolgate approve") == 1
    assert shown.err == "and 2 more; --json lists them all\n"
    assert len(toolgate("approvals", "--json").json) == 3


def test_nothing_that_waits_is_said_on_stderr(bare: Path, toolgate: Command) -> None:
    shown = toolgate("approvals")
    assert (shown.code, shown.out, shown.err) == (0, "", "nothing waits for a person\n")
    assert toolgate("approvals", "--json").json == []


def test_the_json_of_approvals_keeps_its_shape(
    held: Result, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    golden("cli_approvals", toolgate("approvals", "--json").json)
    golden("cli_approve", toolgate("approve", the_id(held), "--as", "user:bob", "--json").json)


def test_an_approved_call_happens_once_when_it_is_made_again(held: Result, toolgate: Command) -> None:
    said = toolgate("approve", the_id(held), "--as", "user:bob")
    assert said.code == 0
    assert "approved by user:bob: echo/add" in said.err
    assert "the client makes the same call again" in said.err
    assert toolgate("call", "echo/add", '{"b": 2, "a": 1}').out == "3\n"
    assert toolgate("call", "echo/add", '{"a": 1, "b": 2}').code == 7  # once


def test_a_denied_call_is_denied_with_the_reason(held: Result, toolgate: Command) -> None:
    assert toolgate("deny", the_id(held), "--reason", "too much", "--as", "user:bob").code == 0
    again = toolgate("call", "echo/add", '{"a": 1, "b": 2}', "--json")
    assert (again.code, again.error["code"]) == (6, "denied")
    assert "user:bob denied this call: too much" in again.error["message"]


def test_who_may_not_decide_does_not_and_is_told_why(held: Result, toolgate: Command) -> None:
    refused = toolgate("approve", the_id(held), "--as", "user:eve", "--json")
    assert (refused.code, refused.out, refused.error["code"]) == (6, "", "denied")
    assert "user:eve may not decide this" in refused.error["message"]
    assert len(toolgate("approvals", "--json").json) == 1


def test_somebody_of_another_tenant_does_not_decide(held: Result, toolgate: Command) -> None:
    refused = toolgate("approve", the_id(held), "--as", "user:bob", "--tenant", "umbrella")
    assert refused.code == 6
    assert "belongs to tenant `acme`" in refused.err


def test_an_answer_is_given_once(held: Result, toolgate: Command) -> None:
    assert toolgate("deny", the_id(held), "--as", "user:bob").code == 0
    late = toolgate("approve", the_id(held), "--as", "user:bob")
    assert late.code == 1
    assert "denied already, by user:bob" in late.err


def test_the_beginning_of_an_id_will_do_but_not_next_to_nothing(held: Result, toolgate: Command) -> None:
    for short in ("", "A-", the_id(held)[:5]):
        refused = toolgate("approve", short, "--as", "user:bob")
        assert refused.code == 2
        assert "at least the first 6 characters" in refused.err
    assert toolgate("approve", the_id(held)[:8], "--as", "user:bob").code == 0


def test_an_unknown_approval_is_an_error(bare: Path, toolgate: Command) -> None:
    assert toolgate("approve", "A-00000000").err == (
        "toolgate: there is no approval `A-00000000`; `toolgate approvals` lists them\n"
    )


def test_in_another_tenant_the_command_that_answers_says_so(project: Path, toolgate: Command) -> None:
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "g, user:bob, role:boss, umbrella\n")
    there = ("--tenant", "umbrella")
    held = toolgate("call", "echo/add", '{"a": 1, "b": 2}', *there)
    (asked,) = toolgate("approvals", "--json").json
    command = f"toolgate approve {asked['id']} --tenant umbrella"
    assert command in held.err
    assert command in toolgate("approvals").out
    assert command in toolgate("approvals", *there).out
    assert toolgate(*command.split()[1:], "--as", "user:bob").code == 0


def test_after_an_answer_it_is_said_who_goes_on(project: Path, toolgate: Command) -> None:
    for answer, said in (("approve", "echo/add; if"), ("deny", "echo/add; the caller is told; if")):
        toolgate("run", "add them", "--model", "scripted:sum.yaml")
        (asked,) = toolgate("approvals", "--json").json
        told = toolgate(answer, asked["id"], "--as", "user:bob").err
        assert f"{said} its run does not go on by itself: toolgate resume {asked['run_id']}" in told
    toolgate("call", "echo/add", '{"a": 1, "b": 2}')
    (asked,) = toolgate("approvals", "--json").json
    assert toolgate("deny", asked["id"], "--as", "user:bob").err == "denied by user:bob: echo/add; the caller is told\n"


SECRET = ("call", "echo/echo", '{"text": "it is tok-0123456789abcdef"}')


@pytest.fixture
def secret(project: Path, toolgate: Command, echo_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A call that waits, and holds what its server is logged in with."""
    monkeypatch.setenv("ECHO_TOKEN", "tok-0123456789abcdef")
    server = {"url": echo_url, "headers": {"Authorization": "Bearer ${ECHO_TOKEN}"}}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"echo": server}}))
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "p, *, *, echo/echo, call, , ask, echoes are looked at\n")
    return the_id(toolgate(*SECRET, "--json"))


def test_a_credential_of_the_gateways_own_is_shown_by_no_command(secret: str, toolgate: Command) -> None:
    for words in (
        ("approvals", "--json"),
        ("approvals",),
        ("approvals", "show", secret, "--json"),
        ("approvals", "show", secret, "--full"),
        ("approvals", "watch", "--count", "1", "--json"),
        ("approve", secret, "--as", "user:bob", "--json"),
        ("approvals", "show", secret, "--json"),
    ):
        shown = toolgate(*words)
        assert (shown.code, secret in shown.out) == (0, True)
        assert "tok-" not in shown.out + shown.err
        assert "not shown: it holds a credential of this gateway" in shown.out
    assert toolgate(*SECRET).out == "it is tok-0123456789abcdef\n"


def test_a_credential_in_a_remembered_call_is_not_shown(secret: str, project: Path, toolgate: Command) -> None:
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "o, *, *, echo/echo, call, , remember=yes, echoes are harmless\n")
    assert toolgate("approve", secret, "--remember", "run", "--as", "user:bob").code == 0
    for words in (("approvals", "remembered"), ("approvals", "remembered", "--json")):
        shown = toolgate(*words).out
        assert "not shown: it holds a credential of this gateway" in shown
        assert "tok-" not in shown


def test_a_credential_is_not_shown_by_those_who_answer_many(secret: str, toolgate: Command) -> None:
    shown = toolgate("deny", "--all", "--yes", "--as", "user:bob", "--json")
    assert [one["id"] for one in shown.json] == [secret]
    assert "tok-" not in shown.out + shown.err


def test_a_question_that_is_damaged_is_named_and_keeps_no_other_from_being_shown(
    held: Result, bare: Path, toolgate: Command
) -> None:
    legible._named.clear()  # noqa: SLF001 - as in a new process
    other = toolgate("call", "echo/add", '{"a": 1, "b": 3}', "--json").error["approval"]
    with contextlib.closing(sqlite3.connect(bare / ".toolgate" / "toolgate.db")) as database:
        database.execute("UPDATE approvals SET decisions = 'not json' WHERE id = ?", (the_id(held),))
        database.commit()
    shown = toolgate("approvals")
    assert shown.code == 0
    assert "b = 3" in shown.out
    assert "b = 2" not in shown.out
    assert f"toolgate: left out: approval `{the_id(held)}` is damaged in the store" in shown.err
    assert toolgate("approve", other, "--yes", "--as", "user:bob").code == 0
    assert toolgate("approve", the_id(held), "--yes", "--as", "user:bob").code == 1
