"""`toolgate run` and `resume` as a person at a terminal meets them, and as a script does."""

import io
import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.driving import Manner, how_it_goes_on, print_answer
from gateway.run import Run
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import CTRL_C, CTRL_D, Terminal

QUESTION = "user:ann, may it happen? (y/n, ? for more) "
SUM = ("run", "add them", "--model", "scripted:sum.yaml")
AS_CAROL = ("--as", "user:carol")  # who may call, and decide nothing

OnTerminal = Callable[..., Terminal]


@pytest.fixture
def shared(project: Path) -> Path:
    """The project, in which carol may call too, and only the boss decides."""
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "p, user:carol, *, echo/*, call, , allow, carol may\n")
    return project


def the_run(toolgate: Command) -> dict[str, Any]:
    (row,) = toolgate("runs", "--json").json
    return dict(row)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_an_answer_is_printed_whatever_stands_in_it(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    print_answer("half \ud800, \N{SNOWMAN} and a z", heard=False)
    out.flush()
    said = out.buffer.getvalue().decode(encoding)
    assert (said.startswith("half ?, "), said.endswith(" and a z\n")) == (True, True)


# ---- a person at a terminal


@pytest.mark.usefixtures("anew")
def test_a_person_says_yes_and_the_call_happens(project: Path, terminal: OnTerminal) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type("y\r")
        assert shown.end() == 0
        assert "approved by user:ann: echo/add" in shown.screen
        assert '✓ echo/add {"a":1,"b":2}' in shown.screen
        assert shown.screen.count("Done.") == 1  # streamed, and not printed again


def test_a_person_says_no_with_a_reason_that_the_model_hears(
    project: Path, terminal: OnTerminal, toolgate: Command
) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type("maybe\r")
        shown.until(f"maybe\n  {QUESTION}")  # asked again
        shown.type("no, too much to do\r")
        assert shown.end() == 0
        assert "denied by user:ann: echo/add  too much to do" in shown.screen
    events = toolgate("runs", "show", the_run(toolgate)["id"], "--json").json["events"]
    assert [event["reason"] for event in events if event["event"] == "decided"] == ["too much to do"]
    assert not [event for event in events if event["event"] == "admitted"]


def test_a_person_changes_the_call_sees_what_that_changes_and_says_yes(
    project: Path, terminal: OnTerminal, toolgate: Command
) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type("?\r")
        shown.until(f"ends\n  {QUESTION}")
        shown.type("e b = 40\r")
        shown.until(f'as JSON: e {{"amount": 10}}\n  {QUESTION}')
        shown.type('e {"b": 40}\r')
        assert "b: 2 -> 40" in shown.until("user:ann, may it happen as changed? (y/n, ? for more) ")
        shown.type("y\r")
        assert shown.end() == 0
        assert '✓ echo/add {"a":1,"b":40}' in shown.screen


def test_who_has_handed_a_question_up_waits_for_others(
    project: Path, terminal: OnTerminal, child: Command, toolgate: Command
) -> None:
    policy = project / "policies" / "policy.csv"
    policy.write_text(policy.read_text() + "o, *, *, echo/add, call, , escalate=role:boss@2h, the boss decides\n")
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type("u\r")
        shown.until("it goes to role:boss now")
        shown.until("somebody else must decide: toolgate approve A-")
        assert shown.screen.count(QUESTION) == 1
        (asked,) = toolgate("approvals", "--json").json
        assert child("approve", asked["id"], "--as", "user:bob").code == 0
        assert shown.end() == 0


def test_what_was_typed_before_the_question_is_no_answer(project: Path, terminal: OnTerminal) -> None:
    with terminal(*SUM) as shown:
        shown.type("y\r")
        shown.until(QUESTION)
        shown.type("n\r")
        assert shown.end() == 0
        assert "denied by user:ann" in shown.screen


def test_ctrl_c_at_a_question_leaves_it_open_and_the_run_to_be_resumed(
    project: Path, terminal: OnTerminal, toolgate: Command
) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type(CTRL_C)
        assert shown.end() == 130
        assert "interrupted; go on with: toolgate resume r-" in shown.screen
        assert "Traceback" not in shown.screen
    row = the_run(toolgate)
    assert (row["status"], row["owner"]) == ("waiting", None)
    with terminal("resume", row["id"]) as shown:
        shown.until(QUESTION)
        shown.type("y\r")
        assert shown.end() == 0


def test_ctrl_c_in_the_middle_of_a_call_pauses_the_run(project: Path, terminal: OnTerminal, toolgate: Command) -> None:
    with terminal("run", "take your time", "--model", "scripted:wait.yaml") as shown:
        shown.until("take your time")
        _until_sent(toolgate)
        shown.type(CTRL_C)
        assert shown.end() == 130
        assert "Traceback" not in shown.screen
    assert the_run(toolgate)["status"] == "paused"


def test_sigterm_pauses_the_run_as_well(project: Path, terminal: OnTerminal, toolgate: Command) -> None:
    with terminal("run", "take your time", "--model", "scripted:wait.yaml") as shown:
        shown.until("take your time")
        _until_sent(toolgate)
        shown.process.send_signal(signal.SIGTERM)
        assert shown.end() == 130
    assert the_run(toolgate)["status"] == "paused"


def _until_sent(toolgate: Command) -> None:
    """Returns when the run's call is under way: `queued, started, asked, answered, admitted`."""
    for _ in range(10_000):
        rows = toolgate("runs", "--json").json
        if rows and rows[0]["seq"] >= 5:
            return
    raise AssertionError("the call was not made")


def test_the_end_of_the_terminal_answers_nothing(project: Path, terminal: OnTerminal, toolgate: Command) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        shown.type(CTRL_D)
        assert shown.end() == 7
        assert "toolgate approvals" in shown.screen
    assert the_run(toolgate)["status"] == "waiting"
    assert len(toolgate("approvals", "--json").json) == 1


def test_somebody_else_answers_while_the_question_stands_here(
    project: Path, terminal: OnTerminal, toolgate: Command
) -> None:
    with terminal(*SUM) as shown:
        shown.until(QUESTION)
        (asked,) = toolgate("approvals", "--json").json
        assert toolgate("approve", asked["id"], "--as", "user:bob").code == 0
        assert shown.end() == 0
        assert "somebody else has answered" in shown.screen
        assert "approved by user:bob: echo/add" in shown.screen


def test_who_may_not_decide_waits_for_somebody_who_may(
    shared: Path, terminal: OnTerminal, child: Command, toolgate: Command
) -> None:
    with terminal(*SUM, *AS_CAROL) as shown:
        shown.until("somebody else must decide: toolgate approve A-")
        assert "may it happen" not in shown.screen
        (asked,) = toolgate("approvals", "--json").json
        assert child("approve", asked["id"], "--as", "user:bob").code == 0
        assert shown.end() == 0


def test_no_wait_asks_nothing_on_a_terminal_either(project: Path, terminal: OnTerminal) -> None:
    with terminal(*SUM, "--no-wait") as shown:
        assert shown.end() == 7
        assert "may it happen" not in shown.screen


def test_no_color_writes_not_one_escape_code(project: Path, terminal: OnTerminal) -> None:
    with terminal("run", "hi", "--model", "scripted:work.yaml", NO_COLOR="1") as shown:
        assert shown.end() == 0
        assert "\x1b" not in shown.raw
    with terminal("run", "hi", "--model", "scripted:work.yaml") as shown:
        assert shown.end() == 0
        assert "\x1b[" in shown.raw


# ---- a script


def test_a_script_gets_the_answer_on_stdout_and_talk_on_stderr(project: Path, child: Command) -> None:
    done = child("run", "hi", "--model", "scripted:work.yaml")
    assert (done.code, done.out) == (0, "Done.\n")
    assert '✓ echo/echo {"text":"hi"}' in done.err
    assert "✗ echo/env {}  denied: nobody looks at the environment  [policies/policy.csv:4]" in done.err
    assert "the tool reports an error" in done.err
    assert "\x1b" not in done.out + done.err


def test_a_script_is_told_to_come_back(project: Path, child: Command) -> None:
    held = child(*SUM)
    assert (held.code, held.out) == (7, "")
    (resume,) = re.findall(r"toolgate (resume r-\w+)", held.err)
    assert child(*resume.split()).code == 7
    (asked,) = child("approvals", "--json").json
    assert child("approve", asked["id"]).code == 0
    done = child(*resume.split())
    assert (done.code, done.out) == (0, "Done.\n")


def test_the_json_of_a_run_is_its_events_and_keeps_its_shape(
    project: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    (project / "steady.yaml").write_text(
        "steps:\n  - call: {tool: echo/echo, args: {text: hi}}\n  - call: {tool: echo/env, args: {}}\n  - say: Done.\n"
    )
    done = toolgate("run", "hi", "--model", "scripted:steady.yaml", "--json")
    assert (done.code, done.err) == (0, "")
    golden("cli_run", done.lines)


def test_json_prints_each_event_once_also_when_the_run_goes_on(project: Path, toolgate: Command) -> None:
    held = toolgate(*SUM, "--json")
    assert (held.code, held.err) == (7, "")
    (asked,) = toolgate("approvals", "--json").json
    toolgate("approve", asked["id"])
    done = toolgate("resume", asked["run_id"], "--json")
    assert done.code == 0
    numbers = [event["seq"] for event in done.lines]
    assert numbers == list(range(1, len(numbers) + 1))


def test_json_prints_each_event_once_also_when_it_waits(project: Path, terminal: OnTerminal, toolgate: Command) -> None:
    with terminal(*SUM, "--json", "--wait") as shown:
        shown.until('"event": "waited"')
        (asked,) = toolgate("approvals", "--json").json
        assert toolgate("approve", asked["id"]).code == 0
        assert shown.end() == 0
        numbers = [json.loads(line)["seq"] for line in shown.screen.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_spent_budget_pauses_until_it_is_raised(project: Path, toolgate: Command) -> None:
    spent = toolgate("run", "hi", "--model", "scripted:work.yaml", "--budget", "tool_calls=1")
    assert spent.code == 8
    assert "paused (budget)" in spent.err
    run_id = the_run(toolgate)["id"]
    assert toolgate("resume", run_id).code == 8
    done = toolgate("resume", run_id, "--budget", "tool_calls=10")
    assert (done.code, done.out) == (0, "Done.\n")
    assert "budget raised to 10 tool calls by user:ann" in done.err


def test_a_run_that_has_ended_is_not_driven_again(bare: Path, toolgate: Command) -> None:
    assert toolgate("run", "hi").out == "Nothing to do.\n"
    again = toolgate("resume", the_run(toolgate)["id"])
    assert (again.code, again.out) == (0, "Nothing to do.\n")
    failed = toolgate("resume", the_run(toolgate)["id"], "--budget", "turns=5")
    assert failed.code == 1
    assert "has ended (succeeded): there is nothing to go on with" in failed.err


@pytest.mark.parametrize(("budget", "more"), [("turns=1", "turns=AMOUNT"), ("usd=0.0001", "usd=AMOUNT")])
def test_a_run_whose_budget_is_spent_says_what_to_raise(budget: str, more: str, project: Path, child: Command) -> None:
    config = project / "toolgate.toml"
    priced = 'script = "talk.yaml"\ninput_usd_per_million = 100\noutput_usd_per_million = 100\n'
    config.write_text(config.read_text().replace('script = "talk.yaml"\n', priced).replace("talk.yaml", "work.yaml"))
    stopped = child("run", "hi", "--budget", budget)
    assert stopped.code == 8
    (row,) = child("runs", "--json").json
    assert stopped.err.splitlines()[-1] == f"  go on with: toolgate resume {row['id']} --budget {more}"


def test_a_run_that_a_budget_over_many_runs_has_stopped_goes_on_when_that_is_raised(
    project: Path, child: Command
) -> None:
    budgets, config = project / "policies" / "budgets.toml", project / "toolgate.toml"
    budgets.write_text('[budgets.day]\nper = "day"\nmodel_calls = 1\n')
    config.write_text(config.read_text().replace("talk.yaml", "work.yaml"))
    stopped = child("run", "hi")
    assert stopped.code == 8
    (row,) = child("runs", "--json").json
    said = stopped.err.splitlines()[-1]
    assert said == f"  raise `day` in budgets.toml; then go on with: toolgate resume {row['id']}"
    budgets.write_text('[budgets.day]\nper = "day"\nmodel_calls = 2\n')
    done = child("resume", row["id"])
    assert (done.code, done.out) == (0, "Done.\n")


def test_a_run_that_is_taken_up_again_is_not_told_from_its_start(project: Path, child: Command) -> None:
    waits = child("run", "sum it up", "--model", "scripted:sum.yaml")
    assert waits.code == 7
    (row,) = child("runs", "--json").json
    (asked,) = child("approvals", "--json").json
    assert "echo/add" not in child("resume", row["id"]).err
    assert child("approve", asked["id"], "--as", "user:bob").code == 0
    done = child("resume", row["id"])
    recap, *new = done.err.splitlines()
    assert recap == f"  ▸ sum it up  goes on after 1 turn and 0 tool calls  all of it: toolgate runs show {row['id']}"
    assert [line.split()[:3] for line in new[:3]] == [
        ["!", "approved", "by"],
        ["▸", "resumed", "people"],
        ["✓", "echo/add", '{"a":1,"b":2}'],
    ]
    assert (done.code, done.out) == (0, "Done.\n")


def test_the_answer_of_a_run_that_has_ended_is_told_again(project: Path, child: Command, terminal: OnTerminal) -> None:
    child("run", "hi")
    (row,) = child("runs", "--json").json
    again = child("resume", row["id"])
    assert (again.code, again.out) == (0, "Nothing to do.\n")
    assert "hi  has ended (succeeded) after 1 turn and 0 tool calls" in again.err
    with terminal("resume", row["id"]) as shown:
        assert shown.end() == 0
        assert "Nothing to do." in shown.screen


def test_a_clients_run_can_not_be_resumed(project: Path, toolgate: Command) -> None:
    toolgate("call", "echo/echo", '{"text": "hi"}')
    failed = toolgate("resume", the_run(toolgate)["id"], "--json")
    assert (failed.code, failed.error["code"]) == (1, "error")
    assert "an MCP client's" in failed.error["message"]


def test_a_missing_server_is_said_and_the_run_goes_on(project: Path, child: Command) -> None:
    (project / ".mcp.json").write_text('{"mcpServers": {"echo": {"command": "no-such-program"}}}')
    done = child("run", "hi")
    assert (done.code, done.out) == (0, "Nothing to do.\n")
    assert "server echo is down: `no-such-program` was not found" in done.err


def test_the_model_of_a_run_is_found_again_from_another_folder(
    project: Path, toolgate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert toolgate(*SUM).code == 7
    (asked,) = toolgate("approvals", "--json").json
    toolgate("approve", asked["id"])
    monkeypatch.chdir(tmp_path)
    assert toolgate("resume", asked["run_id"], "--project", str(project)).code == 0


@pytest.mark.parametrize(("as_json", "wait", "asks", "waits"), [(True, None, False, False), (False, True, False, True)])
def test_without_a_terminal_nobody_is_asked(as_json: bool, wait: bool | None, asks: bool, waits: bool) -> None:
    manner = Manner.of(as_json=as_json, wait=wait)
    assert (manner.ask, manner.wait) == (asks, waits)


def test_what_a_run_needs_to_go_on_is_its_own_limit_or_the_budget_by_its_name() -> None:
    own = Run("r", "paused", cause="the budget `b` of 1 turn is used up", budget_spent="turns")
    assert how_it_goes_on(own, "toolgate resume r", " --budget turns=AMOUNT").endswith("resume r --budget turns=AMOUNT")
    theirs = how_it_goes_on(replace(own, budget="day"), "/again", " --budget turns=AMOUNT")
    assert theirs == "raise `day` in budgets.toml; then go on with: /again"
