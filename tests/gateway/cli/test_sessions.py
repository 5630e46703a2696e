"""Conversations that go on from run to run, from the command line."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.events import Queued, Started
from gateway.offline import open_offline
from gateway.session import Join
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import CTRL_C, Terminal

TALK = "steps:\n  - say: One.\n  - say: Two.\n  - say: Three.\n"
RUN = ("run", "hello", "--session", "trip", "--model", "scripted:steps.yaml")


@pytest.fixture
def place(bare: Path, database: Callable[[], str | None]) -> Path:
    """The project, with its store in either database."""
    if url := database():
        (bare / "toolgate.toml").write_text(f'store = "{url}"\n' + (bare / "toolgate.toml").read_text())
    (bare / "steps.yaml").write_text(TALK)
    return bare


@pytest.fixture
def steps(project: Path) -> Path:
    """The project with its server, and a run in a session that waits for a person."""
    (project / "steps.yaml").write_text("steps:\n  - call: {tool: echo/add, args: {a: 1, b: 2}}\n" + TALK[7:])
    return project


def test_a_run_goes_on_where_the_last_one_of_its_session_has_ended(place: Path, toolgate: Command) -> None:
    assert [toolgate(*RUN).out for _ in range(3)] == ["One.\n", "Two.\n", "Three.\n"]
    assert toolgate("run", "hello", "--model", "scripted:steps.yaml").out == "One.\n"
    assert toolgate(*RUN[:3], "work", *RUN[4:]).out == "One.\n"
    listed = toolgate("sessions", "list", "--json").json
    assert [(one["name"], one["turns"], one["agent"]) for one in listed] == [
        ("work", 1, "agent:desk"), ("trip", 3, "agent:desk")
    ]  # fmt: skip


def test_what_a_session_remembers_is_shown_and_deleted(
    place: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    toolgate(*RUN)
    assert "hello" in toolgate("sessions", "show", "trip").out
    assert "One." in toolgate("sessions", "show", "trip").out
    golden("cli_sessions_show", toolgate("sessions", "show", "trip", "--json").json)
    golden("cli_sessions_list", toolgate("sessions", "list", "--json").json)
    assert "trip  agent:desk  1 run " in toolgate("sessions", "list").out
    assert toolgate("sessions", "delete", "trip", "--json").json == {"session": "trip", "deleted": True}
    assert toolgate("sessions", "list", "--json").json == []
    assert "no sessions yet" in toolgate("sessions", "list").err
    assert toolgate(*RUN).out == "One.\n"


def test_nobody_else_gets_at_it(place: Path, toolgate: Command) -> None:
    toolgate(*RUN)
    for others in (("--as", "user:bob"), ("--tenant", "other")):
        assert toolgate("sessions", "list", "--json", *others).json == []
        for command in ("show", "delete"):
            refused = toolgate("sessions", command, "trip", *others)
            assert (refused.code, "there is no session `trip`" in refused.err) == (1, True)
        assert toolgate(*RUN, *others).out == "One.\n"
    assert toolgate(*RUN).out == "Two.\n"


def test_another_agent_needs_another_session(place: Path, toolgate: Command) -> None:
    text = (place / "toolgate.toml").read_text()
    (place / "toolgate.toml").write_text(f'{text}\n[agents.mailer]\nmodel = "demo"\n')
    toolgate(*RUN)
    refused = toolgate(*RUN, "--agent", "mailer")
    assert (refused.code, "the session `trip` is one with `agent:desk`" in refused.err) == (1, True)
    assert len(toolgate("runs", "--json").json) == 1


def test_what_is_no_name_is_a_mistake_of_use(place: Path, toolgate: Command) -> None:
    refused = toolgate("run", "hello", "--session", "my trip", "--model", "scripted:steps.yaml")
    assert (refused.code, "`my trip` is not a session's name" in refused.err) == (2, True)


def test_a_run_whose_predecessor_waits_for_a_person_is_left_for_later(steps: Path, toolgate: Command) -> None:
    first = toolgate(*RUN)
    assert first.code == 7
    second = toolgate(*RUN, "--no-wait")
    assert second.code == 7
    newer, older = toolgate("runs", "--json").json
    assert f"run {older['id']} of the session trip comes first, and is waiting" in " ".join(second.err.split())
    assert f"then go on with: toolgate resume {newer['id']}" in second.err
    refused = toolgate("sessions", "delete", "trip")
    assert (refused.code, f"run `{older['id']}` of the session `trip` has not ended" in refused.err) == (1, True)
    assert f"open: {older['id']}, {newer['id']}" in toolgate("sessions", "list").out
    toolgate("cancel", older["id"])
    assert toolgate("resume", newer["id"], "--no-wait").code == 7  # now it is at the same question


def test_on_a_terminal_it_is_waited_for(steps: Path, terminal: Callable[..., Terminal], toolgate: Command) -> None:
    toolgate(*RUN)
    (older,) = toolgate("runs", "--json").json
    with terminal(*RUN) as shown:
        shown.until("comes first, and is waiting")
        toolgate("cancel", older["id"])
        shown.until("may it happen? (y/n, ? for more)")
        shown.type(CTRL_C)
        assert shown.end() == 130


def test_a_session_that_has_remembered_nothing_says_so(steps: Path, toolgate: Command) -> None:
    toolgate(*RUN)
    assert "nothing is remembered yet" in toolgate("sessions", "show", "trip").out
    assert toolgate("sessions", "show", "trip", "--json").json["memory"] is None


def test_calls_results_and_taint_are_shown_in_a_line_each(steps: Path, toolgate: Command) -> None:
    (steps / ".mcp.json").read_text()
    text = (steps / "toolgate.toml").read_text().replace("trusted = true", "trusted = false")
    (steps / "toolgate.toml").write_text(text)
    (steps / "steps.yaml").write_text("steps:\n  - call: {tool: echo/echo, args: {text: hi}}\n" + TALK[7:])
    assert toolgate(*RUN).code == 0
    shown = toolgate("sessions", "show", "trip").out
    assert 'calls echo__echo {"text":"hi"}' in shown.replace(": ", ":")
    assert "tainted  it holds what untrusted servers said; heard: echo" in shown
    assert json.loads(toolgate("sessions", "show", "trip", "--json").out)["memory"]["tainted"] is True


def test_who_stands_in_a_session_and_what_lets_it_go_on_is_shown(
    place: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    submitted = ("submit", *RUN[1:])
    first, second = (toolgate(*submitted).out.strip() for _ in range(2))
    toolgate("runs", "pause", first)
    told = toolgate("sessions", "show", "trip")
    assert f"{first}  paused before its turn: the others go past it; toolgate resume {first}" in told.out
    assert f"{second}  queued\n" in told.out
    golden("cli_sessions_line", toolgate("sessions", "show", "trip", "--json").json)
    toolgate("runs", "resume", first)  # it is driven here, to its end
    assert toolgate("worker", "--until-idle", "--json").lines == [
        {"run": second, "status": "succeeded", "cause": ""}
    ]  # fmt: skip
    assert toolgate("sessions", "show", "trip", "--json").json["line"] == []


def test_a_run_that_waits_keeps_its_session_waiting_and_both_lists_say_so(steps: Path, toolgate: Command) -> None:
    assert toolgate(*RUN).code == 7
    second = toolgate("submit", *RUN[1:]).out.strip()
    first = toolgate("runs", "list", "--status", "waiting", "--json").json[0]["id"]
    how = f"{first}  waiting, and has the turn; toolgate resume {first}, or toolgate cancel {first}"
    assert how in toolgate("sessions", "show", "trip").out
    assert f"queued, behind {first}" in toolgate("runs", "list").out
    shown = " ".join(toolgate("runs", "show", second).out.split())
    assert f"run {first} of the session trip comes first, and is waiting: toolgate runs show {first}" in shown
    toolgate("cancel", first)
    assert "behind" not in toolgate("runs", "list").out
    assert "comes first" not in toolgate("runs", "show", second).out


def test_a_run_that_has_the_turn_and_no_worker_is_shown_with_what_lets_the_session_go_on(
    place: Path, toolgate: Command, env: Mapping[str, str]
) -> None:
    toolgate(*RUN)
    second = toolgate("submit", *RUN[1:]).out.strip()

    async def left(run_id: str) -> None:
        with open_offline(load_config(place, env)) as offline:
            queued = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hi", session="trip")
            joining = Join(run_id, "trip", "user:ann", "acme", "agent:desk")
            await offline.store.append(run_id, [queued, Started("gone/1/a.b")], lease=None, changes=[joining])

    asyncio.run(left("r-left"))
    told = toolgate("sessions", "show", "trip").out
    assert "r-left  running, no worker, and has the turn; toolgate resume r-left" in told
    assert f"{second}  queued\n" in told


def test_a_memory_that_is_damaged_is_said_to_be_so_and_forgotten(bare: Path, toolgate: Command) -> None:
    (bare / "steps.yaml").write_text(TALK)
    assert toolgate(*RUN).code == 0
    with contextlib.closing(sqlite3.connect(bare / ".toolgate" / "toolgate.db")) as database:
        database.execute("UPDATE sessions SET memory = '{'")
        database.commit()
    shown = toolgate("sessions", "show", "trip")
    assert (shown.code, "`trip` remembers is damaged in the store" in shown.err) == (1, True)
    assert toolgate("sessions", "list").code == 0
    assert toolgate("sessions", "delete", "trip").code == 0
