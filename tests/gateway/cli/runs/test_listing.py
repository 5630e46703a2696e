"""`toolgate runs list`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.cli.runs.listing import STATUSES
from gateway.events import Cancelled, Queued, Started, Waited
from gateway.run import Status
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import DEAD, QUEUED, record


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


def test_a_row_of_the_store_steers_no_terminal_forges_no_line_and_breaks_no_list(bare: Path, toolgate: Command) -> None:
    """As older versions took in from files."""
    odd = "r-1\x1b[2J\x1b]0;owned\x07\nr-ok  2026-11-26 17:00:00  succeeded"
    record(bare, odd, QUEUED, Started(DEAD), Cancelled("user:ann"))
    record(bare, "r-2", QUEUED, Started(DEAD), Waited("timer", until=2**62), clock=lambda: 2**62)
    for command in (
        ("runs",), ("runs", "list", "--limit", "2"), ("runs", "show", odd[:6]), ("runs", "show", "r-2"),
        ("runs", "cancel", odd[:6]), ("runs", "delete", odd[:6]),
    ):  # fmt: skip
        shown = toolgate(*command)
        assert "\x1b" not in shown.out + shown.err
        assert not any(line.startswith("r-ok") for line in (shown.out + shown.err).splitlines())
    assert "9999-01-01" in toolgate("runs").out
    assert len(toolgate("runs").out.splitlines()) == 1


def test_no_runs_are_said_to_be_none_on_stderr(bare: Path, toolgate: Command) -> None:
    listed = toolgate("runs")
    assert (listed.code, listed.out) == (0, "")
    assert "no runs yet" in listed.err
    assert toolgate("runs", "--json").json == []


def test_the_json_of_runs_keeps_its_shape(queued: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    golden("cli_runs", toolgate("runs", "--json").json)


def test_the_words_for_a_status_are_the_runs_own() -> None:
    assert get_args(Status) == STATUSES


DAY = 86_400_000
NOON = 1_790_000_000_000


@pytest.fixture
def many(bare: Path) -> Path:
    """Five runs, a day apart, the newest is r-5."""
    runs = {
        "r-1": Queued("loop", "user:ann", "acme", "agent:desk", "demo", "one"),
        "r-2": Queued("client", "user:bob", "acme", None, input="an editor"),
        "r-3": Queued("loop", "user:ann", "globex", "agent:desk", "demo", "three"),
        "r-4": Queued("loop", "user:ann", "acme", "agent:clerk", "demo", "four"),
        "r-5": Queued("loop", "user:bob", "globex", "agent:clerk", "demo", "five"),
    }
    for day, (run_id, event) in enumerate(runs.items()):
        record(bare, run_id, event, clock=lambda day=day: NOON + day * DAY)  # type: ignore[misc]
    record(bare, "r-3", Cancelled("user:ann"))
    return bare


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], ["r-5", "r-4", "r-3", "r-2", "r-1"]),
        (["--status", "cancelled"], ["r-3"]),
        (["--tenant", "acme"], ["r-4", "r-2", "r-1"]),
        (["--user", "user:bob"], ["r-5", "r-2"]),
        (["--agent", "desk"], ["r-3", "r-1"]),
        (["--agent", "agent:clerk", "--tenant", "globex"], ["r-5"]),
        (["--since", "2026-09-23T12:00:00+00:00"], ["r-5", "r-4", "r-3"]),
        (["--user", "user:nobody"], []),
    ],
)
def test_runs_are_listed_by_what_is_asked_of_them(
    many: Path, toolgate: Command, filters: list[str], found: list[str]
) -> None:
    assert [row["id"] for row in toolgate("runs", "list", *filters, "--json").json] == found


def test_a_list_goes_on_behind_the_last_run_of_the_page(many: Path, toolgate: Command) -> None:
    first = toolgate("runs", "list", "--limit", "2")
    assert [line.split()[0] for line in first.out.splitlines()] == ["r-5", "r-4"]
    assert "toolgate runs list --before r-4" in first.err
    second = toolgate("runs", "list", "--limit", "2", "--before", "r-4", "--json")
    assert [row["id"] for row in second.json] == ["r-3", "r-2"]
    assert toolgate("runs", "list", "--before", "r-1", "--json").json == []
    assert "no such runs" in toolgate("runs", "list", "--before", "r-1").err
    unknown = toolgate("runs", "list", "--before", "r-9")
    assert (unknown.code, "there is no run `r-9`" in unknown.err) == (1, True)


def test_what_is_no_time_and_no_agent_is_a_mistake_in_how_it_was_typed(bare: Path, toolgate: Command) -> None:
    for wrong in (["--since", "soon"], ["--agent", "role:boss"], ["--status", "done"]):
        assert toolgate("runs", "list", *wrong).code == 2
