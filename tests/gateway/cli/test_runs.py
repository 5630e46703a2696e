import asyncio
import itertools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.cli.runs import RESOLUTIONS
from gateway.events import Admitted, Doubted, Event, ModelAnswered, ModelAsked, Queued, Resolution, Started, Waited
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command

QUEUED = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "count the bells")
DEAD = f"{socket.gethostname()}/999999999/aa"  # no process has such a number

TICKS = itertools.count(1_790_000_000_000)  # milliseconds


def record(project: Path, run_id: str, *events: Event) -> None:
    store = SqliteStore(project / ".toolgate" / "toolgate.db", clock=lambda: next(TICKS))
    try:
        asyncio.run(store.append(run_id, events, lease=None))
    finally:
        store.close()


@pytest.fixture
def queued(bare: Path) -> Path:
    record(bare, "r-0123456789abcdef", QUEUED)
    return bare


@pytest.fixture
def doubted(bare: Path) -> Path:
    """A run that waits for somebody to say what became of its call."""
    call = {"key": "t1/call/1", "id": "1", "path": "echo/add"}
    message = {"role": "assistant", "parts": [{"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": "{}"}]}
    record(
        bare,
        "r-0123456789abcdef",
        QUEUED,
        Started(DEAD),
        ModelAsked(1, {}),
        ModelAnswered(1, message, "tool_calls", "demo", {}, {}, (call,)),
        Admitted("t1/call/1", "echo/add", "{}", "pin", "policy", {}),
        Doubted("t1/call/1", "no answer came to this call"),
        Waited("doubt"),
    )
    return bare


def test_runs_are_listed_the_newest_first_in_columns(bare: Path, toolgate: Command) -> None:
    record(bare, "r-1", QUEUED)
    record(bare, "r-22", Queued("client", "user:ann", "acme", None, input="an editor"), Started("host/1/a"))
    newest, oldest = toolgate("runs").out.splitlines()
    assert newest.index("user:ann") == oldest.index("agent:desk for user:ann")
    assert newest.endswith("an editor")
    assert oldest.endswith("acme  count the bells")
    assert [row["id"] for row in toolgate("runs", "--limit", "1", "--json").json] == ["r-22"]


def test_a_run_whose_worker_is_gone_is_seen_to_have_none(bare: Path, toolgate: Command) -> None:
    record(bare, "r-1", QUEUED, Started(DEAD))
    assert "running, no worker" in toolgate("runs").out


def test_what_a_client_calls_itself_can_not_steer_the_terminal(bare: Path, toolgate: Command) -> None:
    record(bare, "r-1", Queued("client", "user:ann", "acme", None, input="\x1b]0;gotcha\x07 \u202eevil"))
    assert "\x1b" not in toolgate("runs").out
    assert "\u202e" not in toolgate("runs").out
    assert "\u202e" not in toolgate("runs", "--json").out


def test_no_runs_are_said_to_be_none_on_stderr(bare: Path, toolgate: Command) -> None:
    listed = toolgate("runs")
    assert (listed.code, listed.out) == (0, "")
    assert "no runs yet" in listed.err
    assert toolgate("runs", "--json").json == []


def test_the_json_of_runs_keeps_its_shape(queued: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    golden("cli_runs", toolgate("runs", "--json").json)
    golden("cli_runs_show", toolgate("runs", "show", "r-0123", "--json").json)


def test_a_run_is_found_by_the_beginning_of_its_id(queued: Path, toolgate: Command) -> None:
    shown = toolgate("runs", "show", "r-0123")
    assert shown.code == 0
    assert "r-0123456789abcdef  queued" in shown.out
    assert "count the bells" in shown.out


def test_an_unknown_run_is_an_error_that_says_where_to_look(bare: Path, toolgate: Command) -> None:
    for command in (("runs", "show", "r-9"), ("cancel", "r-9"), ("resolve", "r-9", "t1/call/1", "happened")):
        failed = toolgate(*command)
        assert (failed.code, failed.out) == (1, "")
        assert failed.err == "toolgate: there is no run `r-9`; `toolgate runs` lists them\n"
        assert toolgate(*command, "--json").error["code"] == "error"


def test_an_option_in_front_of_show_is_not_silently_lost(queued: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "--json", "show", "r-0123")
    assert failed.code == 2
    assert "behind it" in failed.error["message"]


def test_a_cancelled_run_is_over_and_can_not_be_cancelled_again(queued: Path, toolgate: Command) -> None:
    assert toolgate("cancel", "r-0123").code == 0
    assert toolgate("runs", "--json").json[0]["status"] == "cancelled"
    assert "cancelled by user:ann" in toolgate("runs", "show", "r-0123").out
    again = toolgate("cancel", "r-0123")
    said = "toolgate: run r-0123456789abcdef has ended (cancelled): there is nothing to cancel\n"
    assert (again.code, again.err) == (1, said)


def test_cancel_says_in_json_what_it_did(queued: Path, toolgate: Command) -> None:
    assert toolgate("cancel", "r-0123", "--json").json == {"run": "r-0123456789abcdef", "status": "cancelled"}


def test_what_is_in_doubt_is_shown_with_the_command_that_says_what_became_of_it(
    doubted: Path, toolgate: Command
) -> None:
    command = "toolgate resolve r-0123456789abcdef t1/call/1 happened|did_not_happen|give_up"
    assert command in toolgate("runs", "show", "r-0123").out
    listed = toolgate("approvals")
    assert command in listed.out
    assert "nothing waits" not in listed.err
    resumed = toolgate("resume", "r-0123")
    assert resumed.code == 7
    assert command in resumed.err
    assert "toolgate approvals" not in resumed.err
    toolgate("cancel", "r-0123")
    assert "toolgate resolve" not in toolgate("runs", "show", "r-0123").out + toolgate("approvals").out


def test_a_call_in_doubt_is_named_so_that_it_can_be_resolved(doubted: Path, toolgate: Command) -> None:
    assert "echo/add (t1/call/1): nobody knows whether it happened" in toolgate("runs", "show", "r-0123").out
    said = toolgate("resolve", "r-0123", "t1/call/1", "happened", "--note", "I looked")
    assert said.code == 0
    assert "toolgate resume r-0123456789abcdef" in said.err
    assert "happened, says user:ann  I looked" in toolgate("runs", "show", "r-0123").out


def test_a_call_that_is_not_in_doubt_can_not_be_resolved(doubted: Path, toolgate: Command) -> None:
    failed = toolgate("resolve", "r-0123", "t1/call/2", "happened")
    assert failed.code == 1
    assert "the call `t1/call/2`" in failed.err
    assert "in doubt: `t1/call/1`" in failed.err
    done = toolgate("resolve", "r-0123", "t1/call/1", "give_up", "--json")
    assert done.json == {"run": "r-0123456789abcdef", "call": "t1/call/1", "resolution": "give_up"}


def test_the_words_for_a_resolution_are_the_events_own() -> None:
    assert get_args(Resolution) == RESOLUTIONS
