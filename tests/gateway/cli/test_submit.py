"""`toolgate submit`: a run is queued for workers, and its id is there at once."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Queued, Started
from gateway.session import Join
from gateway.store.database import DatabaseStore
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.terminal import CTRL_C, PATIENCE, Terminal


def test_a_run_is_queued_and_its_id_printed_and_no_server_is_started(bare: Path, toolgate: Command) -> None:
    run_id = toolgate("submit", "count the bells", "--agent", "desk", "--budget", "turns=3").out.strip()
    shown = toolgate("runs", "show", run_id, "--json").json
    assert shown["status"] == "queued"
    (queued,) = shown["events"]
    told = {name: queued[name] for name in ("user", "tenant", "agent", "input", "model")}
    assert told == {
        "user": "user:ann",
        "tenant": "acme",
        "agent": "agent:desk",
        "input": "count the bells",
        "model": "demo",
    }
    assert queued["limits"]["turns"] == 3


def test_a_run_for_later_is_not_begun_before(bare: Path, toolgate: Command) -> None:
    later = toolgate("submit", "count the bells", "--in", "2h").out.strip()
    dated = toolgate("submit", "count the bells", "--at", "2999-12-24T18:00").out.strip()
    past = toolgate("submit", "count the bells", "--at", "2020-01-01T00:00Z").out.strip()
    done = toolgate("worker", "--until-idle", "--json").lines
    assert [line["run"] for line in done] == [past]
    assert {toolgate("runs", "show", run_id, "--json").json["status"] for run_id in (later, dated)} == {"queued"}


def test_a_delay_counts_by_the_clock_of_the_store_by_which_workers_claim(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is that of a server, in PostgreSQL; the machine that submits may be hours ahead of it."""
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseStore, "now", lambda _self: 1_000)
        run_id = toolgate("submit", "count the bells", "--in", "10m").out.strip()
    done = toolgate("worker", "--until-idle", "--json").lines
    assert [line["run"] for line in done] == [run_id]


def test_the_higher_priority_is_first(bare: Path, toolgate: Command) -> None:
    usual = toolgate("submit", "count the bells").out.strip()
    urgent = toolgate("submit", "count the bells", "--priority", "5").out.strip()
    done = toolgate("worker", "--until-idle", "--concurrency", "1", "--json").lines
    assert [line["run"] for line in done] == [urgent, usual]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--agent", "nobody"), 2, "there is no agent `nobody`"),
        (("--model", "nothing"), 2, "there is no model `nothing`"),
        (("--at", "noon"), 2, "noon"),
        (("--at", "9999-12-24T18:00"), 2, "later than all that can be told"),
        (("--in", "5"), 2, "write a time with its unit"),
        (("--in", "5m", "--at", "2999-12-24"), 2, "both say when"),
        (("--priority", "101"), 2, "101"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_queued(
    bare: Path, toolgate: Command, options: tuple[str, ...], code: int, said: str
) -> None:
    done = toolgate("submit", "count the bells", *options)
    assert done.code == code
    assert said in done.err
    assert toolgate("runs", "--json").json == []


def test_runs_of_a_session_are_driven_one_after_the_other(bare: Path, toolgate: Command) -> None:
    (bare / "steps.yaml").write_text("steps:\n  - say: One.\n  - say: Two.\n  - say: Three.\n")
    what = ("hi", "--session", "trip", "--model", "scripted:steps.yaml")
    queued = [toolgate("submit", *what).out.strip() for _ in range(2)]
    assert toolgate("run", *what, "--no-wait").code == 7  # those that workers drive come first
    toolgate("worker", "--until-idle", "--json")
    told = [toolgate("runs", "show", run_id, "--json").json["events"][-1] for run_id in queued]
    assert [end["output"] for end in told] == ["One.", "Two."]
    (waits,) = [row for row in toolgate("runs", "--json").json if row["status"] == "queued"]
    assert toolgate("resume", waits["id"]).out == "Three.\n"


def test_what_is_no_sessions_name_is_refused(bare: Path, toolgate: Command) -> None:
    assert toolgate("submit", "hi", "--session", "a b").code == 2
    assert toolgate("runs", "--json").json == []


def test_a_form_for_its_answer_goes_with_the_run_and_what_is_none_queues_nothing(bare: Path, toolgate: Command) -> None:
    (bare / "form.json").write_text('{"type": "object", "required": ["bells"]}')
    run_id = toolgate("submit", "count the bells", "--output-schema", str(bare / "form.json")).out.strip()
    queued = toolgate("runs", "show", run_id, "--json").json["events"][0]
    assert queued["output_schema"] == {"type": "object", "required": ["bells"]}
    (bare / "form.json").write_text('{"type": "objekt"}')
    assert toolgate("submit", "count the bells", "--output-schema", str(bare / "form.json")).code == 3
    assert len(toolgate("runs", "list", "--json").json) == 1


def test_who_waits_has_the_answer_and_the_json_of_what_is_said_stays_as_it_is(
    bare: Path, toolgate: Command, terminal: Callable[..., Terminal], golden: Callable[[str, Any], None]
) -> None:
    with terminal("submit", "count the bells", "--wait") as shown:
        shown.until("waiting for r-")
        worked = toolgate("worker", "--until-idle", "--json").lines
        shown.until("Nothing to do.")
        assert shown.process.wait(PATIENCE) == 0
    with terminal("submit", "count the bells", "--wait", "--json") as shown:
        shown.until("waiting for r-")
        toolgate("worker", "--until-idle")
        shown.until("}")
        assert shown.process.wait(PATIENCE) == 0
        said = json.loads(shown.screen.partition("\n")[2])
    queued = toolgate("submit", "count the bells", "--json").json
    golden("cli_submit", {"submit": queued, "submit --wait": said, "worker": worked})


def test_who_waits_does_so_until_the_moment_at_which_workers_go_on(
    bare: Path, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    (bare / "steps.yaml").write_text("steps:\n  - call: {tool: wait_for, args: {seconds: 1}}\n  - say: Slept.\n")
    config = bare / "toolgate.toml"
    config.write_text(f"{config.read_text()}\nmay_wait = true\n")
    with terminal("submit", "wait a moment", "--wait", "--model", "scripted:steps.yaml") as shown:
        shown.until("waiting for r-")
        while toolgate("runs", "list", "--json").json[0]["status"] != "succeeded":
            toolgate("worker", "--until-idle")
        shown.until("Slept.")
        assert shown.process.wait(PATIENCE) == 0


def test_who_waits_for_a_run_that_comes_after_one_without_a_worker_is_told_so(
    bare: Path, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    toolgate("run", "hi", "--session", "trip")
    queued = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hi", session="trip")
    joining = Join("r-left", "trip", "user:ann", "acme", "agent:desk")
    with contextlib.closing(SqliteStore(bare / ".toolgate" / "toolgate.db")) as store:
        begun = store.append("r-left", [queued, Started("gone/1/a.b")], lease=None, changes=[joining])
        asyncio.run(begun)
    with terminal("submit", "hi", "--session", "trip", "--wait") as shown:
        shown.until("run r-left of the session trip comes first, and has no worker; toolgate resume r-left")


def test_who_waits_for_a_run_that_comes_after_one_that_rests_is_told_so_and_may_leave(
    bare: Path, toolgate: Command, terminal: Callable[..., Terminal]
) -> None:
    first = toolgate("submit", "hi", "--session", "trip").out.strip()
    with contextlib.closing(SqliteStore(bare / ".toolgate" / "toolgate.db")) as store:
        asyncio.run(store.append(first, [Started("x")], lease=None))
    toolgate("runs", "pause", first)
    with terminal("submit", "hi", "--session", "trip", "--wait") as shown:
        shown.until(f"run {first} of the session trip comes first, and is paused")
        shown.type(CTRL_C)
        shown.until("the run goes on without this; watch it with: toolgate runs watch r-")
        assert shown.process.wait(PATIENCE) == 130
    assert [row["status"] for row in toolgate("runs", "--json").json] == ["queued", "paused"]
