"""The fast lane against servers that answer in every way, or not at all. Loopback sockets, scripted byte by byte."""

import asyncio
import contextlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.call import InDoubt, Unsent
from gateway.upstream.outcomes import of_message
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.spec import Http
from gateway.upstream.streams import Ear

BODY = b'{"jsonrpc":"2.0","id":1,"method":"x"}'
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{"a":null}}'
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, "Seen"], Awaitable[None]]


class Seen:
    """What reached the server."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self.arrived = asyncio.Event()
        self.closed = asyncio.Event()

    async def request(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        self.arrived.set()


@asynccontextmanager
async def served(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, Seen]]:
    seen = Seen()
    open_tasks: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        open_tasks.add(task)
        seen.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await serve(reader, writer, seen)
        finally:
            open_tasks.discard(task)
            writer.transport.abort()
            seen.closed.set()

    server = await asyncio.start_server(handle, "localhost", 0, family=2, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://localhost:{port}/mcp?a=b", seen
    finally:
        server.close()
        for task in list(open_tasks):
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


def answers(*responses: bytes) -> Serve:
    """Answers each request on a connection with these bytes, for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        while True:
            await seen.request(reader)
            for piece in responses:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    return serve


def closes_after(response: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        await seen.request(reader)
        writer.write(response)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return serve


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, seen: Seen) -> None:
    await seen.request(reader)
    await reader.read()  # until the client gives up


@asynccontextmanager
async def pooled(url: str, headers: dict[str, str] | None = None, **more: Any) -> AsyncIterator[Pool]:
    pool = Pool(Http(url, headers or {}), connect_timeout=30, **more)
    try:
        yield pool
    finally:
        await pool.aclose()


async def post(pool: Pool, timeout: float = 30) -> Replied | Unsent | InDoubt:
    return await pool.post(1, BODY, {"mcp-name": "x"}, timeout=timeout)


async def at_rest(pool: Pool) -> None:
    """Until the rest of an event stream has been read."""
    async with asyncio.timeout(30):
        while not pool._idle:  # noqa: SLF001, ASYNC110 - nobody tells
            await asyncio.sleep(0)


def length(body: bytes) -> bytes:
    return b"content-length: %d\r\n\r\n" % len(body) + body


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


EVENT = b"event: message\r\ndata: " + ANSWER + b"\r\n\r\n"
NOTE = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\r\n\r\n'

GOOD = {
    "a length": [JSON, length(ANSWER)],
    "chunks": [JSON, b"transfer-encoding: chunked\r\n\r\n", chunked(ANSWER[:5], ANSWER[5:])],
    "chunks, cut anywhere": [JSON, b"transfer-encoding: chunked\r\n\r\n", *(bytes([b]) for b in chunked(ANSWER))],
    "chunks with a trailer": [JSON, b"transfer-encoding: chunked\r\n\r\n", chunked(ANSWER)[:-2], b"x: y\r\n\r\n"],
    "an interim answer first": [b"HTTP/1.1 100 Continue\r\n\r\n", JSON, length(ANSWER)],
    "events": [SSE, b"transfer-encoding: chunked\r\n\r\n", chunked(b": ping\r\n\r\n", NOTE, EVENT)],
    "an HTTP error with a JSON-RPC answer": [
        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n", length(ANSWER),
    ],
}  # fmt: skip


@pytest.mark.parametrize("pieces", GOOD.values(), ids=GOOD.keys())
def test_an_answer_arrives_whole_and_its_connection_is_used_again(pieces: list[bytes]) -> None:
    async def scenario() -> None:
        async with served(answers(*pieces)) as (url, seen), pooled(url, {"Authorization": "Bearer t"}) as pool:
            for _ in range(3):
                assert await post(pool) == Replied(json.loads(ANSWER))
                await at_rest(pool)
            assert seen.connections == 1
            head, _, body = seen.requests[-1].partition(b"\r\n\r\n")
            assert body == BODY
            assert head.startswith(b"POST /mcp?a=b HTTP/1.1\r\nhost: localhost:")
            assert b"\r\nAuthorization: Bearer t\r\nmcp-name: x\r\n" in head + b"\r\n"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "response",
    [JSON + b"\r\n" + ANSWER, JSON + b"connection: close\r\n" + length(ANSWER), SSE + b"\r\n" + EVENT],
    ids=["until it closes", "connection: close", "events until it closes"],
)
def test_an_answer_that_ends_its_connection_is_followed_by_a_new_one(response: bytes) -> None:
    async def scenario() -> None:
        async with served(closes_after(response)) as (url, seen), pooled(url) as pool:
            for number in (1, 2):
                assert await post(pool) == Replied(json.loads(ANSWER))
                assert seen.connections == number

    asyncio.run(scenario())


BAD = {
    "closes": (b"", "closed the connection before it answered"),
    "closes in the head": (b"HTTP/1.1 200 OK\r\n", "closed the connection"),
    "closes in the body": (JSON + b"content-length: 100\r\n\r\n{", "closed the connection"),
    "closes in a chunk": (JSON + b"transfer-encoding: chunked\r\n\r\nff\r\n{", "closed the connection"),
    "events without the answer": (SSE + b"\r\n" + NOTE, "closed the connection"),
    "not HTTP": (b"SSH-2.0\r\n\r\n", "not HTTP/1.1"),
    "not JSON": (JSON + length(b"{oops"), ""),
    "another's answer": (JSON + length(ANSWER.replace(b'"id":1', b'"id":2')), "not the response to this request"),
    "HTML": (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n" + length(b"<p>"), "not the response"),
    "a broken chunk": (JSON + b"transfer-encoding: chunked\r\n\r\nzz\r\n", "broken chunk"),
    "too large": (JSON + length(b'"' + b"x" * 5000 + b'"'), "larger than 1000 bytes"),
    "too large, in events": (SSE + b"\r\n" + NOTE * 100, "larger than 1000 bytes"),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 400_000, "headers are too long"),
}


@pytest.mark.parametrize(("response", "why"), BAD.values(), ids=BAD.keys())
def test_whatever_goes_wrong_after_the_request_was_written_leaves_a_doubt_and_is_not_sent_again(
    response: bytes, why: str
) -> None:
    async def scenario() -> None:
        async with served(closes_after(response)) as (url, seen), pooled(url, ceiling=1000) as pool:
            outcome = await post(pool)
            assert isinstance(outcome, InDoubt)
            assert why in outcome.why
            assert len(seen.requests) == 1

    asyncio.run(scenario())


def test_a_timeout_closes_the_connection_which_cancels_the_request() -> None:
    async def scenario() -> None:
        async with served(silent) as (url, seen), pooled(url) as pool:
            for seconds in (0.2, 1.0, 5.0, 25.0):  # more, if they are over before it is connected
                if not isinstance(outcome := await post(pool, timeout=seconds), Unsent):
                    break
            assert outcome == InDoubt(f"no answer within {seconds:g} s")
            await asyncio.wait_for(seen.closed.wait(), 30)

    asyncio.run(scenario())


def test_a_caller_that_gives_up_closes_the_connection_too() -> None:
    async def scenario() -> None:
        async with served(silent) as (url, seen), pooled(url) as pool:
            task = asyncio.create_task(post(pool))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            task.cancel()
            await asyncio.wait_for(seen.closed.wait(), 30)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())


def test_of_whom_nothing_was_heard_until_a_request_was_given_up_is_told_with_the_seconds() -> None:
    async def scenario() -> None:
        unheard, ear = list[float](), Ear()
        async with served(silent) as (url, seen), pooled(url, unheard=unheard.append, ear=ear) as pool:
            for seconds in (0.2, 1.0, 5.0, 25.0):  # more, if they are over before it is connected
                if not isinstance(await post(pool, timeout=seconds), Unsent):
                    break
            assert 0 < unheard[0] <= seconds
            seen.arrived.clear()
            task = asyncio.create_task(post(pool))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert unheard[1:] == [0]
            assert ear.heard == 0

    asyncio.run(scenario())


def test_who_has_begun_to_answer_or_answers_others_was_heard() -> None:
    begun = SSE + b"transfer-encoding: chunked\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        await seen.request(reader)
        if seen.connections == 1:
            writer.write(begun)
        elif seen.connections == 3:
            writer.write(JSON + length(ANSWER))
        await reader.read()

    async def scenario() -> None:
        unheard, ear = list[float](), Ear()
        async with served(serve) as (url, seen), pooled(url, unheard=unheard.append, ear=ear) as pool:
            tasks = []
            for _ in range(2):
                seen.arrived.clear()
                tasks.append(asyncio.create_task(post(pool)))
                await asyncio.wait_for(seen.arrived.wait(), 30)
            async with asyncio.timeout(30):
                while not ear.heard:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
            assert await post(pool) == Replied(json.loads(ANSWER))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert unheard == []

    asyncio.run(scenario())


def test_who_answers_a_request_that_left_before_was_heard_by_those_that_left_after() -> None:
    """A server that does one thing at a time answers one of them while the others wait."""

    async def scenario() -> None:
        answer = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
            await seen.request(reader)
            if seen.connections == 1:
                await answer.wait()
                writer.write(JSON + length(ANSWER))
            await reader.read()

        unheard: list[float] = []
        async with served(serve) as (url, seen), pooled(url, unheard=unheard.append) as pool:
            tasks = []
            for _ in range(2):
                seen.arrived.clear()
                tasks.append(asyncio.create_task(post(pool)))
                await asyncio.wait_for(seen.arrived.wait(), 30)
            answer.set()
            assert await tasks[0] == Replied(json.loads(ANSWER))
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert unheard == []

    asyncio.run(scenario())


def test_what_is_under_way_when_all_ends_is_in_doubt_and_it_is_not_said_that_the_server_did_it() -> None:
    async def scenario() -> None:
        async with served(silent) as (url, seen), pooled(url) as pool:
            task = asyncio.create_task(post(pool))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            await pool.aclose()
            assert await task == InDoubt("the connection ended before the answer came")

    asyncio.run(scenario())


@pytest.mark.parametrize("given", [False, True], ids=["it never comes", "it comes too late"])
def test_who_has_no_free_connection_in_time_sends_nothing_and_waits_no_longer(
    given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is told as the error of that one request: the connection, which others use, is not lost for it."""
    monkeypatch.setattr("gateway.upstream.pool.MAX_CONNECTIONS", 1)

    async def scenario() -> None:
        async with served(silent) as (url, seen), pooled(url) as pool:
            first = asyncio.create_task(post(pool, timeout=3600))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            late = asyncio.create_task(post(pool, timeout=0))  # over before the loop turns
            if given:
                await asyncio.sleep(0)  # it has begun to wait
                first.cancel()
            reply = await asyncio.wait_for(late, 30)
            assert isinstance(reply, Replied)
            assert of_message(reply.message) == Unsent("no connection within 0 s")
            assert len(seen.requests) == 1
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            seen.arrived.clear()
            next_one = asyncio.create_task(post(pool, timeout=3600))  # the place is free again
            await asyncio.wait_for(seen.arrived.wait(), 30)
            next_one.cancel()

    asyncio.run(scenario())


def test_a_server_that_closes_while_it_is_connected_to_leaves_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """With TLS both can come in one packet."""

    async def scenario() -> None:
        connect = asyncio.get_running_loop().create_connection

        async def lost(*given: Any, **more: Any) -> Any:
            transport, wire = await connect(*given, **more)
            transport.abort()
            return transport, wire

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", lost)
        async with served(silent) as (url, seen), pooled(url) as pool:
            assert isinstance(await post(pool), Unsent)
            assert seen.requests == []
            assert pool._open == set()  # noqa: SLF001 - nothing is kept of it

    asyncio.run(scenario())


def test_when_nobody_listens_nothing_was_sent() -> None:
    async def scenario() -> None:
        async with pooled("http://127.0.0.1:9/mcp") as pool:
            assert isinstance(await post(pool), Unsent)

    asyncio.run(scenario())


def test_a_header_that_http_does_not_allow_is_not_sent() -> None:
    async def scenario() -> None:
        async with served(silent) as (url, seen), pooled(url, {"x": "a\r\nb: c"}) as pool:
            assert isinstance(await post(pool), Unsent)
            assert seen.connections == 0

    asyncio.run(scenario())


def test_a_connection_that_the_server_closed_while_it_was_idle_is_not_used() -> None:
    async def scenario() -> None:
        async with served(closes_after(JSON + length(ANSWER))) as (url, seen), pooled(url) as pool:
            assert isinstance(await post(pool), Replied)
            await asyncio.wait_for(seen.closed.wait(), 30)
            assert isinstance(await post(pool), Replied)
            assert seen.connections == 2

    asyncio.run(scenario())


@pytest.mark.parametrize(("said", "connections"), [(b"", 1), (b"keep-alive: timeout=2\r\n", 2)])
def test_a_connection_that_its_server_is_about_to_close_is_not_used(said: bytes, connections: int) -> None:
    async def scenario() -> None:
        async with served(answers(JSON + said + length(ANSWER))) as (url, seen), pooled(url) as pool:
            assert isinstance(await post(pool), Replied)
            assert isinstance(await post(pool), Replied)
            assert seen.connections == connections

    asyncio.run(scenario())


@pytest.mark.parametrize(("status", "kind"), [(401, "Refused"), (307, "Refused"), (500, "InDoubt"), (503, "InDoubt")])
def test_an_http_error_without_json_rpc_is_told_by_its_status(status: int, kind: str) -> None:
    response = b"HTTP/1.1 %d X\r\ncontent-type: text/plain\r\n" % status + length(b"no")

    async def scenario() -> None:
        async with served(closes_after(response)) as (url, _), pooled(url) as pool:
            reply = await post(pool)
            assert isinstance(reply, Replied)
            outcome = of_message(reply.message)
            assert type(outcome).__name__ == kind
            assert f"the server answered HTTP {status}" in str(outcome)

    asyncio.run(scenario())


def test_credentials_in_the_address_become_a_header_and_not_part_of_the_host() -> None:
    async def scenario() -> None:
        async with served(answers(JSON, length(ANSWER))) as (url, seen):
            async with pooled(url.replace("://", "://ann:p%40ss@")) as pool:
                assert isinstance(await post(pool), Replied)
            assert b"\r\nauthorization: Basic YW5uOnBAc3M=\r\n" in seen.requests[0]
            assert b"ann" not in seen.requests[0]

    asyncio.run(scenario())


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody trusts, and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls_is_spoken_and_certificates_are_checked(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)

    async def scenario() -> None:
        async with served(answers(JSON, length(ANSWER)), tls) as (url, _):
            async with pooled(url) as pool:
                refused = await post(pool)
                assert isinstance(refused, Unsent)
                assert "certificate" in refused.why
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
            async with pooled(url) as pool:
                assert await post(pool) == Replied(json.loads(ANSWER))
                assert await post(pool) == Replied(json.loads(ANSWER))

    asyncio.run(scenario())
