"""The benchmark works: each measurement has a row for each system, and no call was answered wrongly. Never a time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.admissions import admissions
from bench.scale import Scale

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds: only a benchmark that hangs takes them

ROWS = {
    "call": 9,
    "decision": 2,
    "policy": 1,
    "turn": 4,
    "start": 5,
    "first": 5,
    "list": 4,
    "provider": 3,
    "store": 6,
    "backtest": 2,
}
ALWAYS = {"call": "p50", "decision": "p50", "policy": "load", "turn": "early_wall", "start": "wall"}
ALWAYS |= {"provider": "call", "first": "first", "list": "p50", "store": "rate_1", "backtest": "rate"}


def bench(*arguments: str) -> str:
    command = [sys.executable, "bench/run.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_quick_run_measures_everything_and_prints_it_as_json() -> None:
    report = json.loads(bench("--quick", "--json"))
    assert report["quick"] is True
    for name, rows in ROWS.items():
        table = report[name]
        assert len(table["rows"]) == rows, name
        assert all(row[ALWAYS[name]] > 0 for row in table["rows"]), name
        always = {column for column in table["columns"] if not column.endswith("of_limit")}  # not every size has one
        assert all(always <= set(row) or name == "store" for row in table["rows"]), name


@pytest.mark.soak
@pytest.mark.parametrize(
    ("name", "rows", "column"), [("workers", 3, "cpu"), ("finished", 6, "run"), ("waiting", 6, "rss")]
)
def test_what_takes_minutes_is_measured_when_it_is_named(name: str, rows: int, column: str) -> None:
    table = json.loads(bench(name, "--quick", "--json"))[name]
    assert len(table["rows"]) == rows
    assert all(row[column] > 0 for row in table["rows"])


def test_each_lane_is_measured_once_at_least_also_when_no_time_is_left_on_a_loaded_machine() -> None:
    table = admissions(Scale(rounds=1, seconds=0.0, repeats=1, slowest=False))
    rows = table.rows
    assert all((row.values["rate_1"] or 0) > 0 for row in rows)
    assert all((row.values["rate_64"] or 0) > 0 for row in rows if "budgets" in row.label)
    assert "less than 0.2 ms" in "".join(table.notes)  # beside what was measured stands what is promised


def test_one_measurement_alone_is_printed_as_a_table_for_people() -> None:
    printed = bench("decision", "--quick")
    assert printed.startswith("A policy decision\n")
    assert "1,000 rules" in printed
    assert "tools/call" not in printed


def test_what_it_can_not_measure_is_refused_and_what_it_can_is_named() -> None:
    command = [sys.executable, "bench/run.py", "speed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert "no measurement `speed`; there are call, large, decision" in done.stderr
