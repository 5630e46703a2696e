"""`toolgate runs`, as a group of commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.events import Cancelled
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import QUEUED, RUN, record


def test_an_unknown_run_is_an_error_that_says_where_to_look(bare: Path, toolgate: Command) -> None:
    settle = ("runs", "settle", "r-9999", "t1/call/1", "--happened")
    for command in (("runs", "show", "r-9999"), ("cancel", "r-9999"), ("runs", "pause", "r-9999"), settle):
        failed = toolgate(*command)
        assert (failed.code, failed.out) == (1, "")
        assert failed.err == "toolgate: there is no run `r-9999`; `toolgate runs` lists them\n"
        assert toolgate(*command, "--json").error["code"] == "error"


def test_what_all_ids_begin_with_is_none_of_them_also_where_there_is_one_run(queued: Path, toolgate: Command) -> None:
    settle = ("runs", "settle", "r-012", "t1/call/1", "--happened")
    for command in (("runs", "delete", "r-", "--force"), ("cancel", "r-0"), ("runs", "undo", "r-01"), settle):
        failed = toolgate(*command)
        assert failed.code == 1
        assert (
            f"there is no run `{command[-1 if command[0] == 'cancel' else 2]}`: give at least the first 6" in failed.err
        )
    assert [row["status"] for row in toolgate("runs", "--json").json] == ["queued"]
    assert toolgate("runs", "delete", "r-0123", "--force").code == 0


def test_an_option_in_front_of_show_is_not_silently_lost(queued: Path, toolgate: Command) -> None:
    failed = toolgate("runs", "--json", "show", "r-0123")
    assert failed.code == 2
    assert "behind it" in failed.error["message"]


def test_the_json_of_what_people_do_to_runs_stays_as_it_is(
    doubted: Path, toolgate: Command, golden: Callable[[str, Any], None]
) -> None:
    record(doubted, "r-ended", QUEUED, Cancelled("user:ann"))
    commands = {
        "export": ("runs", "export", "r-0123"),
        "export -o": ("runs", "export", "r-0123", "-o", "run.json"),
        "import": ("runs", "import", "run.json"),
        "notify": ("runs", "notify", "r-0123", "paid", "--data", "5"),
        "settle": ("runs", "settle", "r-0123", "t1/call/1", "--happened"),
        "pause": ("runs", "pause", "r-0123"),
        "fork": ("runs", "fork", "r-0123", "--at", "t0", "--no-run"),
        "cancel": ("cancel", "r-0123"),
        "undo": ("runs", "undo", "r-0123"),
        "delete": ("runs", "delete", "r-ended"),
    }
    said = {}
    for name, command in commands.items():
        done = toolgate(*command, "--json")
        assert done.code == 0, (name, done.err)
        said[name] = done.json
    assert said["export"]["run"] == RUN
    golden("cli_runs_changed", said)
