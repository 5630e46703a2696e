"""`toolgate runs pause`, `cancel`: what is recorded; that it reaches what is under way is shown by a real run."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Queued
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import RUN, record


def test_a_cancelled_run_is_over_and_can_not_be_cancelled_again(queued: Path, toolgate: Command) -> None:
    assert toolgate("cancel", "r-0123").code == 0
    assert toolgate("runs", "--json").json[0]["status"] == "cancelled"
    assert "cancelled by user:ann" in toolgate("runs", "show", "r-0123").out
    again = toolgate("cancel", "r-0123")
    said = "toolgate: run r-0123456789abcdef has ended (cancelled): there is nothing to cancel\n"
    assert (again.code, again.err) == (1, said)


def test_cancel_says_in_json_what_it_did(queued: Path, toolgate: Command) -> None:
    assert toolgate("cancel", "r-0123", "--json").json == {"run": "r-0123456789abcdef", "status": "cancelled"}


def test_cancel_is_one_command_wherever_it_is_typed(queued: Path, toolgate: Command) -> None:
    assert toolgate("runs", "cancel", "r-0123", "--why", "enough").code == 0
    assert "cancelled by user:ann  enough" in toolgate("runs", "show", "r-0123").out


def test_a_run_is_paused_until_somebody_resumes_it(queued: Path, toolgate: Command) -> None:
    paused = toolgate("runs", "pause", "r-0123", "--why", "lunch")
    assert (paused.code, paused.err) == (0, f"paused {RUN}; go on with: toolgate resume {RUN}\n")
    assert "paused (person) by user:ann  lunch" in toolgate("runs", "show", "r-0123").out
    assert toolgate("runs", "pause", "r-0123", "--now", "--json").json == {"run": RUN, "status": "paused"}
    assert toolgate("runs", "resume", "r-0123").code == 0
    assert toolgate("runs", "list", "--json").json[0]["status"] == "succeeded"
    assert "resumed by user:ann" in toolgate("runs", "show", "r-0123").out


def test_a_run_that_has_ended_and_a_clients_are_not_paused(queued: Path, toolgate: Command) -> None:
    toolgate("cancel", "r-0123")
    assert "there is nothing to pause" in toolgate("runs", "pause", "r-0123").err
    record(queued, "r-2", Queued("client", "user:ann", "acme", input="an editor"))
    refused = toolgate("runs", "pause", "r-2")
    assert (refused.code, "an MCP client's" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("command", "status", "code"), [(("cancel",), "cancelled", 1), (("runs", "pause", "--now"), "paused", 130)]
)
def test_a_call_that_takes_its_time_does_not_hold_up_whoever_stops_the_run(
    project: Path, toolgate: Command, command: tuple[str, ...], status: str, code: int
) -> None:
    """The tool takes ten minutes; nobody waits for it."""
    stopped: list[Any] = []
    person = threading.Thread(target=lambda: stopped.append(asyncio.run(_stop_when_sent(project, command[-1]))))
    person.start()
    assert toolgate("run", "take your time", "--model", "scripted:wait.yaml", "--no-wait").code == code
    person.join()
    (row,) = toolgate("runs", "--json").json
    assert (row["status"], row["owner"]) == (status, None)
    events = toolgate("runs", "show", row["id"], "--json").json["events"]
    assert [event["event"] for event in events][-2:] == [status, "returned"]
    assert events[-1]["outcome"]["kind"] == "in_doubt"


async def _stop_when_sent(project: Path, how: str) -> None:
    """What the command records, in another thread: which has no command line of its own."""
    from gateway.events import Cancelled, Paused

    event = Cancelled("user:bob") if how == "cancel" else Paused("person", "", by="user:bob", at_once=True)
    store = SqliteStore(project / ".toolgate" / "toolgate.db")
    try:
        while True:
            rows = await store.run_rows()
            if rows and rows[0].seq >= 5:  # queued, started, asked, answered, admitted
                break
            await asyncio.sleep(0.01)
        await store.append(rows[0].id, [event], lease=None)
    finally:
        store.close()
