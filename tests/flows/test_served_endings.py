"""How calls are cancelled and how the served gateway ends: nothing is lost on the way, and nothing hangs."""

import fcntl
import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Admitted, Returned, Succeeded
from gateway.serve.underway import ENDED
from tests.fixtures.served import (
    ECHO,
    EVERYTHING,
    PATIENCE,
    WAITING,
    Pipe,
    Place,
    answer_of,
    heard,
    request,
)

eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


def waiting(pipes: tuple[Path, Path]) -> dict[str, Any]:
    began, cancelled = pipes
    return {"name": "x__wait", "arguments": {"began": str(began), "cancelled": str(cancelled)}}


def assert_in_doubt(place: Place) -> None:
    """The one call was sent, and nobody says that it was not; its run was closed all the same."""
    facts = place.facts()
    assert [type(fact) for fact in facts if isinstance(fact, Admitted | Returned | Succeeded)] == [
        Admitted,
        Returned,
        Succeeded,
    ]
    (returned,) = (fact for fact in facts if isinstance(fact, Returned))
    assert returned.outcome["kind"] == "in_doubt"


def impatient(url: str, message: Any, headers: dict[str, str], enough: threading.Event) -> None:
    """A client that sends a request, and closes its connection before the answer."""
    host, port = url.split("/")[2].split(":")
    body = json.dumps(message).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /mcp HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        assert enough.wait(PATIENCE)


def test_a_client_that_closes_its_stream_cancels_its_call(place: Place) -> None:
    began, cancelled = pipes = place.pipes()
    with place.serve({"x": WAITING}) as gateway, gateway.client("modern") as client:
        message = request("tools/call", waiting(pipes), "modern")
        enough = threading.Event()
        thread = threading.Thread(target=impatient, args=(client.url, message, client.headers(message), enough))
        thread.start()
        assert heard(began)
        enough.set()
        assert heard(cancelled)  # the server was told
        thread.join()
        assert gateway.stop() == 0
    assert_in_doubt(place)


def test_a_notification_cancels_a_call_of_the_handshake_era(place: Place) -> None:
    began, cancelled = pipes = place.pipes()
    with place.serve({"x": WAITING}) as gateway, gateway.client("legacy") as client, ThreadPoolExecutor(1) as thread:
        asked = thread.submit(client.post, request("tools/call", waiting(pipes), number=41))
        assert heard(began)
        client.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 41}})
        assert heard(cancelled)
        assert "error" in answer_of(asked.result(PATIENCE))
        assert gateway.stop() == 0
    assert_in_doubt(place)


@eras
def test_a_notification_cancels_a_call_over_stdio(place: Place, era: str) -> None:
    began, cancelled = pipes = place.pipes()
    with place.pipe({"x": WAITING}, "--grace", "3600") as pipe:
        pipe.open(era)
        pipe.send(request("tools/call", waiting(pipes), era, 41))
        assert heard(began)
        pipe.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 41}})
        assert heard(cancelled)
        assert pipe.close() == 0
    assert_in_doubt(place)


@eras
@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}], ids=["directly", "by the SDK"])
def test_a_call_in_flight_is_in_doubt_when_the_gateway_is_told_to_end(
    place: Place, era: str, meta: dict[str, Any]
) -> None:
    began, cancelled = pipes = place.pipes()
    with (
        place.serve({"x": WAITING}, "--grace", "0.2") as gateway,
        gateway.client(era) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        asked = thread.submit(client.post, request("tools/call", {**waiting(pipes), "_meta": meta}, era))
        assert heard(began)
        gateway.process.send_signal(signal.SIGTERM)
        assert heard(cancelled)
        assert gateway.process.wait(PATIENCE) == 0
        assert answer_of(asked.result(PATIENCE))["error"] == ENDED
    assert_in_doubt(place)
    assert place.log.endswith("ended in order\n")
    assert "Traceback" not in place.log


def told_at_the_end(pipe: Pipe) -> list[Any]:
    """What else it says until it has ended, in order."""
    lines = pipe.stdout.read().splitlines()
    assert pipe.process.wait(PATIENCE) == 0
    return [json.loads(line) for line in lines]


def test_over_stdio_an_answer_that_does_not_come_is_not_waited_for_without_end(place: Place) -> None:
    began, cancelled = pipes = place.pipes()
    with place.pipe({"x": WAITING}, "--grace", "0.1") as pipe:
        pipe.open("legacy")
        pipe.send(request("tools/call", waiting(pipes)))
        assert heard(began)
        pipe.stdin.close()
        assert heard(cancelled)
        assert told_at_the_end(pipe) == [{"jsonrpc": "2.0", "id": 1, "error": ENDED}]
    assert_in_doubt(place)


def test_a_call_in_flight_may_finish_when_the_gateway_is_told_to_end(place: Place) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as client, ThreadPoolExecutor(1) as thread:
        asked = thread.submit(client.call, "echo__slow", {"seconds": 0.5})
        gateway.until(lambda: any(isinstance(fact, Admitted) for fact in place.facts()))
        assert gateway.stop() == 0
        assert asked.result(PATIENCE)["content"][0]["text"] == "done"


def test_a_stream_that_a_client_holds_open_does_not_keep_the_gateway_from_ending(place: Place) -> None:
    with place.serve({"echo": ECHO}, "--grace", str(PATIENCE)) as gateway, gateway.client("legacy") as client:
        headers = client.headers({}) | {"accept": "text/event-stream"}
        with client.http.stream("GET", client.url, headers=headers) as stream:
            assert stream.status_code == 200
            assert gateway.stop() == 0
            assert not any(line.startswith("data") for line in stream.iter_lines())  # an end, and not a failure
    assert place.log == "ended in order\n"


LISTEN = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": []}}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def test_a_modern_listener_is_told_the_end_as_the_result_of_its_request(place: Place) -> None:
    """As the spec has it for a graceful end (MCP 2026-07-28, Subscriptions)."""
    with place.serve({"echo": ECHO}, "--grace", str(PATIENCE)) as gateway, gateway.client("modern") as client:
        message = request("subscriptions/listen", LISTEN, "modern", 7)
        with client.http.stream("POST", client.url, json=message, headers=client.headers(message)) as stream:
            assert stream.status_code == 200
            told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: {"))
            assert next(told)["method"] == "notifications/subscriptions/acknowledged"
            assert gateway.stop() == 0
            (last,) = told
    assert (last["id"], last["result"]["_meta"][SUBSCRIPTION]) == (7, 7)
    assert last["result"]["resultType"] == "complete"
    assert place.log == "ended in order\n"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, "the end of its input"])
def test_over_stdio_a_modern_listener_is_told_the_end_too(place: Place, ending: Any) -> None:
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open("modern")
        pipe.send(request("subscriptions/listen", LISTEN, "modern", 7))
        assert pipe.receive()["method"] == "notifications/subscriptions/acknowledged"
        if isinstance(ending, str):
            pipe.stdin.close()
        else:
            pipe.process.send_signal(ending)
        last = pipe.receive()
        assert (last["id"], last["result"]["_meta"][SUBSCRIPTION]) == (7, 7)
        assert pipe.process.wait(PATIENCE) == 0
    assert place.log == "ended in order\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_over_stdio_a_signal_ends_it_in_order(place: Place, number: signal.Signals) -> None:
    began, _ = pipes = place.pipes()
    with place.pipe({"x": WAITING}) as pipe:
        pipe.open("legacy")
        pipe.send(request("tools/call", waiting(pipes)))
        assert heard(began)
        pipe.process.send_signal(number)
        assert told_at_the_end(pipe) == [{"jsonrpc": "2.0", "id": 1, "error": ENDED}]
    assert_in_doubt(place)


def test_over_stdio_who_does_not_read_that_it_ends_does_not_keep_it_from_ending(place: Place) -> None:
    """The answers before it are never read, so the pipe is full when there is a last word to say."""
    began, cancelled = pipes = place.pipes()
    with place.pipe({"x": WAITING}, "--grace", "0.1") as pipe:
        pipe.open("legacy")
        pipe.send(request("tools/call", waiting(pipes)))
        assert heard(began)
        fcntl.fcntl(pipe.stdout, fcntl.F_SETPIPE_SZ, 4096)
        for number in range(2, 100):
            pipe.send(request("tools/list", number=number))
        pipe.stdin.close()
        assert heard(cancelled)
        assert pipe.process.wait(PATIENCE) == 0
    assert_in_doubt(place)
    assert place.log == "ended in order\n"


@eras
def test_over_stdio_what_was_asked_is_answered_after_the_end_of_the_input(place: Place, era: str) -> None:
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open(era)
        pipe.send(request("tools/call", {"name": "echo__rich", "arguments": {}}, era, 7))
        pipe.stdin.close()
        assert pipe.receive()["result"]["unknownField"] == {"a": None}
        assert pipe.process.wait(PATIENCE) == 0
    assert place.log == "ended in order\n"


def test_over_stdio_a_client_that_reads_no_more_ends_it(place: Place) -> None:
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open("legacy")
        pipe.stdout.close()
        pipe.send(request("tools/list"))
        assert pipe.process.wait(PATIENCE) == 0
    assert place.log == "ended in order\n"


@eras
def test_over_stdio_nothing_but_the_protocol_is_printed(place: Place, era: str) -> None:
    with place.pipe({"echo": ECHO}) as pipe:
        pipe.open(era)
        pipe.ask("tools/call", {"name": "echo__rich", "arguments": {}}, era, 2)
        pipe.stdin.close()
        assert pipe.stdout.read() == b""
        assert pipe.process.wait(PATIENCE) == 0
    assert place.log == "ended in order\n"  # which it prints
