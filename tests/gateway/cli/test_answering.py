"""Answers on the command line: changed, refused, remembered, to many at once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.forked import Forked
from tests.gateway.cli.conftest import Command, Result
from tests.gateway.cli.terminal import Terminal

BOB = ("--as", "user:bob")
SUM = ("call", "echo/add", '{"a": 1, "b": 2}')


@pytest.fixture
def held(project: Path, toolgate: Command) -> Result:
    """A call that waits for somebody."""
    return toolgate(*SUM, "--json")


def the_id(held: Result) -> str:
    return str(held.error["approval"])


def add_line(project: Path, line: str) -> None:
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + line + "\n")


def test_a_changed_call_is_shown_as_a_difference_and_told_to_whoever_made_it(held: Result, toolgate: Command) -> None:
    said = toolgate("approve", the_id(held), "--edit", '{"b": 40}', *BOB)
    assert said.code == 0
    assert "  b: 2 -> 40\n" in said.err
    again = toolgate(*SUM)
    assert again.code == 0
    assert "user:bob changed this call before it was made: b: 2 -> 40." in again.out
    assert "41" in again.out
    assert toolgate(*SUM).code == 7


@pytest.mark.parametrize(
    ("edit", "code", "why"),
    [
        ('{"b": "x"}', 6, "is not of type"),
        ("{", 2, "not JSON"),
        ("[]", 2, "must be a JSON object"),
        ('{"b": NaN}', 2, ""),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_the_question_stays(
    held: Result, toolgate: Command, edit: str, code: int, why: str
) -> None:
    refused = toolgate("approve", the_id(held), "--edit", edit, *BOB)
    assert refused.code == code
    assert why in refused.err
    (asked,) = toolgate("approvals", "--json").json
    assert (asked["state"], asked["asked_for"]) == ("pending", None)


def test_who_answered_and_how_he_was_known_is_kept(held: Result, toolgate: Command) -> None:
    kept = toolgate("approve", the_id(held), "--reason", "fine", *BOB, "--json").json
    (vote,) = kept["decisions"]
    assert (vote["by"], vote["decision"], vote["comment"]) == ("user:bob", "approved", "fine")
    assert vote["method"].startswith("command line, os user ")
    assert vote["digest"] == kept["digest"]


def test_a_no_may_stop_the_run(project: Path, toolgate: Command) -> None:
    toolgate("run", "add them", "--model", "scripted:sum.yaml")
    (asked,) = toolgate("approvals", "--json").json
    said = toolgate("deny", asked["id"], "--reason", "enough", "--stop", *BOB)
    assert (said.code, "its run is stopped" in said.err) == (0, True)
    (run,) = [row for row in toolgate("runs", "--json").json if row["id"] == asked["run_id"]]
    assert run["status"] == "cancelled"


def test_where_two_must_agree_the_first_hears_that_one_more_must(project: Path, toolgate: Command) -> None:
    add_line(project, "o, *, *, echo/add, call, , needs=2, two look at sums")
    add_line(project, "p, user:eve, *, echo/*, approve, , allow, eve looks too")
    toolgate(*SUM)
    (held,) = toolgate("approvals", "--json").json
    yes = ("approve", held["id"], "--digest", held["digest"])
    first = toolgate(*yes, *BOB)
    assert (first.code, "1 more must agree" in first.err) == (0, True)
    assert toolgate(*yes, *BOB).code == 1
    assert toolgate(*SUM).code == 7
    second = toolgate(*yes, "--as", "user:eve")
    assert "approved by user:bob and user:eve: echo/add" in second.err
    assert toolgate(*SUM).out == "3\n"


TWO = "o, *, *, echo/add, call, , needs=2, two look at sums"
EVE = ("--as", "user:eve")
LOOK = "nobody is there to look at it: add the --digest that `toolgate approvals show"


@pytest.fixture
def of_two(project: Path, toolgate: Command) -> Any:
    """A question that two must agree to: Bob and Eve may."""
    add_line(project, TWO)
    add_line(project, "p, user:eve, *, echo/*, approve, , allow, eve looks too")
    toolgate(*SUM)
    (asked,) = toolgate("approvals", "--json").json
    return asked


def test_a_yes_does_not_count_for_a_call_that_somebody_changed_after_it_was_seen(
    of_two: Any, toolgate: Command
) -> None:
    shown = toolgate("approvals", "show", of_two["id"], *EVE).out
    assert of_two["digest"] in shown
    changed = toolgate("approve", of_two["id"], "--edit", '{"b": 90000}', "--digest", of_two["digest"], *BOB)
    assert changed.code == 0
    late = toolgate("approve", of_two["id"], "--digest", of_two["digest"], *EVE)
    assert (late.code, "was changed meanwhile, by user:bob; look at it again" in late.err) == (1, True)
    (now,) = toolgate("approvals", "--json").json
    assert [vote["by"] for vote in now["decisions"]] == ["user:bob"]
    seen = toolgate("approve", of_two["id"], "--digest", now["digest"], *EVE)
    assert "approved by user:bob and user:eve" in seen.err


def test_without_a_terminal_nobody_agrees_unseen_to_what_may_be_another_call(of_two: Any, toolgate: Command) -> None:
    for how in ((), ("--json",), ("--edit", '{"b": 3}')):
        refused = toolgate("approve", of_two["id"], *how, *BOB)
        assert (refused.code, LOOK in refused.err) == (2, True)
    assert toolgate("approve", of_two["id"], "--digest", "", *BOB).code == 1
    assert toolgate("approvals", "--json").json == [of_two]


def test_a_changed_question_is_not_agreed_to_unseen_and_one_as_it_was_first_put_is(
    project: Path, toolgate: Command
) -> None:
    asked = the_id(toolgate(*SUM, "--json"))
    assert toolgate("approve", asked, *BOB).code == 0
    toolgate(*SUM)
    add_line(project, TWO)
    toolgate(*SUM)
    (again,) = toolgate("approvals", "--json").json
    yes = ("approve", again["id"], "--digest", again["digest"])
    assert toolgate(*yes, "--edit", '{"b": 3}', *BOB).code == 0
    assert LOOK in toolgate("approve", again["id"], *BOB).err


def test_on_a_terminal_the_call_is_shown_and_only_a_yes_lets_it_happen(
    of_two: Any, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    toolgate("approve", of_two["id"], "--edit", '{"b": 90000}', "--digest", of_two["digest"], *BOB)
    with terminal("approve", of_two["id"], *EVE) as shown:
        assert "b: 2 -> 90000" in shown.until("user:eve, may it happen? [y/N]")
        shown.type("n\n")
        assert shown.end() == 1
        assert "nothing was answered; the question stays" in shown.screen
    assert len(toolgate("approvals", "--json").json) == 1
    with terminal("approve", of_two["id"], *EVE) as shown:
        shown.until("may it happen? [y/N]")
        shown.type("y\n")
        assert shown.end() == 0
    assert toolgate("approvals", "show", of_two["id"], "--json").json["state"] == "approved"


def test_on_a_terminal_what_is_changed_while_somebody_looks_is_not_agreed_to(
    of_two: Any, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    with terminal("approve", of_two["id"], *EVE) as shown:
        shown.until("may it happen? [y/N]")
        toolgate("approve", of_two["id"], "--edit", '{"b": 90000}', "--digest", of_two["digest"], *BOB)
        shown.type("y\n")
        assert shown.end() == 1
        assert "was changed meanwhile, by user:bob; look at it again" in shown.screen


def test_a_question_is_handed_up(project: Path, toolgate: Command) -> None:
    add_line(project, "o, *, *, echo/add, call, , escalate=role:chief@2h, it goes up")
    add_line(project, "g, user:eve, role:chief, *")
    asked = the_id(toolgate(*SUM, "--json"))
    assert toolgate("approve", asked, "--as", "user:eve").code == 6
    assert "role:chief in 1 h 59 min" in toolgate("approvals").out
    said = toolgate("approvals", "escalate", asked, *BOB)
    assert (said.code, "goes to role:chief now" in said.err) == (0, True)
    assert toolgate("approve", asked, "--as", "user:eve").code == 0
    assert toolgate(*SUM).out == "3\n"


def test_what_goes_to_nobody_is_not_handed_up(held: Result, toolgate: Command) -> None:
    refused = toolgate("approvals", "escalate", the_id(held), *BOB)
    assert (refused.code, "user:bob can't answer so: no line says to whom" in refused.err) == (6, True)
    other = toolgate("approvals", "escalate", the_id(held), *EVE)
    assert (other.code, "user:eve may not decide this: no line allows" in other.err) == (6, True)


def test_many_are_all_shown_and_then_answered_each_once(project: Path, toolgate: Command) -> None:
    for b in (2, 3, 4):
        toolgate("call", "echo/add", f'{{"a": 1, "b": {b}}}')
    refused = toolgate("approve", "--all", *BOB)
    assert (refused.code, "add --yes" in refused.err) == (2, True)
    for b in (2, 3, 4):
        assert f"b = {b}" in refused.err
    assert len(toolgate("approvals", "--json").json) == 3
    assert toolgate("approve", "--all", "--where", "tool=shop/*", "--yes", *BOB).err.startswith("nothing that you may")
    said = toolgate("approve", "--all", "--where", "tool=echo/*", "--where", "user=user:ann", "--yes", *BOB)
    assert (said.code, "3 of 3 answered" in said.err) == (0, True)
    assert toolgate("call", "echo/add", '{"a": 1, "b": 4}').out == "5\n"
    assert toolgate("approvals", "--json").json == []


def test_of_many_what_is_changed_while_somebody_looks_is_not_agreed_to(
    of_two: Any, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    with terminal("approve", "--all", *EVE) as shown:
        shown.until("Approve this one? [y/N]")
        toolgate("approve", of_two["id"], "--edit", '{"b": 90000}', "--digest", of_two["digest"], *BOB)
        shown.type("y\n")
        assert shown.end() == 6
        assert "was changed meanwhile, by user:bob; look at it again" in shown.screen
        assert "0 of 1 answered" in shown.screen
    (asked,) = toolgate("approvals", "--json").json
    assert [vote["by"] for vote in asked["decisions"]] == ["user:bob"]


def test_many_are_those_that_one_may_decide(project: Path, toolgate: Command) -> None:
    toolgate(*SUM)
    nothing = "nothing that you may decide waits there\n"
    assert toolgate("deny", "--all", "--yes", "--as", "user:eve").err == nothing
    assert len(toolgate("approvals", "--json").json) == 1
    assert toolgate("deny", "--all", "--yes", *BOB, "--json").json[0]["state"] == "denied"


@pytest.mark.parametrize(
    "words",
    [
        ("approve",),
        ("approve", "--all", "A-123456"),
        ("approve", "--all", "--edit", "{}"),
        ("approve", "--all", "--digest", "ab"),
        ("deny", "--all", "A-123456"),
        ("approve", "--all", "--where", "colour=red"),
        ("approve", "--all", "--where", "tool"),
        ("approve", "A-123456", "--until", "2099-01-01"),
        ("approve", "A-123456", "--remember", "until"),
        ("approve", "A-123456", "--remember", "until", "--until", "2001-01-01"),
        ("approve", "A-123456", "--remember", "until", "--until", "soon"),
        ("approve", "A-123456", "--by", "amount"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_in_how_it_was_typed(bare: Path, toolgate: Command, words: Any) -> None:
    assert toolgate(*words).code == 2


def test_a_person_approves_on_the_command_line_what_an_agent_wants_in_another_process(
    project: Path, toolgate: Command, child: Command, env: Any
) -> None:
    command = [
        sys.executable,
        "-m",
        "gateway.cli",
        "run",
        "add them",
        "--model",
        "scripted:sum.yaml",
        "--json",
        "--wait",
    ]
    agent = Forked(command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        (asked,) = toolgate("approvals", "watch", "--count", "1", "--json").lines
        assert asked["state"] == "pending"
        assert child("approve", asked["id"], "--edit", '{"b": 40}', *BOB).code == 0
        out, _ = agent.communicate(timeout=60)
    finally:
        agent.kill()
        agent.wait()
    assert agent.returncode == 0
    assert "user:bob changed this call before it was made: b: " in out
    assert toolgate("approvals", "show", asked["id"], "--json").json["state"] == "consumed"
