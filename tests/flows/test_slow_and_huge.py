"""Clients that are slow or huge on purpose, over raw sockets; and how new requests are met while we end."""

import contextlib
import gzip
import json
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.serve.door import MAX_BODY, MAX_HEADERS
from tests.fixtures.served import ECHO, EVERYTHING, FIXTURES, PATIENCE, Gateway, Place, request, text_of


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.policy(EVERYTHING)
    return made


@contextlib.contextmanager
def connection(gateway: Gateway, sent: bytes = b"") -> Iterator[socket.socket]:
    host, port = gateway.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as made:
        made.sendall(sent.replace(b"HOST", f"{host}:{port}".encode()))
        yield made


def status(made: socket.socket) -> int:
    """Of the answer; 0 when the connection ended without one."""
    with contextlib.suppress(ConnectionError):
        line = made.recv(64)
        return int(line.split()[1]) if line else 0
    return 0


HEAD = b"POST /mcp HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\n"

HUGE = {
    "a length beyond all bounds": (HEAD + b"content-length: %d\r\n\r\n" % (MAX_BODY + 1), {413}),
    "a length that is no length": (HEAD + b"content-length: %s\r\n\r\n" % (b"9" * 5000), {400, 413}),
    "many headers": (HEAD + b"x: y\r\n" * MAX_HEADERS + b"content-length: 2\r\n\r\n{}", {431}),
    "a long header": (HEAD + b"x: " + b"y" * 50_000 + b"\r\n\r\n", {400, 431}),
    "a longer header": (HEAD + b"x: " + b"y" * 300_000, {0, 400}),
    "a long path": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: HOST\r\n\r\n", {0, 400, 404}),
    "two lengths": (HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}", {400}),
    "a length and chunks": (HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "a chunk without end": (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 100_000, {0, 400}),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", {400, 421}),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {0, 400}),
    "an upgrade": (
        b"GET /mcp HTTP/1.1\r\nhost: HOST\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        {400, 406, 404},
    ),
}


def test_what_is_huge_or_odd_is_refused_at_once_and_harms_nobody(place: Place) -> None:
    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as client:
        for what, (sent, wanted) in HUGE.items():
            with connection(gateway) as made:
                with contextlib.suppress(ConnectionError):
                    host = gateway.url.split("/")[2].encode()
                    made.sendall(sent.replace(b"HOST", host))
                assert status(made) in wanted, what
            assert text_of(client.call("echo__echo", {"text": what})) == what
        assert gateway.stop() == 0
    assert "Traceback" not in place.log


def test_a_body_in_chunks_is_bounded_too(place: Place) -> None:
    with (
        place.serve({"echo": ECHO}) as gateway,
        connection(gateway, HEAD + b"transfer-encoding: chunked\r\n\r\n") as made,
    ):
        chunk = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * MAX_BODY // 65536):
                made.sendall(chunk)
        assert status(made) in {0, 413}  # an answer to somebody who still sends may be lost


def test_a_body_is_not_unpacked(place: Place) -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    sent = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb
    with place.serve({"echo": ECHO}) as gateway, connection(gateway, sent) as made:
        assert status(made) == 415


def test_while_many_are_slow_others_are_served(place: Place) -> None:
    slow = [HEAD, HEAD + b"content-length: 100\r\n\r\n{", b"", b"P"]
    with contextlib.ExitStack() as stack, place.serve({"echo": ECHO}) as gateway:
        for sent in slow * 60:
            stack.enter_context(connection(gateway, sent))
        with gateway.client("modern") as client:
            for number in range(20):
                assert text_of(client.call("echo__echo", {"text": str(number)})) == str(number)
        stack.close()
        assert gateway.stop() == 0
    assert "Traceback" not in place.log


def test_whoever_opens_streams_without_end_and_leaves_takes_nothing_along(place: Place) -> None:
    message = json.dumps(request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, "modern"))
    more = "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n"
    more += f"mcp-method: subscriptions/listen\r\ncontent-length: {len(message)}\r\n\r\n"
    listen = HEAD + (more + message).encode()

    def files(gateway: Gateway) -> int:
        return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))

    def opened(gateway: Gateway, stack: contextlib.ExitStack) -> int:
        """How many of 600 there are."""
        many = [stack.enter_context(connection(gateway, listen)) for _ in range(600)]
        return sum(b"text/event-stream" in made.recv(4096) for made in many)

    with place.serve({"echo": ECHO}) as gateway, gateway.client("modern") as client:
        client.call("echo__echo", {"text": "x"})
        before = files(gateway)
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                assert opened(gateway, stack) == 500
                assert text_of(client.call("echo__echo", {"text": "others are served"})) == "others are served"
            gateway.until(lambda: files(gateway) <= before)
        assert gateway.stop() == 0
    assert "Traceback" not in place.log


def refused(gateway: Gateway, ask: bytes) -> bool:
    """Whether nobody is let in any more."""
    try:
        with connection(gateway, ask) as new:
            return status(new) in {0, 503}
    except OSError:
        return True


def test_while_we_end_new_requests_are_refused_and_old_ones_finish(place: Place, tmp_path: Path) -> None:
    """The old one is answered when the test opens its gate: a second passes for nobody."""
    tally = [str(FIXTURES / "tally_server.py"), str(tmp_path / "arrivals.jsonl")]
    desk = {"command": sys.executable, "args": ["-S", *tally], "era": "legacy"}
    ask = b"GET /health HTTP/1.1\r\nhost: HOST\r\n\r\n"
    with (
        socket.create_server(("127.0.0.1", 0)) as gate,
        place.serve({"desk": desk}, "--grace", str(PATIENCE)) as gateway,
        gateway.client("modern") as client,
        ThreadPoolExecutor(1) as threads,
        connection(gateway, ask) as kept,
    ):
        assert status(kept) == 200
        gate.settimeout(PATIENCE)
        asked = threads.submit(client.call, "desk__hold", {"port": gate.getsockname()[1]})
        with gate.accept()[0] as held:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.until(lambda: refused(gateway, ask))
            held.sendall(b"!")
            assert text_of(asked.result(PATIENCE)) == "held, and let go"
        kept.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            while kept.recv(4096):
                pass
        assert gateway.process.wait(PATIENCE) == 0
    assert place.log.endswith("ended in order\n")
