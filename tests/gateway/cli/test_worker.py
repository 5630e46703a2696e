"""`toolgate worker`: what was submitted is driven, by a process that can be told to stop."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import hiring, memory
from gateway.cli.worker import tell
from gateway.errors import StoreError
from gateway.run import Run
from gateway.worker import Outcome
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import PATIENCE


def test_a_run_that_was_submitted_is_driven_by_a_worker(bare: Path, toolgate: Command) -> None:
    run_id = toolgate("submit", "count the bells").out.strip()
    done = toolgate("worker", "--until-idle")
    assert done.code == 0
    assert f"{run_id} succeeded" in done.err
    assert toolgate("worker", "--until-idle", "--json").out == ""
    assert toolgate("runs", "show", run_id, "--json").json["status"] == "succeeded"


def test_with_json_each_run_is_a_line(bare: Path, toolgate: Command) -> None:
    run_ids = {toolgate("submit", "count the bells", "--json").json["run"] for _ in range(2)}
    lines = toolgate("worker", "--until-idle", "--json").lines
    assert {line["run"] for line in lines} == run_ids
    assert {line["status"] for line in lines} == {"succeeded"}


def test_a_worker_that_is_told_to_stop_stops(bare: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "worker", "--project", str(bare)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert "up to 4 runs at once" in process.stderr.readline()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.usefixtures("bare")
def test_a_worker_gives_memory_back_for_as_long_as_it_works(toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    given = asyncio.Event()

    async def over(*_given: object) -> None:
        async with asyncio.timeout(PATIENCE):
            await given.wait()
        raise StoreError("it has been given back")

    monkeypatch.setattr(hiring, "work", over)
    monkeypatch.setattr(memory, "give_back", given.set)
    monkeypatch.setattr(memory, "EVERY", 0.0)
    assert "it has been given back" in toolgate("worker").err


def test_what_a_run_is_called_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Outcome("r-1", Run("r-1\x1b[2J\nr-ok", status="succeeded")))
    assert capsys.readouterr().err == "r-1\\e[2J\\nr-ok succeeded\n"
