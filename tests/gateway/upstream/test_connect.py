"""Which era a server is taken for; and whose an error is that names no request."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import InDoubt, Refused, Unsent
from gateway.upstream.connect import negotiate
from gateway.upstream.outcomes import transport_error
from gateway.upstream.spec import Era, Http, ServerSpec

UNREACHABLE = MCPError.from_error_data(transport_error("unsent", "refused"))
REFUSED = MCPError.from_error_data(transport_error("refused", "log in", code=401))
SLOW = MCPError(-32001, "Request 'server/discover' timed out")
UNSUPPORTED = MCPError(-32022, "Unsupported protocol version")


class Session:
    """Only the two handshakes, each with a script of what happens, one step for each attempt."""

    def __init__(self, discover: list[Exception | None], initialize: list[Exception | None]) -> None:
        self.scripts = {"discover": discover, "initialize": initialize}
        self.done: list[str] = []

    async def _play(self, name: str) -> None:
        self.done.append(name)
        step = self.scripts[name].pop(0)
        if isinstance(step, TimeoutError):
            await asyncio.sleep(3600)
        if step:
            raise step

    async def discover(self) -> None:
        await self._play("discover")

    async def initialize(self) -> None:
        await self._play("initialize")


@pytest.mark.parametrize(
    ("era", "discover", "initialize", "done"),
    [
        ("legacy", [], [None], ["initialize"]),
        ("modern", [None], [], ["discover"]),
        ("modern", [SLOW, SLOW, None], [], ["discover", "discover", "discover"]),
        ("auto", [None], [], ["discover"]),
        ("auto", [MCPError(-32601, "Method not found")], [None], ["discover", "initialize"]),
        ("auto", [MCPError(-32000, "Bad Request")], [None], ["discover", "initialize"]),
        ("auto", [RuntimeError("no mutual version")], [None], ["discover", "initialize"]),
        ("auto", [TimeoutError()], [None], ["discover", "initialize"]),
        ("auto", [TimeoutError(), None], [UNSUPPORTED], ["discover", "initialize", "discover"]),
        ("auto", [TimeoutError(), SLOW, None], [UNSUPPORTED], ["discover", "initialize", "discover", "discover"]),
    ],
)
def test_what_is_not_a_modern_answer_is_taken_for_a_legacy_server(
    era: Era, discover: list[Any], initialize: list[Any], done: list[str]
) -> None:
    session: Any = Session(discover, initialize)
    asyncio.run(negotiate(session, era, 0.01))
    assert session.done == done


@pytest.mark.parametrize(
    ("discover", "initialize", "done"),
    [
        ([UNREACHABLE], [], ["discover"]),  # nobody there: no verdict on the era
        ([MCPError(-32601, "no")], [MCPError(-32603, "broken")], ["discover", "initialize"]),
    ],
)
def test_a_handshake_that_fails_is_not_papered_over(
    discover: list[Any], initialize: list[Any], done: list[str]
) -> None:
    session: Any = Session(discover, initialize)
    with pytest.raises(MCPError):
        asyncio.run(negotiate(session, "auto", 10))
    assert session.done == done


@pytest.mark.parametrize("code", [-32600, -32022])
def test_who_is_turned_away_is_told_that_and_not_what_came_of_the_older_era(code: int) -> None:
    session: Any = Session([REFUSED, REFUSED], [MCPError(code, "no such version")])
    with pytest.raises(MCPError, match="log in"):
        asyncio.run(negotiate(session, "auto", 10))


def test_a_server_of_the_older_era_may_turn_away_only_who_asks_for_the_other() -> None:
    session: Any = Session([REFUSED], [None])
    asyncio.run(negotiate(session, "auto", 10))
    assert session.done == ["discover", "initialize"]


PATIENCE = 60.0
PARSE_ERROR = Refused(-32700, "Parse error", [0])


@pytest.mark.parametrize("named", [{"id": None}, {}], ids=["null", "missing"])
def test_an_error_without_an_id_ends_the_only_call_that_is_under_way(
    named: dict[str, Any], hostile: Any, upstreams: Any, call: Any
) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), upstreams(hostile("late")) as up:
            for _ in range(2):
                outcome = await up.forward(call("late/act", {"nameless": named}), timeout=2 * PATIENCE, meta={})
                assert outcome == PARSE_ERROR

    asyncio.run(scenario())


def test_of_two_calls_the_wrong_one_never_gets_it_and_the_other_one_does_when_that_is_clear(
    hostile: Any, upstreams: Any, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), upstreams(hostile("late")) as up:

            async def act(**arguments: Any) -> Any:
                return await up.forward(call("late/act", arguments), timeout=2 * PATIENCE, meta={})

            async def held() -> str:
                return str((await act(none=True)).result["content"][0]["text"])

            holding = asyncio.ensure_future(act(hold=True))
            while await held() != "1 held":
                pass
            nameless = asyncio.ensure_future(act(nameless={"id": None}))
            assert await held() == "1 held"  # what came before is heard by now
            assert not holding.done()
            assert not nameless.done()
            await act(release=True)
            assert (await holding).result["content"] == [{"type": "text", "text": "late"}]
            assert await nameless == Refused(-32700, "Parse error", [1])

    with caplog.at_level(logging.WARNING, "toolgate.upstream"):
        asyncio.run(scenario())
    assert [one for one in caplog.messages if "no id" in one] == [
        "server late says in an error (-32700) no id, and it may be about several requests, or none: nobody gets it"
    ]


def test_while_a_call_that_was_given_up_may_be_meant_the_next_one_is_not(
    hostile: Any, upstreams: Any, call: Any, given_up: Any
) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), upstreams(hostile("late")) as up:
            await given_up(up, call("late/act", {"hold": True}))
            outcome = await up.forward(call("late/act", {"nameless": {}}), timeout=0.5, meta={})
            assert isinstance(outcome, InDoubt)

    asyncio.run(scenario())


HELLO = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "held", "version": "1"}}
LISTED = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("a", "b")]}


class Held:
    """HTTP+SSE. The POST of a call is answered when a test says so, and nothing else comes of it."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}  # of the calls that have come, by their tool
        self._posts: dict[str, asyncio.StreamWriter] = {}
        self._stream: asyncio.StreamWriter
        self._more = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET"):
                    self._stream = writer
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
                    writer.write(b"event: endpoint\ndata: /post\n\n")
                else:
                    size = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
                    self._hear(json.loads(await reader.readexactly(int(size))), writer)
        except asyncio.IncompleteReadError:
            writer.close()

    def _hear(self, message: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if message.get("method") == "tools/call":
            name = message["params"]["name"]
            self.ids[name], self._posts[name] = message["id"], writer
            self._more.set()
            return
        answered(writer, 202)
        results = {"initialize": HELLO, "tools/list": LISTED}
        if "id" in message:
            self.say(id=message["id"], result=results.get(message["method"], {}))

    def say(self, **more: Any) -> None:
        self._stream.write(b"event: message\ndata: %s\n\n" % json.dumps({"jsonrpc": "2.0", **more}).encode())

    def settle(self, name: str, status: int) -> None:
        answered(self._posts[name], status)

    async def came(self, *names: str) -> None:
        while set(self.ids) < set(names):
            self._more.clear()
            await self._more.wait()


def answered(writer: asyncio.StreamWriter, status: int) -> None:
    writer.write(b"HTTP/1.1 %d Any\r\ncontent-length: 0\r\n\r\n" % status)


@asynccontextmanager
async def held() -> AsyncIterator[tuple[Held, ServerSpec]]:
    made = Held()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield made, ServerSpec("held", Http(f"http://127.0.0.1:{port}/sse", sse=True), era="legacy")
    finally:
        server.close()


def test_over_one_stream_a_call_that_is_refused_where_it_was_posted_ends_alone(upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), held() as (server, spec), upstreams(spec) as up:
            first, second = [
                asyncio.ensure_future(up.forward(call(f"held/{name}"), timeout=2 * PATIENCE, meta={})) for name in "ab"
            ]
            await server.came("a", "b")
            server.say(id=None, error={"code": -32700, "message": "Parse error"})
            server.settle("a", 400)
            assert await first == Refused(400, "server `held` answered HTTP 400")
            server.say(id=None, error={"code": -32700, "message": "Parse error"})
            server.say(id=server.ids["b"], result={"content": []})
            assert (await second).result == {"content": []}
            assert up.status()[0].restarts == 0

    asyncio.run(scenario())


def test_over_one_stream_a_call_that_is_given_up_before_it_was_posted_is_unsent(
    upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.upstream.http_sse.MOST", 1)

    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE), held() as (server, spec), upstreams(spec) as up:
            first = asyncio.ensure_future(up.forward(call("held/a"), timeout=2 * PATIENCE, meta={}))
            await server.came("a")
            outcome = await up.forward(call("held/b"), timeout=0.1, meta={})
            assert isinstance(outcome, Unsent)
            server.say(id=server.ids["a"], result={"content": []})
            assert (await first).result == {"content": []}
            assert set(server.ids) == {"a"}

    asyncio.run(scenario())
