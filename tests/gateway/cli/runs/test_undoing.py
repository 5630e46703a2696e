"""`toolgate runs undo`: what can be undone, and undoing it with real servers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Spend
from gateway.call import Answered, outcome_to_json
from gateway.events import Admitted, Cancelled, ModelAnswered, ModelAsked, Paused, Queued, Returned, Started
from gateway.store import Reserve, run_account
from tests.fixtures.stores import execute
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import DEAD, QUEUED, RUN, away, record

UNDO = """
[servers.echo.tools.add]
undo = { tool = "add", arguments = { a = "{arguments.a}", b = "{result.back}" } }
"""


@pytest.fixture
def added(project: Path) -> Path:
    """A run that has called a tool, in a project that says how that is undone."""
    with (project / "toolgate.toml").open("a", encoding="utf-8") as out:
        out.write(UNDO)
    call = {"key": "t1/call/1", "id": "1", "path": "echo/add"}
    message = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": "{}"}]}
    answered = Answered({"content": [], "structuredContent": {"back": -1}})
    made = (
        Started(DEAD),
        ModelAsked(1, {}),
        ModelAnswered(1, message, "tool_calls", "demo", {}, {}, (call,)),
        Admitted("t1/call/1", "echo/add", '{"a":1,"b":1}', "pin", "policy", {}),
        Returned("t1/call/1", outcome_to_json(answered), {}),
    )
    record(project, RUN, QUEUED, *made)
    return project


def test_of_a_run_of_whose_tools_nothing_is_said_nothing_can_be_undone(queued: Path, toolgate: Command) -> None:
    told = toolgate("runs", "undo", "r-0123")
    assert (told.code, told.err) == (0, "it has done nothing of which anybody has said how it is undone\n")
    assert toolgate("runs", "undo", "r-0123", "--json").json == []


def test_who_ends_a_run_is_offered_to_undo_it(
    added: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    told = toolgate("cancel", "r-0123")
    assert told.err == f"cancelled {RUN}; see what can be undone: toolgate runs undo {RUN}\n"
    listed = toolgate("runs", "undo", "r-0123", "--json").json
    golden("cli_runs_undo", listed)
    assert [(each["key"], each["tool"], each["arguments"], each["state"]) for each in listed] == [
        ("t1/call/1", "echo/add", {"a": 1, "b": -1}, "open")
    ]


def test_a_copy_is_undone_when_somebody_has_looked_where_it_was_made(added: Path, toolgate: Command) -> None:
    record(added, RUN, Cancelled("user:ann", ""))
    config = added / "toolgate.toml"
    config.write_text(config.read_text().replace("trusted = true", "trusted = false"))  # it may not be repeated
    assert toolgate("runs", "export", RUN, "-o", "run.json").code == 0
    other = ("--project", str(away(added)))
    assert toolgate("runs", "import", "run.json", *other).code == 0
    (listed,) = toolgate("runs", "undo", RUN, "--json", *other).json
    assert (listed["state"], "may have been undone" in listed["why"]) == ("in_doubt", True)
    tried = toolgate("runs", "undo", RUN, "--all", *other)
    assert (tried.code, f"toolgate runs settle {RUN} undo/t1/call/1 --happened" in tried.err) == (1, True)
    assert "nothing of run" in toolgate("runs", "settle", RUN, "undo/t1/call/1", "--did-not").err  # at home
    assert toolgate("runs", "settle", RUN, "undo/t1/call/1", "--did-not", *other).code == 0
    (listed,) = toolgate("runs", "undo", RUN, "--json", *other).json
    assert listed["state"] == "open"
    assert toolgate("runs", "settle", RUN, "undo/t1/call/1", "--happened", *other).code == 1
    assert toolgate("runs", "undo", RUN, "--all", *other).code == 7  # a person is asked, as about every sum


def test_a_run_that_was_moved_away_is_not_undone_here(added: Path, toolgate: Command) -> None:
    record(added, RUN, Paused("person", "", by="user:ann"))
    assert toolgate("runs", "export", RUN, "-o", "moved.json", "--move").code == 0
    for more in ((), ("--all",), ("t1/call/1",)):
        refused = toolgate("runs", "undo", "r-0123", *more)
        assert (refused.code, "was moved to moved.json" in refused.err) == (1, True), more


def test_it_is_undone_once_with_the_real_server(added: Path, toolgate: Command) -> None:
    refused = toolgate("runs", "undo", "r-0123", "--all")
    assert (refused.code, "has not ended" in refused.err) == (1, True)
    record(added, RUN, Cancelled("user:ann"))
    unknown = toolgate("runs", "undo", "r-0123", "t9/call/9")
    assert (unknown.code, "can't be undone; can be: t1/call/1" in unknown.err) == (1, True)
    held = toolgate("runs", "undo", "r-0123", "--all", "--json")
    assert (held.code, [each["state"] for each in held.json]) == (7, ["held"])
    agreed = toolgate("approve", held.json[0]["approval"], "--yes", "--as", "user:bob")
    assert (agreed.code, f"to undo it, say again: toolgate runs undo {RUN}" in agreed.err) == (0, True)
    for _ in range(2):
        done = toolgate("runs", "undo", "r-0123", "--all", "--json")
        assert (done.code, [each["state"] for each in done.json]) == (0, ["undone"])
    events = toolgate("runs", "show", f"undo-{RUN}", "--json").json["events"]
    assert [each["event"] for each in events].count("admitted") == 1


def test_the_record_of_what_is_undone_is_not_ended_by_itself(added: Path, toolgate: Command) -> None:
    record(added, RUN, Cancelled("user:ann"))
    assert toolgate("runs", "undo", RUN, "--all").code == 7
    own = f"undo-{RUN}"
    for command in (("cancel",), ("runs", "pause")):
        refused = toolgate(*command, own)
        assert (refused.code, f"`{own}` is the record of what was undone of `{RUN}`" in refused.err) == (1, True)
    assert [line.split()[3:5] for line in toolgate("runs", "list").out.splitlines() if own in line] == [["not", "all"]]
    rules = added / "policies" / "policy.csv"
    rules.write_text(rules.read_text().replace(" ask, ", " allow, "))
    (done,) = toolgate("runs", "undo", RUN, "--all", "--json").json
    assert done["state"] == "undone"
    assert [line.split()[3] for line in toolgate("runs", "list").out.splitlines() if own in line] == ["succeeded"]


def test_a_no_to_an_undo_leaves_it_to_be_asked_for_again(added: Path, toolgate: Command) -> None:
    record(added, RUN, Cancelled("user:ann"))
    (held,) = toolgate("runs", "undo", RUN, "--all", "--json").json
    denied = toolgate("deny", held["approval"], "--reason", "no", "--stop", "--as", "user:bob")
    assert (denied.code, denied.err) == (0, "denied by user:bob: echo/add; it is not undone\n")
    listed = toolgate("runs", "undo", RUN)
    assert ("`user:bob` has said no: no" in listed.out, "toolgate approve" in listed.err) == (True, False)
    assert toolgate("runs", "show", f"undo-{RUN}", "--json").json["status"] == "running"  # --stop ends no record
    assert toolgate("runs", "undo", RUN, "--all").code == 6


def test_a_call_that_nobody_knows_of_is_settled_before_it_can_be_undone(added: Path, toolgate: Command) -> None:
    config = added / "toolgate.toml"
    config.write_text(config.read_text().replace("{result.back}", "{arguments.b}"))
    other = "r-fedcba9876543210"
    call = {"key": "t1/call/1", "id": "1", "path": "echo/add"}
    message = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": "{}"}]}
    wish = (ModelAsked(1, {}), ModelAnswered(1, message, "tool_calls", "demo", {}, {}, (call,)))
    sent = Admitted("t1/call/1", "echo/add", '{"a":1,"b":1}', "pin", "policy", {})
    record(added, other, QUEUED, Started(DEAD), *wish, sent, Paused("interrupted", "it was interrupted"))
    told = toolgate("cancel", other)  # what was under way is lost
    assert told.err == f"cancelled {other}; see what can be undone: toolgate runs undo {other}\n"
    for more in ((), ("--all",), ("t1/call/1",)):
        listed = toolgate("runs", "undo", other, *more)
        assert ("in_doubt" in listed.out, "nobody knows whether the call was made" in listed.out) == (True, True)
        assert f"say so: toolgate runs settle {other} t1/call/1 --happened | --did-not | --give-up" in listed.err
        assert listed.code == (1 if more else 0)
    assert toolgate("runs", "settle", other, "t1/call/1", "--happened").code == 0
    assert [each["state"] for each in toolgate("runs", "undo", other, "--json").json] == ["open"]
    assert [each["state"] for each in toolgate("runs", "undo", other, "--all", "--json").json] == ["held"]


def test_an_attempt_that_nobody_knows_of_is_settled_by_whoever_has_looked(added: Path, toolgate: Command) -> None:
    toolgate("cancel", "r-0123")
    about = f"undo of {RUN}"
    queued = Queued("client", "user:ann", "acme", None, "", about)
    tried = Admitted("undo/t1/call/1", "echo/add", "{}", "pin", "policy", {"tool_calls": 1})
    held = Reserve(run_account(f"undo-{RUN}"), Spend(tool_calls=1), Limits())
    record(added, f"undo-{RUN}", queued, Started(DEAD))
    record(added, f"undo-{RUN}", tried, changes=[held])  # and then it was killed
    told = toolgate("runs", "undo", "r-0123")
    assert "toolgate runs settle r-0123 undo/t1/call/1 --happened | --did-not | --give-up" in told.err
    settled = toolgate("runs", "settle", "r-0123", "undo/t1/call/1", "--happened", "--note", "I looked")
    assert (settled.code, settled.err) == (0, f"go on with: toolgate runs undo {RUN}\n")
    (undo,) = toolgate("runs", "undo", "r-0123", "--json").json
    assert (undo["state"], undo["why"]) == ("undone", "")
    shown = toolgate("runs", "show", f"undo-{RUN}", "--json").json
    assert (shown["status"], [each["event"] for each in shown["events"]][-3:]) == (
        "succeeded",
        ["doubted", "resolved", "succeeded"],
    )
    booked = execute(added / ".toolgate" / "toolgate.db", "SELECT account, used, reserved FROM accounts")
    assert booked == [(run_account(f"undo-{RUN}"), 1, 0)]
    again = toolgate("runs", "settle", "r-0123", "undo/t1/call/1", "--did-not")
    assert (again.code, "is not in doubt" in again.err) == (1, True)
    never = toolgate("runs", "settle", f"undo-{RUN}", "undo/t9/call/9", "--did-not")
    assert (never.code, "is not in doubt" in never.err) == (1, True)
