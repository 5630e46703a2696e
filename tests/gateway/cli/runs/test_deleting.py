"""`toolgate runs delete`."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from gateway import offline
from gateway.events import Cancelled, Denied, Queued, Started
from gateway.store.sqlite import SqliteStore
from tests.gateway.cli.conftest import Command
from tests.gateway.cli.runs.conftest import QUEUED, RUN, record

DENIED = Denied("t1/call/1", "echo/env", '{"word":"secret"}', "permitted", "no", "policy.csv:4", policy="77aa")


def test_a_run_that_has_ended_is_deleted_and_what_was_decided_is_still_shown(bare: Path, toolgate: Command) -> None:
    record(bare, RUN, QUEUED, Started("host/1/a"), DENIED, Cancelled("user:ann"))
    assert toolgate("runs", "delete", "r-0123", "--json").json == {"run": RUN, "status": "deleted"}
    assert toolgate("runs", "--json").json == []
    shown = toolgate("runs", "show", RUN, "--json").json
    assert (shown["status"], [event["event"] for event in shown["events"]]) == (
        "deleted", ["queued", "denied", "cancelled"],
    )  # fmt: skip
    assert shown["events"][1]["policy"] == "77aa"
    page = toolgate("runs", "show", RUN).out
    assert "denied  key=t1/call/1 path=echo/env" in page
    assert "secret" not in page


def test_one_that_has_not_ended_is_only_deleted_by_force(queued: Path, toolgate: Command) -> None:
    refused = toolgate("runs", "delete", "r-0123")
    assert (refused.code, "has not ended (queued); cancel it first" in refused.err) == (1, True)
    assert toolgate("runs", "delete", "r-0123", "--force").err == f"deleted {RUN}\n"
    assert toolgate("runs", "delete", "r-0123").code == 1


def test_the_record_of_what_was_undone_is_not_even_cancelled_by_force(bare: Path, toolgate: Command) -> None:
    record(bare, RUN, QUEUED, Cancelled("user:ann"))
    record(bare, f"undo-{RUN}", Queued("client", "user:ann", "acme"), Started("host/1/a"))
    refused = toolgate("runs", "delete", f"undo-{RUN}", "--force")
    assert (refused.code, "it is deleted with that one" in refused.err) == (1, True)
    assert toolgate("runs", "show", f"undo-{RUN}", "--json").json["status"] == "running"
    assert toolgate("runs", "delete", RUN, "--force").code == 0
    assert toolgate("runs", "--json").json == []


def test_who_does_not_let_go_of_a_run_is_not_waited_for_for_ever(
    queued: Path, toolgate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offline.LET_GO == 30
    monkeypatch.setattr(offline, "LET_GO", 0.01)
    with contextlib.closing(SqliteStore(queued / ".toolgate" / "toolgate.db")) as store:
        lease = asyncio.run(store.acquire(RUN, "elsewhere/1/a", 3600.0))
        assert lease is not None
        for _ in range(2):  # also when it has been cancelled already
            late = toolgate("runs", "delete", "r-0123", "--force")
            assert (late.code, late.out) == (1, "")
            assert f"run `{RUN}` is cancelled, and elsewhere/1/a has not let go of it within 0.01 s" in late.err
        asyncio.run(store.release(lease))
    assert toolgate("runs", "delete", "r-0123", "--force").code == 0


@pytest.mark.parametrize("body", ['{"event":"from_the_future"}', "not json"])
def test_one_that_can_not_be_read_is_said_to_be_so_cancelled_and_deleted(
    queued: Path, toolgate: Command, body: str
) -> None:
    with contextlib.closing(sqlite3.connect(queued / ".toolgate" / "toolgate.db")) as database:
        database.execute("UPDATE events SET body = ?", (body,))
        database.commit()
    shown = toolgate("runs", "show", RUN)
    assert shown.code == 1
    assert f"run `{RUN}`" in shown.err
    assert toolgate("runs", "cancel", RUN).err == f"cancelled {RUN}\n"
    assert toolgate("runs").code == 0
    assert toolgate("runs", "delete", RUN).err == f"deleted {RUN}\n"


def test_one_that_can_not_be_read_is_deleted_by_force(queued: Path, toolgate: Command) -> None:
    with contextlib.closing(sqlite3.connect(queued / ".toolgate" / "toolgate.db")) as database:
        database.execute("UPDATE events SET body = 'not json'")
        database.commit()
    assert toolgate("runs", "delete", RUN, "--force").err == f"deleted {RUN}\n"
