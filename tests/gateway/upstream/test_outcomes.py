"""Which answers, errors and silences mean what."""

import json
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import (
    Answered,
    InDoubt,
    InputRequired,
    Outcome,
    Refused,
    TaskCreated,
    Unsent,
    outcome_to_json,
)
from gateway.upstream import outcomes


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def raised(fate: Any, why: str = "why") -> MCPError:
    return MCPError.from_error_data(outcomes.transport_error(fate, why))


@pytest.mark.parametrize(
    ("error", "started", "outcome"),
    [
        (MCPError(-32602, "bad", {"k": 1}), True, Refused(-32602, "bad", {"k": 1})),
        (MCPError(-32000, "Server's own -32000"), True, Refused(-32000, "Server's own -32000")),
        (raised("unsent"), True, Unsent("why")),
        (raised("session_lost"), True, Unsent("why")),
        (raised("in_doubt"), True, InDoubt("why")),
        (raised("in_doubt"), False, Unsent("why")),
        (raised("refused"), True, Refused(1, "why")),
        (MCPError(-32000, "Connection closed"), True, InDoubt("the connection ended before the answer came")),
        (MCPError(-32000, "Connection closed"), False, Unsent("the connection ended before the answer came")),
        (MCPError(-32000, "SSE stream ended without a response"), True, InDoubt),
        (MCPError(-32700, "Failed to parse JSON response: ..."), True, InDoubt),
        (MCPError(-32600, "Unexpected content type: text/html"), True, InDoubt),
        (MCPError(1, "mine", {"fate": "unsent"}), True, Refused(1, "mine", {"fate": "unsent"})),
        (MCPError(-32602, "\ud800", "\ud800"), True, Refused(-32602, "?", None)),
    ],
)
def test_an_error_of_the_server_refuses_and_one_of_the_transport_tells_how_far_it_came(
    error: MCPError,
    started: bool,
    outcome: Outcome | type,
) -> None:
    got = outcomes.of_error(error, started=started)
    assert got == outcome or type(got) is outcome


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"content": []}, Answered({"content": []})),
        ({"resultType": "complete"}, Answered({"resultType": "complete"})),
        ({"resultType": "input_required"}, InputRequired({"resultType": "input_required"})),
        ({"resultType": "input_required", "x": float("nan")}, InDoubt),
        ({"resultType": "task", "taskId": "x"}, TaskCreated({"resultType": "task", "taskId": "x"})),
        ({"resultType": "task"}, InDoubt),
        ({"resultType": "task", "taskId": 5}, InDoubt),
        ({"resultType": "other"}, InDoubt),
        ({"resultType": ["task"]}, InDoubt),
        ({"resultType": None}, InDoubt),
        ({"content": float("nan")}, InDoubt),
        ([], InDoubt),
        (None, InDoubt),
        ({"resultType": "\ud800"}, InDoubt),
        ({"resultType": "\x1b[2J"}, InDoubt("the result has the unknown type `\\e[2J`")),
        ({"resultType": nested(2000)}, InDoubt),
    ],
)
def test_a_result_is_an_answer_only_when_it_is_complete_and_can_be_kept(result: Any, outcome: Any) -> None:
    got = outcomes.answer(result)
    assert got == outcome or type(got) is outcome
    json.dumps(outcome_to_json(got), ensure_ascii=False).encode()  # whatever it says can be said


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ({"result": {}}, Answered({})),
        ({"error": {"code": 5, "message": "m", "data": [None]}}, Refused(5, "m", [None])),
        ({"error": {"code": 5, "message": "m", "x": [None]}}, Refused(5, "m", None, {"x": [None]})),
        ({"error": {"code": 5, "message": "m", "x": float("nan")}}, Refused(5, "m")),
        ({"error": {}}, Refused(0, "")),
        ({"error": {"code": True, "message": nested(2000)}}, Refused(1, "")),
        (  # the SDK's words, in a server's own mouth
            {"error": {"code": -32600, "message": "Unexpected content type x"}},
            Refused(-32600, "Unexpected content type x"),
        ),
        ({"error": outcomes.transport_error("in_doubt", "gone").model_dump()}, InDoubt("gone")),
        ({}, InDoubt("the result is not a JSON object")),
        ({"error": "boom"}, InDoubt("the error in the answer is not a JSON object")),
        (3, InDoubt("the answer is not a JSON-RPC response")),
    ],
)
def test_a_message_holds_an_answer_or_a_refusal(message: Any, outcome: Outcome) -> None:
    assert outcomes.of_message(message) == outcome


@pytest.mark.parametrize(
    ("status", "fate"),
    [(301, "refused"), (401, "refused"), (403, "refused"), (429, "refused"), (408, "in_doubt"), (500, "in_doubt"),
     (502, "in_doubt"), (504, "in_doubt")],
)  # fmt: skip
def test_an_http_error_was_refused_at_the_door_or_leaves_a_doubt(status: int, fate: str) -> None:
    error = MCPError.from_error_data(outcomes.of_status(status))
    assert outcomes.fate_of(error) == fate
    assert str(status) in error.message
