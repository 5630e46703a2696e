"""The two streams, whatever they are: pipes, files, nothing. What is said on them is in tests/flows."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.forked import Forked
from tests.fixtures.served import EVERYTHING, INITIALIZE, INITIALIZED, PATIENCE, Place, hostile, request


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


CONVERSATION = (request("initialize", INITIALIZE), INITIALIZED, request("tools/list", number=2))


def lines() -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in CONVERSATION)


def answered(place: Place, given: bytes) -> list[Any]:
    """What it says to this, once there is no more."""
    with Forked(place.command("stdio", {}), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        out = process.communicate(given, PATIENCE)[0]
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def test_files_will_do_in_the_place_of_pipes(place: Place) -> None:
    (place.folder / "in").write_bytes(lines())
    with (place.folder / "in").open("rb") as stdin, (place.folder / "out").open("wb") as stdout:
        subprocess.run(place.command("stdio", {}), stdin=stdin, stdout=stdout, check=True, timeout=PATIENCE)
    answers = [json.loads(line) for line in (place.folder / "out").read_text().splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["tools"] == []


def test_without_any_input_it_ends_at_once(place: Place) -> None:
    with Forked(place.command("stdio", {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.communicate(timeout=PATIENCE)[0] == b""
    assert process.returncode == 0


def test_all_that_came_before_the_end_is_answered(place: Place) -> None:
    assert [answer["id"] for answer in answered(place, b"\n  \n" + lines())] == [1, 2]


def test_a_message_that_is_no_json_rpc_is_answered_and_the_next_one_is_read(place: Place) -> None:
    flawed = b'{"jsonrpc":"2.0","id":3,"error":5}\n{"jsonrpc":"2.0"}\nx\n'
    answers = answered(place, flawed + lines())
    assert [answer["error"]["code"] for answer in answers if "error" in answer] == [-32600, -32600, -32700]
    assert answers[-1]["id"] == 2


def test_a_request_with_the_id_of_one_that_has_no_answer_yet_is_refused_and_not_made(place: Place) -> None:
    with place.pipe({"never-answer": hostile("never-answer")}) as pipe:
        pipe.open("legacy")
        pipe.send(request("tools/call", {"name": "never-answer__act", "arguments": {}}, number=7))
        pipe.send(request("ping", number=7))
        refused = pipe.receive()
        assert (refused["id"], refused["error"]["code"]) == (None, -32600)
        pipe.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
        assert pipe.ask("ping", number=8) == {"jsonrpc": "2.0", "id": 8, "result": {}}


def test_a_line_of_unreasonable_length_ends_the_session(place: Place) -> None:
    with place.pipe({}) as pipe:
        pipe.open("legacy")
        with pytest.raises((BrokenPipeError, EOFError)):  # noqa: PT012 - either end may find it first
            pipe.send_line(b" " * (65 * 1024 * 1024))
            pipe.receive()
        assert pipe.process.wait(PATIENCE) == 0
    assert "ended the session" in place.log
