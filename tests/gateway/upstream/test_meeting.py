"""A server is met in the era that is remembered of it, and anew where that is not true any more."""

import asyncio
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import Answered, Refused
from gateway.upstream import Eras, Http, ServerSpec, Stdio, Upstreams, meeting
from gateway.upstream.connect import Opening
from gateway.upstream.connection import Link
from gateway.upstream.eras import fingerprint
from gateway.upstream.meeting import lasting, meet
from gateway.upstream.reaping import Reaper

ONE_ERA = """
import json, sys
era, modern = sys.argv[1], "2026-07-28"
said = {"capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
known = {
    "initialize": ("legacy", {"protocolVersion": "2025-11-25"}),
    "server/discover": ("modern", {"supportedVersions": [modern], "ttlMs": 0, "cacheScope": "private"}),
}
for line in sys.stdin:
    asked = json.loads(line)
    of, result = known.get(asked["method"], ("", {}))
    answer = {"result": said | result} if of == era else {"error": {"code": -32601, "message": "no"}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"]} | answer), flush=True)
"""


@pytest.mark.parametrize(("before", "now"), [("modern", "legacy"), ("legacy", "modern")])
def test_a_server_of_another_era_than_was_remembered_is_there_at_its_first_start(
    tmp_path: Path, before: Any, now: str
) -> None:
    file = tmp_path / "eras.json"
    transport = Stdio(sys.executable, ("-S", "-c", ONE_ERA, now))
    mark = fingerprint("s", transport)
    Eras(file).learn(mark, before)  # it was replaced since

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport)}, Eras(file)) as up:
            assert up.catalogue.missing == {}
            assert [(one.state, one.era, one.restarts) for one in up.status()] == [("ready", now, 0)]

    asyncio.run(asyncio.wait_for(connect(), 60))
    assert Eras(file).of(mark) == now


def test_one_that_went_away_without_an_answer_is_not_asked_twice(tmp_path: Path) -> None:
    program = "import pathlib, sys; file = pathlib.Path(sys.argv[1]); file.open('a').write('x'); sys.stdin.readline()"
    starts = tmp_path / "starts"
    transport = Stdio(sys.executable, ("-S", "-c", program, str(starts)))
    eras = Eras()
    eras.learn(fingerprint("s", transport), "legacy")

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport)}, eras) as up:
            assert up.catalogue.missing.keys() == {"s"}
            assert starts.read_text(encoding="utf-8") == "x"

    asyncio.run(asyncio.wait_for(connect(), 60))


def test_a_prescribed_era_is_neither_looked_up_nor_remembered() -> None:
    transport = Stdio(sys.executable, ("-S", "-c", ONE_ERA, "modern"))
    eras, mark = Eras(), fingerprint("s", transport)
    eras.learn(mark, "legacy")

    async def connect() -> None:
        async with Upstreams({"s": ServerSpec("s", transport, era="modern")}, eras) as up:
            assert up.status()[0].era == "modern"

    asyncio.run(asyncio.wait_for(connect(), 60))
    assert eras.of(mark) == "legacy"


INFO: dict[str, Any] = {"capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
COMMON = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
RESULTS: dict[str, dict[str, Any]] = {
    "initialize": {"protocolVersion": "2025-11-25", **INFO},
    "server/discover": {"supportedVersions": ["2026-07-28"], **INFO, **COMMON},
    "tools/list": {"tools": [{"name": "act", "inputSchema": {"type": "object"}}], **COMMON, "ttlMs": 1},
    "tools/call": {"content": [], **COMMON},
}


class Turning(ThreadingHTTPServer):
    """Speaks one era, whichever it is just now. `no` is how it refuses what it does not know, an HTTP status and the
    code of a JSON-RPC error, if it sends one; with `refuses` each call as well. `asked` counts `server/discover`.
    """

    daemon_threads = True
    era = "modern"
    no: tuple[int, int | None] = (404, -32601)
    refuses = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/mcp"

    def knows(self, method: str, version: str | None) -> bool:
        if method == "tools/call" and self.refuses:
            return False
        if self.era == "modern":
            return method != "initialize" and version == "2026-07-28"
        return method != "server/discover" and version != "2026-07-28"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Turning

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Says nothing: stderr belongs to the test."""

    def do_GET(self) -> None:
        self._say(405, None)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method = request.get("method", "")
        if "id" not in request:
            self._say(202, None)
        elif self.server.knows(method, self.headers.get("mcp-protocol-version")):
            self._say(200, {"id": request["id"], "result": RESULTS[method]})
        else:
            status, code = self.server.no
            self._say(status, code and {"id": request["id"], "error": {"code": code, "message": "no"}})
        if method == "server/discover":
            self.server.asked.release()

    def _say(self, status: int, message: Any) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode() if message else b""
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def turning() -> Iterator[Turning]:
    with Turning() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("no", [(404, -32001), (404, -32601), (400, -32000), (400, -32600), (400, None), (200, -32022)])
def test_a_server_that_goes_back_to_the_older_era_is_met_anew(
    turning: Turning, call: Any, until: Any, no: tuple[int, int | None]
) -> None:
    turning.no = no

    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(turning.url))}, Eras()) as up:
            assert up.status()[0].era == "modern"
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Answered)
            turning.era = "legacy"
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Refused)  # what it said of it
            await until(up, lambda: (up.status()[0].state, up.status()[0].era) == ("ready", "legacy"))
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Answered)

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_server_that_only_refuses_a_call_keeps_its_connection(turning: Turning, call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(turning.url))}, Eras()) as up:
            await asyncio.to_thread(turning.asked.acquire)
            turning.refuses = True
            for _ in range(5):
                assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Refused)
            await asyncio.to_thread(turning.asked.acquire)  # it is asked whether it is still of its era
            turning.refuses = False
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Answered)
            assert [(one.state, one.era, one.restarts) for one in up.status()] == [("ready", "modern", 0)]

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_server_that_goes_back_is_noticed_by_its_list_as_well(turning: Turning, until: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(turning.url))}, Eras()) as up:
            turning.era = "legacy"
            while up.status()[0].era == "modern" and up.catalogue.missing == {}:
                await up.freshen("tools/list", lambda _server: True)
                await asyncio.sleep(0.001)  # after which the server's word on its list is over
            await until(up, lambda: (up.status()[0].state, up.status()[0].era) == ("ready", "legacy"))

    asyncio.run(asyncio.wait_for(scenario(), 60))


# ---- what is asked of a connection whose server has refused something


class Asked:
    """The connection of a modern server that says this when it is asked of which era it is. After `most` questions
    nobody wants to know any more.
    """

    def __init__(self, says: Exception | None, most: int = 1) -> None:
        self.link, self.asked = Link(), 0
        self.pool: object | None = self
        self._says, self._most = says, most

    async def ask(self, method: str, params: object, seconds: float) -> None:
        assert method == "server/discover"
        self.asked += 1
        self.pool = self if self.asked < self._most else None
        if self._says is not None:
            raise self._says


def said(code: int) -> MCPError:
    return MCPError(code, "no")


@pytest.mark.parametrize("says", [None, TimeoutError(), said(-32603), said(500), said(401), said(429)])
def test_whatever_else_a_server_says_to_that_or_if_nothing_it_stays(
    monkeypatch: pytest.MonkeyPatch, says: Exception | None
) -> None:
    monkeypatch.setattr(meeting, "SURE", 0.0)
    server: Any = Asked(says)
    server.link.unlike.set()
    asyncio.run(asyncio.wait_for(lasting(server), 60))
    assert (server.asked, server.link.lost) == (1, None)


@pytest.mark.parametrize("says", [said(-32601), said(404), said(types.UNSUPPORTED_PROTOCOL_VERSION)])
def test_who_does_not_know_the_question_has_gone_back(says: Exception) -> None:
    server: Any = Asked(says, most=99)
    server.link.unlike.set()
    asyncio.run(asyncio.wait_for(lasting(server), 60))
    assert (server.asked, server.link.lost) == (1, "it has gone back to the protocol's older era")


def test_a_server_that_refuses_without_end_is_asked_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "SURE", 3600.0)
    server: Any = Asked(None, most=99)

    async def scenario() -> None:
        work = asyncio.create_task(lasting(server))
        for _ in range(100):
            server.link.unlike.set()
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(scenario())
    assert server.asked == 1


def test_what_was_opened_for_an_era_that_is_not_true_any_more_is_closed_before_it_is_met_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[str, str | None]] = []

    async def connect(stack: AsyncExitStack, opening: Opening, link: Link) -> Any:
        seen.append((f"{opening.era} opened", link.lost))
        if opening.era == "auto":
            return SimpleNamespace(modern=False)
        stack.callback(lambda: seen.append(("closed", link.lost)))
        link.lose("it closed its output")
        raise said(-32601)

    monkeypatch.setattr(meeting, "connect", connect)
    opening = Opening("s", Http("http://127.0.0.1:1"), "auto", 1.0, Reaper())
    eras, mark = Eras(), fingerprint("s", opening.transport)
    eras.learn(mark, "modern")

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            await meet(stack, opening, link := Link(), eras)
            assert not link.gone.is_set()

    asyncio.run(scenario())
    assert seen == [("modern opened", None), ("closed", "it closed its output"), ("auto opened", None)]
    assert eras.of(mark) == "legacy"
