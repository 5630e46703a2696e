"""`toolgate runs fork`."""

from pathlib import Path
from typing import Any

from gateway.events import Queued
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import record

ADDING = "steps:\n  - call: {tool: echo/echo, args: {text: hi}}\n  - say: Done.\n  - say: Done again.\n"


def ran(project: Path, toolgate: Command) -> str:
    (project / "hi.yaml").write_text(ADDING)
    assert toolgate("run", "say hi", "--model", "scripted:hi.yaml").code == 0
    return str(toolgate("runs", "--json").json[0]["id"])


def story(toolgate: Command, run_id: str) -> list[dict[str, Any]]:
    return list(toolgate("runs", "show", run_id, "--json").json["events"])


def test_a_fork_goes_on_from_the_end_of_a_turn_and_makes_no_call_again(project: Path, toolgate: Command) -> None:
    run = ran(project, toolgate)
    forked = toolgate("runs", "fork", run, "--at", "t1")
    assert (forked.code, forked.out) == (0, "Done.\n")
    new = toolgate("runs", "--json").json[0]["id"]
    events = story(toolgate, new)
    assert [event["event"] for event in events] == [
        "queued", "carried", "started", "model_asked", "model_answered", "succeeded",
    ]  # fmt: skip
    assert events[1]["source"]["run"] == run
    assert f"goes on from run {run}" in toolgate("runs", "show", new).out


def test_a_fork_can_be_told_something_else_and_left_to_be_resumed(project: Path, toolgate: Command) -> None:
    run = ran(project, toolgate)
    queued = toolgate(
        "runs", "fork", run, "--at", "t2", "--edit", "and again", "--budget", "turns=3", "--no-run", "--json"
    )
    new = queued.json["run"]
    assert queued.json == {"run": new, "from": run, "status": "queued"}
    assert story(toolgate, new)[0]["limits"]["turns"] == 3
    assert toolgate("resume", new).out == "Done again.\n"


def test_a_fork_that_is_not_driven_here_is_for_the_workers_and_comes_by_its_priority(
    project: Path, toolgate: Command
) -> None:
    run = ran(project, toolgate)
    usual = toolgate("runs", "fork", run, "--at", "t1", "--no-run")
    urgent = toolgate("runs", "fork", run, "--at", "t1", "--no-run", "--priority", "5").out.strip()
    assert "it is queued for the workers" in usual.err
    done = toolgate("worker", "--until-idle", "--concurrency", "1", "--json").lines
    assert [line["run"] for line in done] == [urgent, usual.out.strip()]
    assert toolgate("resume", urgent).out == "Done.\n"
    refused = toolgate("runs", "fork", run, "--at", "t1", "--priority", "5")
    assert (refused.code, "it goes with --no-run" in refused.err) == (2, True)


def test_no_worker_goes_on_with_a_conversation(queued: Path, toolgate: Command) -> None:
    first = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hello", conversation=True)
    record(queued, "r-talk", first)
    forked = toolgate("runs", "fork", "r-talk", "--at", "t0", "--edit", "hi", "--no-run")
    new = forked.out.strip()
    assert (forked.code, f"toolgate chat --resume {new}" in forked.err) == (0, True)
    assert toolgate("worker", "--until-idle", "--json").lines == []
    assert toolgate("runs", "show", new, "--json").json["status"] == "queued"


def test_a_fork_for_workers_needs_no_key_of_its_model_but_a_model_that_there_is(
    project: Path, toolgate: Command
) -> None:
    run = ran(project, toolgate)
    assert toolgate("runs", "fork", run, "--at", "t0", "--model", "openai:other", "--no-run").code == 0
    assert toolgate("runs", "fork", run, "--at", "t0", "--model", "nobody", "--no-run").code == 2


def test_a_fork_has_another_model_if_one_is_named_that_there_is(project: Path, toolgate: Command) -> None:
    run = ran(project, toolgate)
    assert toolgate("runs", "fork", run, "--at", "t0", "--model", "scripted:talk.yaml").out == "Nothing to do.\n"
    assert toolgate("runs", "fork", run, "--at", "t0", "--model", "nobody").code == 2


def test_a_fork_is_driven_by_another_policy_as_long_as_this_command_drives_it(project: Path, toolgate: Command) -> None:
    run = ran(project, toolgate)
    strict = project / "strict"
    strict.mkdir()
    (strict / "policy.csv").write_text("p, user:ann, *, echo/echo, call, , deny, not here\n")
    assert toolgate("runs", "fork", run, "--at", "t0", "--policy", "strict").code == 0
    events = story(toolgate, toolgate("runs", "--json").json[0]["id"])
    assert "denied" in [event["event"] for event in events]
    refused = toolgate("runs", "fork", run, "--at", "t0", "--policy", "strict", "--no-run")
    assert (refused.code, "does not go with --no-run" in refused.err) == (2, True)


def test_only_whose_run_it_is_goes_on_from_it_and_only_where_it_was(project: Path, toolgate: Command) -> None:
    run = ran(project, toolgate)
    for wrong, why in (
        (("--at", "t1", "--as", "user:bob"), "only he goes on from it"),
        (("--at", "t1", "--tenant", "globex"), "only he goes on from it"),
        (("--at", "t9"), "there is no `t9`"),
        (("--at", "t2"), "say what comes next"),
    ):
        refused = toolgate("runs", "fork", run, *wrong)
        assert (refused.code, why in refused.err) == (1, True), refused.err
    assert len(toolgate("runs", "--json").json) == 1
