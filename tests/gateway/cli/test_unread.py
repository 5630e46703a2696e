"""What drives runs goes on when whoever read its output has gone."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.root import toolgate as run_command
from gateway.cli.unread import heedless
from tests.gateway.cli.conftest import Command


@pytest.fixture
def unread() -> Iterator[io.TextIOWrapper]:
    """A pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", encoding="utf-8")
    yield stream
    with contextlib.suppress(BrokenPipeError):  # of what is left in it
        stream.close()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One line on stdin, and its end."""
    reading, writing = os.pipe()
    os.write(writing, b"hi\n")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
        monkeypatch.undo()


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("command", [["run", "hi", "--json"], ["run", "hi"], ["chat", "--json"]])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_run_goes_on_when_its_output_is_not_read_any_more(
    bare: Path,
    toolgate: Command,
    monkeypatch: pytest.MonkeyPatch,
    unread: io.TextIOWrapper,
    command: list[str],
    name: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, name, unread)
        code = run_command(command)
        assert getattr(sys, name) is unread  # as it was
    (row,) = toolgate("runs", "--json").json
    assert (code, row["status"]) == (0, "waiting" if command[0] == "chat" else "succeeded")


def test_it_is_said_once_on_stderr(
    unread: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", unread)
    with heedless():
        for _ in range(3):
            click.echo("a line")
    assert capfd.readouterr().err.count("nobody reads the output any more; the run goes on") == 1


def test_a_pipe_that_is_read_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as reader, os.fdopen(writing, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        click.echo("before")
        with heedless():
            click.echo("within")
        click.echo("after")
        assert [reader.readline() for _ in range(3)] == ["before\n", "within\n", "after\n"]
        monkeypatch.undo()


def test_what_is_no_pipe_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        with heedless():
            assert sys.stdout is file
        monkeypatch.undo()


def test_who_watches_a_run_into_a_pipe_that_is_closed_is_told_how_to_go_on(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch, unread: io.TextIOWrapper
) -> None:
    run = toolgate("run", "hi", "--json").lines[0]["run"]
    said = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", unread)
        patch.setattr(sys, "stderr", said)
        with pytest.raises(SystemExit):
            run_command(["runs", "watch", run, "--json"])
    assert said.getvalue() == f"the run goes on; watch on with: toolgate runs watch {run} --after 0\n"
