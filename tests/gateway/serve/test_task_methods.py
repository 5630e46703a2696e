"""What the methods of tasks refuse before anybody looks for the task: `tests/flows/test_tasks.py` has the rest."""

from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from gateway.serve.task_methods import advertised
from gateway.task import EXTENSION
from tests.fixtures.served import ECHO, EVERYTHING, Place, answer_of, request

CAPABLE: dict[str, Any] = {"_meta": {types.CLIENT_CAPABILITIES_META_KEY: {"extensions": {EXTENSION: {}}}}}


def test_only_discovery_says_that_there_are_tasks() -> None:
    said: dict[str, Any] = {"tools": {}, "extensions": {"x": {}}}
    assert advertised("server/discover", said) == {"tools": {}, "extensions": {"x": {}, EXTENSION: {}}}
    assert advertised("initialize", said) == said


def test_a_request_about_a_task_has_to_be_whole(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.policy(EVERYTHING)
    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as wire:

        def code(method: str, params: dict[str, Any], **headers: str | None) -> int:
            message = request(method, {**params, **CAPABLE}, "modern")
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            answer: int = answer_of(wire.post(message, headers=names))["error"]["code"]
            return answer

        for wrong in ({}, {"taskId": 5}, {"taskId": ""}, {"taskId": "x" * 600}):
            assert code("tasks/get", wrong) == types.INVALID_PARAMS
        assert code("tasks/update", {"taskId": "x"}) == types.INVALID_PARAMS
        assert code("tasks/update", {"taskId": "x", "inputResponses": []}) == types.INVALID_PARAMS
        odd = {"taskId": "x", "inputResponses": {"q": {}, "r": 5}}
        refused = answer_of(wire.post(request("tasks/update", {**odd, **CAPABLE}, "modern")))["error"]
        assert (refused["code"], "`r`" in refused["message"]) == (types.INVALID_PARAMS, True)
        assert code("tasks/get", {"taskId": "x"}, mcp_name=None) == types.HEADER_MISMATCH
        assert code("tasks/get", {"taskId": "x"}, mcp_name="y") == types.HEADER_MISMATCH
        assert code("tasks/get", {"taskId": "x"}, mcp_name="=?base64?eA==?=") == types.INVALID_PARAMS
        for gone in ("tasks/list", "tasks/result"):
            assert code(gone, {"taskId": "x"}) == types.METHOD_NOT_FOUND
    assert "Traceback" not in place.log


@pytest.mark.parametrize("wanted", ["x", [5], {"x": 1}])
def test_whoever_listens_names_tasks_by_texts(tmp_path: Path, wanted: Any) -> None:
    place = Place(tmp_path)
    place.policy(EVERYTHING)
    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as wire:
        error = wire.ask("subscriptions/listen", {"notifications": {"taskIds": wanted}, **CAPABLE})["error"]
    assert error["code"] == types.INVALID_PARAMS
