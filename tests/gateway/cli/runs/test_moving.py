"""`toolgate runs export` and `import`: from one project to another, and it goes on there, once."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import RUN


def away(project: Path) -> Path:
    """Another installation of the same project."""
    other = project.with_name("other")
    shutil.copytree(project, other, ignore=shutil.ignore_patterns(".toolgate"))
    return other


def test_a_run_that_waits_moves_and_goes_on_in_the_other_place_once(project: Path, toolgate: Command) -> None:
    assert toolgate("run", "add", "--model", "scripted:sum.yaml", "--no-wait").code == 7
    (row,) = toolgate("runs", "--json").json
    run, shown = row["id"], toolgate("runs", "show", row["id"]).out
    moved = toolgate("runs", "export", run, "-o", "moved.json", "--move")
    assert (moved.code, "here it has ended" in moved.err) == (0, True)
    assert stat.S_IMODE((project / "moved.json").stat().st_mode) == 0o600
    there = ("--project", str(away(project)))
    assert toolgate("runs", "import", "moved.json", "--json", *there).json == {"run": run, "new": True}
    assert toolgate("runs", "show", run, *there).out == shown
    (asked,) = toolgate("approvals", "--json", *there).json
    assert toolgate("approve", asked["id"], "--digest", asked["digest"], *there).code == 0
    assert toolgate("resume", run, *there).out == "Done.\n"
    assert "cancelled by user:ann  moved to moved.json" in toolgate("runs", "show", run).out
    assert toolgate("approvals", "--json").json == []  # nobody answers here any more
    assert toolgate("resume", run).code == 1
    assert "nothing to move" in toolgate("runs", "export", run, "-o", "again.json", "--move").err


def test_an_export_without_a_file_is_data_and_comes_back_as_it_was(queued: Path, toolgate: Command) -> None:
    pack = toolgate("runs", "export", "r-0123").json
    assert (pack["what"], pack["version"], pack["run"]) == ("toolgate run", 1, RUN)
    (queued / "run.json").write_text(json.dumps(pack))
    assert "here already" in toolgate("runs", "import", "run.json").err


def test_a_credential_of_ours_is_in_no_export(queued: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    config = queued / "toolgate.toml"
    config.write_text(
        config.read_text() + '[endpoints.own]\nbase_url = "http://127.0.0.1:9"\napi_key_env = "TITLE_KEY"\n'
    )
    monkeypatch.setenv("TITLE_KEY", "count the bells")
    assert "the bells" not in toolgate("runs", "export", "r-0123").out


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
