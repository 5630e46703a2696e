"""`toolgate store prune`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.pruning import KINDS
from gateway.events import Cancelled
from gateway.store import removal
from gateway.store.database import DatabaseStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import QUEUED, record

OLD = 1_600_000_000_000  # milliseconds: 2020


def test_what_is_older_goes_and_a_dry_run_only_says_so(bare: Path, toolgate: Command) -> None:
    record(bare, "r-1", QUEUED, Cancelled("user:ann"), clock=lambda: OLD)
    record(bare, "r-2", QUEUED, clock=lambda: OLD)
    looked = toolgate("store", "prune", "--older-than", "90d", "--dry-run")
    assert (looked.code, looked.out.split()) == (0, ["1", "runs", "would", "go"])
    assert len(toolgate("runs", "--json").json) == 2
    pruned = toolgate("store", "prune", "--older-than", "90d", "--json")
    assert pruned.json == {"dry_run": False, "deleted": {"runs": 1}}
    assert [row["id"] for row in toolgate("runs", "--json").json] == ["r-2"]  # it waits to be driven


def test_how_old_it_is_says_the_clock_of_the_store(
    bare: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(bare, "r-1", QUEUED, Cancelled("user:ann"), clock=lambda: OLD)
    monkeypatch.setattr(DatabaseStore, "now", lambda _store: OLD + 1000)
    assert toolgate("store", "prune", "--older-than", "90d", "--json").json["deleted"] == {"runs": 0}


def test_how_long_each_kind_is_kept_is_configured(bare: Path, toolgate: Command) -> None:
    config = bare / "toolgate.toml"
    config.write_text(config.read_text() + '[store.keep]\nruns = "90d"\naudit = "360d"\n')
    record(bare, "r-1", QUEUED, Cancelled("user:ann"), clock=lambda: OLD)
    assert toolgate("store", "prune", "--json").json["deleted"] == {"runs": 1, "audit": 0}
    assert toolgate("store", "prune", "--kind", "audit", "--json").json["deleted"] == {"audit": 0}


def test_sessions_are_pruned_as_configured(bare: Path, toolgate: Command, golden: Callable[[str, Any], None]) -> None:
    config = bare / "toolgate.toml"
    config.write_text(config.read_text() + '[store.keep]\nsessions = "1s"\nruns = "90d"\n')
    assert toolgate("run", "hi", "--session", "trip").code == 0
    clear = toolgate("store", "prune", "--older-than", "90d", "--kind", "sessions", "--kind", "runs", "--json")
    golden("cli_store_prune", clear.json)
    assert toolgate("sessions", "list", "--json").json != []


def test_how_old_must_be_said_somewhere_and_rightly(bare: Path, toolgate: Command) -> None:
    for wrong in ((), ("--kind", "audit"), ("--older-than", "soon")):
        assert toolgate("store", "prune", *wrong).code == 2


def test_the_kinds_are_the_stores_own() -> None:
    assert KINDS == removal.KINDS
