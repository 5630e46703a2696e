"""Connections on which calls are answered at once: over real sockets, with the gateway behind them."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Returned
from gateway.serve import http
from gateway.serve.asgi import dumped
from gateway.serve.desk import Desk
from gateway.serve.http import Address, serve_http
from gateway.serve.quick import Quick
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.parts import Gate, gate, tally
from tests.fixtures.served import ECHO, INITIALIZE, INITIALIZED, LEGACY, PATIENCE, request
from tests.gateway.serve.test_desk import FIELDS, raw


def call(text: str, number: int = 1) -> bytes:
    params = {"name": "echo__echo", "arguments": {"text": text}}
    return raw(body=dumped(request("tools/call", params, era="modern", number=number)))


def holding(gate: Gate) -> bytes:
    """A call that is answered when the gate is opened."""
    params = {"name": "desk__hold", "arguments": {"port": gate.port}}
    return raw(body=dumped(request("tools/call", params, era="modern")), Mcp_Name="desk__hold")


@dataclass
class Line:
    """A connection, and how many calls the desk has answered by now."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[bytes, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head, await self.reader.readexactly(int(length.partition(b":")[2]))

    async def ask(self, data: bytes) -> tuple[bytes, bytes]:
        self.writer.write(data)
        return await self.answer()


class Stage:
    def __init__(self, parts: App, url: str, answered: list[object]) -> None:
        self.parts, self.port, self.answered = parts, int(url.split(":")[2].partition("/")[0]), answered

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()

    async def outcomes(self) -> list[str]:
        """Of all calls of the only client."""
        (row,) = await self.parts.store.run_rows()
        events = [recorded.event for recorded in await self.parts.store.events(row.id)]
        return [event.outcome["kind"] for event in events if isinstance(event, Returned)]


def on_stage(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenario: Callable[[Stage], Awaitable[None]],
    grace: float = PATIENCE,
) -> None:
    setup = Setup(folder, {"echo": spec("echo", ECHO), "desk": tally(folder)})
    setup.write_policy("p, *, *, */*, call, , allow, whatever it is")
    answered: list[object] = []
    answer = Desk.answer

    async def noted(desk: Desk, plain: Any, underway: Any) -> tuple[int, bytes]:
        answered.append(plain.id)
        return await answer(desk, plain, underway)

    monkeypatch.setattr(Desk, "answer", noted)

    async def work() -> None:
        async with opened(setup, http=True) as parts:
            played: list[asyncio.Task[None]] = []

            async def play(url: str) -> None:
                try:
                    async with asyncio.timeout(PATIENCE):
                        await scenario(Stage(parts, url, answered))
                finally:
                    os.kill(os.getpid(), signal.SIGTERM)

            async def ready(url: str) -> None:
                played.append(asyncio.ensure_future(play(url)))

            await serve_http(parts.served(setup.entry), Address(port=0, grace=grace), ready)
            await played[0]

    asyncio.run(work())


def connections(monkeypatch: pytest.MonkeyPatch) -> list[Quick]:
    """All that are made from now on."""
    made: list[Quick] = []
    making = Quick.connection_made

    def noted(connection: Quick, transport: Any) -> None:
        made.append(connection)
        making(connection, transport)

    monkeypatch.setattr(Quick, "connection_made", noted)
    return made


def test_a_call_is_answered_as_any_server_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            head, body = await line.ask(call("né ☃"))
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\ncontent-type: application/json\r\n" in head
            assert b"\r\ndate: " in head
            assert "né ☃".encode() in body
            assert stage.answered == [1]

    on_stage(tmp_path, monkeypatch, scenario)


def test_all_kinds_of_requests_share_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = raw(body=dumped(request("tools/list", era="modern")), Mcp_Method="tools/list", Mcp_Name=None)

    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            for number in (1, 2):
                assert b"pong" in (await line.ask(call("pong", number)))[1]
                assert b"inputSchema" in (await line.ask(listing))[1]
                assert (await line.ask(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))[1] == b'{"status":"ok"}'
            assert stage.answered == [1, 2]

    on_stage(tmp_path, monkeypatch, scenario)


def to(target: str, host: str) -> bytes:
    body = dumped(request("tools/call", {"name": "echo__echo", "arguments": {"text": "hi"}}, era="modern"))
    return raw(f"POST {target} HTTP/1.1", body, Host=host)


@pytest.mark.parametrize(
    ("target", "host", "wanted"),
    [
        ("/mcp", "127.0.0.1", 200),
        ("/mcp", "evil.test", 421),
        ("http://127.0.0.1/mcp", "127.0.0.1", 200),
        ("http://127.0.0.1/mcp", "evil.test", 200),
        ("http://evil.test/mcp", "127.0.0.1", 421),
        ("http://127.0.0.1@evil.test/mcp", "127.0.0.1", 421),
        ("ftp://127.0.0.1/mcp", "127.0.0.1", 421),
        ("http://127.0.0.1/mcp/nothing", "127.0.0.1", 404),
    ],
)
def test_a_target_that_is_a_whole_url_counts_for_the_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, host: str, wanted: int
) -> None:
    """Also behind a plain call on the same connection; and no call is made that the door did not let in."""

    async def scenario(stage: Stage) -> None:
        for before in ([], [call("plain")]):
            async with stage.line() as line:
                for data in before:
                    await line.ask(data)
                head, _ = await line.ask(to(target, host))
                assert int(head.split()[1]) == wanted
        assert len(await stage.outcomes()) == 1 + 2 * (wanted == 200)

    on_stage(tmp_path, monkeypatch, scenario)


def test_what_comes_behind_a_call_waits_for_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            line.writer.write(call("a", 1))
            await line.writer.drain()
            line.writer.write(call("b", 2) + b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            line.writer.write(call("c" * 200_000, 3))
            answers = [(await line.answer())[1] for _ in range(4)]
            assert [b'"id":1' in answers[0], b'"id":2' in answers[1]] == [True, True]
            assert answers[2] == b'{"status":"ok"}'
            assert b'"id":3' in answers[3]

    on_stage(tmp_path, monkeypatch, scenario)


def test_a_call_that_comes_in_pieces_is_answered_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            whole = call("pieces")
            for piece in (whole[:20], whole[20:-5], whole[-5:]):
                line.writer.write(piece)
                await line.writer.drain()
                await asyncio.sleep(0.01)  # so that they are not put together on the way
            assert b"pieces" in (await line.answer())[1]
            assert b"again" in (await line.ask(call("again")))[1]
            assert stage.answered == [1]

    on_stage(tmp_path, monkeypatch, scenario)


@pytest.mark.parametrize("behind", [b"", b"\r\n", b"GET /health HTTP/1.1\r\n"])
def test_a_client_that_goes_away_leaves_a_call_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: bytes
) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held, stage.line() as line:
            line.writer.write(holding(held))
            await held.arrived()
            line.writer.write(behind)
            line.writer.close()
            await until_recorded(stage)
        assert await stage.outcomes() == ["in_doubt"]

    on_stage(tmp_path, monkeypatch, scenario)


def test_a_client_of_the_handshake_era_that_goes_away_leaves_its_call_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, connection_lost = asyncio.Event(), Quick.connection_lost

    def noted(connection: Quick, error: Exception | None) -> None:
        connection_lost(connection, error)
        lost.set()

    async def scenario(stage: Stage) -> None:
        async with gate() as held, stage.line() as line:
            line.writer.write(posted(request("initialize", INITIALIZE)))
            greeted = await line.reader.readuntil(b"\r\n0\r\n\r\n")
            (session,) = re.findall(rb"mcp-session-id: (\S+)", greeted)
            line.writer.write(posted(INITIALIZED, session))
            assert b" 202 " in await line.reader.readuntil(b"\r\n\r\n")
            monkeypatch.setattr(Quick, "connection_lost", noted)
            params = {"name": "desk__hold", "arguments": {"port": held.port}}
            line.writer.write(posted(request("tools/call", params, number=7), session))
            await held.arrived()
            line.writer.close()
            await lost.wait()
            held.open.set()
            await until_recorded(stage)
        assert stage.answered == [7]
        assert await stage.outcomes() == ["answered"]

    on_stage(tmp_path, monkeypatch, scenario)


def posted(message: Any, session: bytes | None = None) -> bytes:
    """By a client of the handshake era."""
    said = None if session is None else session.decode()
    modern: Any = {"Mcp_Method": None, "Mcp_Name": None}  # whose they are
    version = None if session is None else LEGACY
    return raw(body=dumped(message), MCP_Protocol_Version=version, Mcp_Session_Id=said, **modern)


async def until_recorded(stage: Stage) -> None:
    """What became of the only call."""
    while not await stage.outcomes():  # noqa: ASYNC110 - nobody says that it was recorded
        await asyncio.sleep(0.01)


def test_who_is_told_to_end_answers_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[tuple[bytes, bytes]] = []
    waiting: list[asyncio.Task[None]] = []
    told, shutdown = asyncio.Event(), Quick.shutdown

    def noted(connection: Quick) -> None:
        shutdown(connection)
        told.set()

    monkeypatch.setattr(Quick, "shutdown", noted)

    async def scenario(stage: Stage) -> None:
        arrived = asyncio.Event()

        async def ask() -> None:
            async with gate() as held, stage.line() as line:
                line.writer.write(holding(held))
                await held.arrived()
                arrived.set()
                await told.wait()
                held.open.set()
                answers.append(await line.answer())
                assert await line.reader.read() == b""

        waiting.append(asyncio.ensure_future(ask()))
        await arrived.wait()

    on_stage(tmp_path, monkeypatch, scenario)
    ((head, body),) = answers
    assert b"\r\nconnection: close\r\n" in head
    assert b'"id":1' in body
    assert waiting[0].done()


def test_who_waits_when_the_grace_is_over_is_told_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[tuple[bytes, bytes]] = []
    waiting: list[asyncio.Task[None]] = []

    async def scenario(stage: Stage) -> None:
        arrived = asyncio.Event()

        async def ask() -> None:
            async with gate() as held, stage.line() as line:
                line.writer.write(holding(held))
                await held.arrived()
                arrived.set()
                answers.append(await line.answer())

        waiting.append(asyncio.ensure_future(ask()))
        await arrived.wait()

    on_stage(tmp_path, monkeypatch, scenario, grace=0.2)
    assert b"The gateway ended before the answer came" in answers[0][1]


def test_a_connection_that_rests_is_closed_in_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "KEEP_ALIVE", 1000.0)
    made = connections(monkeypatch)

    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            await line.ask(call("still here"))
            (connection,) = made
            due = connection.timeout_keep_alive_task
            assert due is not None
            assert 0 < due.when() - asyncio.get_running_loop().time() <= 1000
            connection.timeout_keep_alive_handler()  # it is due, and a call was answered meanwhile: there is time left
            assert b"and here" in (await line.ask(call("and here")))[1]
            connection.timeout_keep_alive = 0
            connection.timeout_keep_alive_handler()  # now there is none
            assert await line.reader.read() == b""

    on_stage(tmp_path, monkeypatch, scenario)


@pytest.mark.parametrize("refused", ["POST /nothing", "DELETE /health", "GET /ready"])
def test_a_body_that_comes_late_is_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    hidden = call("smuggled")

    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            line.writer.write(
                f"{refused} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(hidden)}\r\n\r\n".encode()
            )
            await line.answer()  # before its body came
            line.writer.write(hidden)
            await asyncio.sleep(0.05)  # so that it comes alone
            health = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            assert (await line.ask(health))[1] == b'{"status":"ok"}'
        assert stage.answered == []
        assert await stage.parts.store.run_rows() == []

    on_stage(tmp_path, monkeypatch, scenario)


def test_the_value_of_a_header_is_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    health = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"

    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            await line.ask(health + b"\r\n" + health + b"X-A: ")
            assert b"smuggled" not in (await line.ask(call("smuggled")))[1]
        assert stage.answered == []

    on_stage(tmp_path, monkeypatch, scenario)


def test_who_does_not_read_his_answers_gets_no_more_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = connections(monkeypatch)

    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            await line.ask(call("a", 1))
            (connection,) = made
            connection.pause_writing()  # as the transport does it when more waits than it wants to hold
            line.writer.write(call("b", 2))
            await asyncio.sleep(0.1)
            assert stage.answered == [1]
            connection.resume_writing()
            assert b'"id":2' in (await line.answer())[1]

    on_stage(tmp_path, monkeypatch, scenario)


def test_the_version_decides_which_status_an_error_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.line() as line:
            name = "x" * 600
            body = dumped(request("tools/call", {"name": name, "arguments": {}}, era="modern"))
            head, said = await line.ask(raw(body=body, Mcp_Name=name))
            assert head.startswith(b"HTTP/1.1 400 ")
            assert b"A name has at most" in said
            assert FIELDS["Mcp-Name"] != name

    on_stage(tmp_path, monkeypatch, scenario)
