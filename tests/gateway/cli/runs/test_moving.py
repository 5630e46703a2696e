"""`toolgate runs export` and `import`: from one project to another, and it goes on there, once."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from gateway.call import Subject
from gateway.events import Cancelled, Event, Held, ModelAnswered, ModelAsked, Queued, Started, Waited
from gateway.store import Open
from gateway.store.sqlite import SqliteStore
from tests.builders import NOON, a_call, an_approval
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import DEAD, RUN, away, record


def test_a_run_that_waits_moves_and_goes_on_in_the_other_place_once(project: Path, toolgate: Command) -> None:
    assert toolgate("run", "add", "--model", "scripted:sum.yaml", "--no-wait").code == 7
    (row,) = toolgate("runs", "--json").json
    run, shown = row["id"], toolgate("runs", "show", row["id"]).out
    moved = toolgate("runs", "export", run, "-o", "moved.json", "--move")
    assert (moved.code, "here it has ended" in moved.err) == (0, True)
    assert stat.S_IMODE((project / "moved.json").stat().st_mode) == 0o600
    there = ("--project", str(away(project)))
    assert toolgate("runs", "import", "moved.json", "--json", *there).json == {"run": run, "new": True}
    came = toolgate("runs", "show", run, *there).out
    assert "taken in from a file by user:ann" in came
    assert shown.splitlines()[1:] == [line for line in came.splitlines()[1:] if "taken in" not in line]
    (asked,) = toolgate("approvals", "--json", *there).json
    assert toolgate("approve", asked["id"], "--digest", asked["digest"], *there).code == 0
    assert toolgate("resume", run, *there).out == "Done.\n"
    assert "cancelled by user:ann  moved to moved.json" in toolgate("runs", "show", run).out
    assert toolgate("approvals", "--json").json == []  # nobody answers here any more
    assert toolgate("resume", run).code == 1
    refused = toolgate("runs", "export", run, "-o", "again.json", "--move").err
    assert "nothing to move; `toolgate runs export` without --move copies it" in refused
    assert toolgate("runs", "export", run, "-o", "ended.json", *there).code == 0
    assert toolgate("runs", "import", "ended.json", "--json").json == {"run": run, "new": True}  # back, as it has ended
    assert toolgate("runs", "show", run, "--json").json["status"] == "succeeded"


def test_an_export_without_a_file_is_data_and_comes_back_as_it_was(queued: Path, toolgate: Command) -> None:
    pack = toolgate("runs", "export", "r-0123").json
    assert (pack["what"], pack["version"], pack["run"]) == ("toolgate run", 1, RUN)
    (queued / "run.json").write_text(json.dumps(pack))
    assert "here already" in toolgate("runs", "import", "run.json").err


def keyed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on `count the bells` is a credential."""
    config = project / "toolgate.toml"
    config.write_text(
        config.read_text() + '[endpoints.own]\nbase_url = "http://127.0.0.1:9"\napi_key_env = "TITLE_KEY"\n'
    )
    monkeypatch.setenv("TITLE_KEY", "count the bells")


ASKED = a_call(
    "echo/add", {"word": "count the bells"}, run_id=RUN, subject=Subject("user:ann", "acme", "agent:desk")
)  # fmt: skip


def wished(project: Path, *more: Event) -> None:
    """The model of the run wants a call with it, and people are asked."""
    call = {"key": ASKED.key, "id": "1", "path": ASKED.path}
    part = {"kind": "tool_call", "id": "1", "name": "echo__add", "arguments": ASKED.arguments.text}
    message = {"role": "assistant", "parts": [part]}
    answered = ModelAnswered(1, message, "tool_calls", "demo", {}, {}, (call,))
    first = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "count")
    record(project, RUN, first, Started(DEAD), ModelAsked(1, {}), answered, *more)


def test_a_run_that_goes_on_is_not_exported_with_other_words_than_its_own(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    wished(bare)
    keyed(bare, monkeypatch)
    for command in (("-o", "run.json"), ("-o", "run.json", "--move"), ()):
        refused = toolgate("runs", "export", RUN, *command)
        assert (refused.code, refused.out) == (1, "")
        assert f"call {ASKED.key} of echo/add holds a credential" in refused.err
        assert "the bells" not in refused.err
    assert [*bare.glob("run.json*")] == []


def test_a_credential_of_ours_is_in_no_export(queued: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    keyed(queued, monkeypatch)
    assert "event 1 (queued) holds a credential" in toolgate("runs", "export", "r-0123").err
    record(queued, RUN, Cancelled("user:ann", ""))
    exported = toolgate("runs", "export", "r-0123")
    assert (exported.code, "the bells" in exported.out, "***" in exported.out) == (0, False, True)


def test_what_has_ended_comes_in_as_it_is_shown(bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    wished(bare, Held(ASKED.key, ASKED.path, "A-1", "why"), Waited("approval"))
    store = SqliteStore(bare / ".toolgate" / "toolgate.db", clock=lambda: NOON)
    try:
        asyncio.run(store.append(RUN, [], lease=None, changes=[Open(an_approval("A-1", ASKED))]))
        asyncio.run(store.append(RUN, [Cancelled("user:ann", "")], lease=None))
    finally:
        store.close()
    keyed(bare, monkeypatch)
    assert toolgate("runs", "export", RUN, "-o", "run.json").code == 0
    assert "the bells" not in (bare / "run.json").read_text()
    there = ("--project", str(away(bare)))
    assert toolgate("runs", "import", "run.json", "--json", *there).json == {"run": RUN, "new": True}


def test_a_run_that_was_deleted_is_not_taken_in_again(queued: Path, toolgate: Command) -> None:
    record(queued, RUN, Cancelled("user:ann", ""))
    assert toolgate("runs", "export", RUN, "-o", "run.json").code == 0
    assert toolgate("runs", "delete", RUN).code == 0
    refused = toolgate("runs", "import", "run.json")
    assert (refused.code, "was deleted here" in refused.err) == (1, True)


def test_what_can_not_be_done_is_said(queued: Path, toolgate: Command) -> None:
    (queued / "there.json").write_text("{}")
    for code, command, why in (
        (1, ("export", "r-0123", "-o", "there.json"), "is there already"),
        (2, ("export", "r-0123", "--move"), "--move needs a file"),
        (1, ("import", "there.json"), "no exported run"),
        (1, ("import", "talk.yaml"), "no exported run"),
        (1, ("export", "r-9"), "there is no run `r-9`"),
    ):
        refused = toolgate("runs", *command)
        assert (refused.code, why in refused.err) == (code, True), refused.err


def test_whose_run_a_file_has_says_who_takes_it_in(queued: Path, toolgate: Command) -> None:
    pack = toolgate("runs", "export", RUN).json
    there = ("--project", str(away(queued)))
    (queued / "run.json").write_text(json.dumps(pack).replace("user:ann", "user:boss"))
    refused = toolgate("runs", "import", "run.json", *there)
    assert (refused.code, "say --as user:boss" in refused.err) == (1, True)
    assert toolgate("runs", "import", "run.json", "--as", "user:boss", *there).code == 0


def test_a_file_raises_no_limit_and_says_for_itself_in_which_tenant_it_is(queued: Path, toolgate: Command) -> None:
    pack = toolgate("runs", "export", RUN).json
    there = ("--project", str(away(queued)))
    (queued / "other.json").write_text(json.dumps(pack).replace('"tenant": "acme"', '"tenant": "evil"'))
    refused = toolgate("runs", "import", "other.json", *there)
    assert (refused.code, "of the tenant `evil`" in refused.err) == (1, True)
    pack["events"][0]["limits"] = {"tool_calls": 10**15}
    (queued / "run.json").write_text(json.dumps(pack))
    assert toolgate("runs", "import", "run.json", "--json", *there).json == {"run": RUN, "new": True}
    came, last = toolgate("runs", "export", RUN, *there).json["events"][-2:]
    assert (came["event"], came["by"], came["moved"]) == ("imported", "user:ann", False)
    assert (last["event"], last["by"], last["limits"]["tool_calls"] < 10**6) == ("limits_raised", "import", True)
    assert toolgate("runs", "import", "run.json", "--json", *there).json == {"run": RUN, "new": False}
