"""What a client says reaches the server as he said it, as far as nothing in it goes past the policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.served import EVERYTHING, INITIALIZE, INITIALIZED, Pipe, Place, hostile, request, text_of

eras = pytest.mark.parametrize("era", ["modern", "legacy"])

ANSWERS: list[dict[str, Any]] = [
    {"result": {"role": "assistant", "content": {"type": "weird", "x": None, "y": [1]}, "model": "m", "zz": {"a": 2}}},
    {"result": {"foo": 1, "bar": None}},
    {"error": {"code": -5, "message": "not now"}},
    {"error": {"code": -5, "message": "not now", "data": [1, None]}},
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


def opened(pipe: Pipe) -> None:
    """By a client who can be asked for samples."""
    pipe.ask("initialize", {**INITIALIZE, "capabilities": {"sampling": {}}}, number=0)
    pipe.send(INITIALIZED)


def test_an_answer_to_a_servers_question_is_the_clients_own(place: Place) -> None:
    with place.pipe({"x": hostile("asks-back")}) as pipe:
        opened(pipe)
        for number, said in enumerate(ANSWERS, 1):
            pipe.send(request("tools/call", {"name": "x__act", "arguments": {}}, number=number))
            question = pipe.receive(lambda message: message.get("method") == "sampling/createMessage")
            pipe.send({"jsonrpc": "2.0", "id": question["id"], **said})
            answer = pipe.receive(lambda message, number=number: message.get("id") == number)  # type: ignore[misc]
            assert json.loads(text_of(answer["result"])) == next(iter(said.values()))


@eras
def test_what_no_policy_can_see_of_a_call_does_not_reach_the_server(place: Place, era: str) -> None:
    with place.pipe({"x": hostile("mirror")}) as pipe:
        pipe.open(era)
        more: dict[str, Any] = {"foo": {"a": 1}, "Arguments": {"b": 2}, "_meta": {"example.com/kept": 1}}
        result = pipe.ask("tools/call", {"name": "x__act", "arguments": {"c": 3}, **more}, era)["result"]
        params = json.loads(text_of(result))["params"]
        assert (params["name"], params["arguments"], params["_meta"]["example.com/kept"]) == ("act", {"c": 3}, 1)
        assert params.keys() == {"name", "arguments", "_meta"}
