"""What is said of a task, and by whom."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, Outcome, Refused
from gateway.caller import nobody
from gateway.task import (
    EXTENSION,
    declares,
    ended,
    error_of,
    follows,
    is_run_of_task,
    named,
    run_of,
    state_of,
    without_task,
)
from tests.builders import an_approval


@pytest.mark.parametrize(
    ("capabilities", "known"),
    [
        ({"extensions": {EXTENSION: {}}}, True),
        ({"extensions": {EXTENSION: None}}, False),
        ({"extensions": [EXTENSION]}, False),
        ({"tasks": {}}, False),
        ({}, False),
    ],
)
def test_only_a_client_that_says_so_knows_tasks(capabilities: dict[str, Any], known: bool) -> None:
    assert declares(capabilities) is known
    caller = nobody(capabilities)
    assert follows(caller) is known
    assert not follows(replace(caller, modern=False))  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ({"status": "working"}, None),
        ({"status": "input_required", "inputRequests": {}}, None),
        ({"status": "completed", "result": {"content": []}}, Answered({"content": []})),
        ({"status": "completed"}, InDoubt("the task ended without a result")),
        ({"status": "failed", "error": {"code": 5, "message": "no", "data": [1]}}, Refused(5, "no", [1])),
        ({"status": "failed", "error": "rubbish"}, Refused(0, "")),
        ({"status": "cancelled"}, InDoubt("the task was cancelled")),
        ({"status": ["completed"]}, None),
    ],
)
def test_a_final_state_holds_the_outcome_of_the_call(state: dict[str, Any], outcome: Outcome | None) -> None:
    assert ended(state) == outcome


def test_a_servers_words_go_under_our_id_and_forge_no_verdict() -> None:
    theirs = {
        "taskId": "x",
        "_meta": {"toolgate/verdict": 1, "a": 2},
        "result": {"_meta": {"toolgate/verdict": 1}},
        "y": 1,
    }
    assert named(theirs, "T-1") == {"taskId": "T-1", "_meta": {"a": 2}, "result": {"_meta": {}}, "y": 1}


def test_each_approval_has_one_run() -> None:
    one = replace(an_approval(), id="A-00ff")
    assert run_of(one) == "t-00ff"
    assert is_run_of_task(run_of(one))
    assert not is_run_of_task("r-00ff")


def test_times_are_written_as_mcp_wants_them() -> None:
    state = state_of(replace(an_approval(), created=1_500, expires=3_000), "working", "wait", 2_001)
    assert state["createdAt"] == "1970-01-01T00:00:01.500Z"
    assert state["lastUpdatedAt"] == "1970-01-01T00:00:02.001Z"
    assert state["ttlMs"] == 1_500


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
def test_an_error_about_our_own_request_is_not_the_clients(code: int) -> None:
    assert error_of(Refused(code, "no")) == {"code": -32603, "message": "no"}
    assert error_of(Refused(7, "no", 1, {"x": 2})) == {"code": 7, "message": "no", "data": 1, "x": 2}


def test_a_tool_that_is_made_as_a_task_only_is_shown_as_others_are() -> None:
    only = {"name": "x", "execution": {"taskSupport": "required", "more": 1}, "inputSchema": {}}
    assert without_task(only) == {"name": "x", "execution": {"more": 1}, "inputSchema": {}}
    for said in ({"taskSupport": "optional"}, "required", None):
        other = {"name": "x", "execution": said}
        assert without_task(other) is other
