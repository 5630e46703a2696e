"""`toolgate runs delete`."""

from pathlib import Path

from gateway.events import Cancelled, Denied, Started
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
