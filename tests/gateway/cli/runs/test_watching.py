"""`toolgate runs watch`: a run that is driven elsewhere, seen from another process."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.events import Cancelled, Event, Failed, Paused, Queued, Started, Succeeded, Waited
from gateway.store.database import DatabaseStore
from gateway.store.opening import open_store
from tests.builders import STARTED, held, made, said, wanted
from tests.fixtures.forked import Forked
from tests.gateway.cli.conftest import Command

RUN = "r-0123456789abcdef"
QUEUED = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "count the bells")
STORY: tuple[Event, ...] = (QUEUED, STARTED, *wanted(1, "shop/refund"), *made(1), *said(2, "Two."), Succeeded("Two."))


@pytest.fixture
def place(bare: Path, database: Callable[[], str | None]) -> Path:
    """The project, with its store in either database."""
    if url := database():
        (bare / "toolgate.toml").write_text(f'store = "{url}"\n' + (bare / "toolgate.toml").read_text())
    return bare


@pytest.fixture
def store(place: Path, env: Mapping[str, str]) -> Iterator[DatabaseStore]:
    with contextlib.closing(open_store(load_config(place, env))) as opened:
        yield opened


def record(store: DatabaseStore, *events: Event) -> None:
    asyncio.run(store.append(RUN, events, lease=None))


@contextlib.contextmanager
def watching(folder: Path, env: Mapping[str, str], *more: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "gateway.cli", "runs", "watch", RUN, "--json", *more]
    with Forked(command, cwd=folder, env=dict(env), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def killed(process: "subprocess.Popen[str]") -> list[Any]:
    """What it had said that nobody had read yet: whole lines."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout
    return [json.loads(line) for line in process.stdout if line.endswith("\n")]


def test_a_watcher_that_is_killed_and_started_again_sees_each_event_once(
    place: Path, store: DatabaseStore, env: Mapping[str, str]
) -> None:
    record(store, *STORY[:2])
    told: list[Any] = []
    with watching(place, env) as first:
        told += [next_line(first), next_line(first)]
        record(store, *STORY[2:4])
        told.append(next_line(first))
        told += killed(first)
    record(store, *STORY[4:6])
    with watching(place, env, "--after", str(told[-1]["seq"])) as second:
        told.append(next_line(second))
        record(store, *STORY[6:8])
        record(store, *STORY[8:])
        assert second.stdout
        told += [json.loads(line) for line in second.stdout]
        assert second.wait() == 0
    recorded = asyncio.run(store.events(RUN))
    assert told == [json.loads(json.dumps(one.to_json())) for one in recorded]
    assert [one["seq"] for one in told] == list(range(1, 10))


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((Succeeded("Two."),), 0),
        ((Failed("network", "no route"),), 4),
        ((Cancelled("user:ann"),), 1),
        ((*wanted(1, "echo/add"), held(1), Waited("approval")), 7),
        ((Paused("budget", "all of it is spent", "tokens"),), 8),
        ((Paused("interrupted", "it was interrupted"),), 130),
    ],
)
def test_it_ends_as_the_command_would_that_drives_it(
    events: tuple[Event, ...], code: int, store: DatabaseStore, toolgate: Command
) -> None:
    record(store, QUEUED, Started("elsewhere/1/a"), *events)
    assert toolgate("runs", "watch", RUN, "--until", "rest").code == code


def test_people_see_it_as_they_see_a_run_of_their_own(bare: Path, toolgate: Command) -> None:
    ran = toolgate("run", "hello", "--model", "scripted:talk.yaml")
    (row,) = toolgate("runs", "--json").json
    watched = toolgate("runs", "watch", row["id"][:8])
    assert watched.out == ran.out == "Nothing to do.\n"
    assert watched.err == ran.err


def test_of_what_was_seen_already_nothing_is_told_again(bare: Path, toolgate: Command) -> None:
    toolgate("run", "hello", "--model", "scripted:talk.yaml")
    (row,) = toolgate("runs", "--json").json
    watched = toolgate("runs", "watch", row["id"], "--after", str(row["seq"] - 1), "--json")
    assert [line["event"] for line in watched.lines] == ["succeeded"]
    assert toolgate("runs", "watch", row["id"], "--after", str(row["seq"]), "--json").out == ""


def test_ctrl_c_ends_the_watching_and_not_the_run(
    bare: Path, terminal: Callable[..., Any], toolgate: Command, env: Mapping[str, str]
) -> None:
    with contextlib.closing(open_store(load_config(bare, env))) as store:
        record(store, QUEUED, STARTED)
    with terminal("runs", "watch", RUN) as shown:
        shown.until("count the bells")
        shown.type("\x03")
        assert shown.end() == 130
        assert f"watch on with: toolgate runs watch {RUN} --after 2" in " ".join(shown.screen.split())
    assert toolgate("runs", "--json").json[0]["status"] == "running"


def test_who_watches_a_run_that_is_deleted_is_told_so(
    place: Path, store: DatabaseStore, env: Mapping[str, str], toolgate: Command
) -> None:
    record(store, *STORY[:2])
    with watching(place, env) as watcher:
        assert [next_line(watcher)["event"] for _ in range(2)] == ["queued", "started"]
        assert toolgate("runs", "delete", RUN, "--force", "--as", "user:bob").code == 0
        cancelled = next_line(watcher)
        assert (cancelled["event"], cancelled["by"]) == ("cancelled", "user:bob")
        assert watcher.wait() == 1


def test_an_unknown_run_is_an_error(bare: Path, toolgate: Command) -> None:
    watched = toolgate("runs", "watch", "r-9")
    assert watched.code == 1
    assert "there is no run `r-9`" in watched.err
