"""`toolgate runs show`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.events import Cancelled, Paused, Resumed, Started
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import QUEUED, record


def test_the_json_of_a_run_keeps_its_shape(queued: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    golden("cli_runs_show", toolgate("runs", "show", "r-0123", "--json").json)


def test_a_run_is_found_by_the_beginning_of_its_id(queued: Path, toolgate: Command) -> None:
    shown = toolgate("runs", "show", "r-0123")
    assert shown.code == 0
    assert "r-0123456789abcdef  queued" in shown.out
    assert "count the bells" in shown.out


def test_each_transition_is_told_with_its_cause_and_who_it_was(bare: Path, toolgate: Command) -> None:
    stops = (
        Paused("person", "lunch", by="user:bob"),
        Resumed("it was resumed", "user:ann"),
        Cancelled("user:bob", "enough"),
    )
    record(bare, "r-1", QUEUED, Started("host/1/a"), *stops)
    shown = toolgate("runs", "show", "r-1").out
    assert "paused (person) by user:bob  lunch" in shown
    assert "resumed by user:ann" in shown
    assert "cancelled by user:bob  enough" in shown
    told = toolgate("runs", "show", "r-1", "--json").json["transitions"]
    assert [(turn["from"], turn["to"], turn["cause"], turn["by"]) for turn in told] == [
        (None, "queued", "it was submitted", "user:ann"),
        ("queued", "running", "a worker took it up", "host/1/a"),
        ("running", "paused", "person: lunch", "user:bob"),
        ("paused", "running", "it was resumed", "user:ann"),
        ("running", "cancelled", "enough", "user:bob"),
    ]
