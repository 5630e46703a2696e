"""What the methods of tasks refuse before anybody looks for the task: `tests/flows/test_tasks.py` has the rest."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import mcp_types as types
import pytest

from gateway.call import JsonObject
from gateway.serve import task_methods as under_test
from gateway.serve.task_methods import TaskMethods, advertised, pause
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


WISHES: dict[str, tuple[Any, float]] = {  # what a server says as `pollIntervalMs`, and the seconds
    "usual": (3000, 3.0),
    "with a fraction": (1500.5, 1.5005),
    "none": (None, under_test.USUAL),
    "a text": ("5", under_test.USUAL),
    "a bool": (True, under_test.USUAL),
    "nothing": (0, under_test.SHORTEST),
    "below nothing": (-(10**400), under_test.SHORTEST),
    "no number": (float("nan"), under_test.SHORTEST),
    "endless": (float("inf"), under_test.LONGEST),
    "beyond all": (10**400, under_test.LONGEST),
}


@pytest.mark.parametrize(("said", "seconds"), WISHES.values(), ids=WISHES.keys())
def test_a_task_is_looked_at_as_often_as_its_server_wishes_within_bounds(said: Any, seconds: float) -> None:
    assert pause({"pollIntervalMs": said}) == seconds


class Told:
    """A listener to one task, which has these states one after the other."""

    def __init__(self, *states: JsonObject) -> None:
        self._states: Iterator[JsonObject] = iter(states)
        self.told: list[JsonObject] = []

    async def look(self, *_: object) -> JsonObject:
        return next(self._states)

    def tell(self, _method: str, state: JsonObject) -> None:
        self.told.append(state)

    async def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """To its end."""
        monkeypatch.setattr(under_test, "SHORTEST", 0.0)
        monkeypatch.setattr(under_test, "LONGEST", 0.0)
        monkeypatch.setattr(TaskMethods, "_look", self.look)
        monkeypatch.setattr(under_test, "Talking", lambda *_: None)
        methods, context = TaskMethods(cast("Any", None), cast("Any", None)), None
        client = cast("Any", SimpleNamespace(key=""))
        async with asyncio.timeout(30), methods.watched(context, ["t"], client, self.tell):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait(others)


def test_whoever_listens_hears_on_whatever_pause_a_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = {"status": "working", "pollIntervalMs": 10**400}, {"status": "completed"}
    told = Told(begun, over)
    asyncio.run(told.listen(monkeypatch))
    assert told.told == [begun, over]


def test_what_ends_the_looking_is_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise OverflowError("too large")

    told = Told({"status": "working"})
    monkeypatch.setattr(told, "tell", broken)
    asyncio.run(told.listen(monkeypatch))
    assert ["not looked at" in caplog.text, "OverflowError" in caplog.text] == [True, True]
