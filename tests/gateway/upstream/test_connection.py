"""What a link remembers, and what both lanes put around a call."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.call import Answered, Arguments, InDoubt, Outcome, Subject, Tool, Unsent
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream import connection as module
from gateway.upstream.auth.credentials import Carrier
from gateway.upstream.connection import CLIENT, Connection, Link
from gateway.upstream.streams import Exchange
from gateway.upstream.talk import Talk
from gateway.upstream.wanted import Wanted
from tests.gateway.upstream.test_pool import JSON, Seen, length, served

TEXT = '{"f":1e+16,"n":12345678901234567890,"region":"Zürich"}'


def test_the_first_reason_for_a_loss_stays_and_both_news_wake() -> None:
    link = Link()
    link.doubt()
    assert (link.stale, link.lost, link.wake.is_set()) == ({"tools", "prompts", "resources"}, None, True)
    link.lose("")
    link.lose("later")
    assert link.lost == ""

    async def scenario() -> None:
        assert await link.explain("as it is") == "as it is"

    asyncio.run(scenario())


def test_of_tools_that_are_described_otherwise_each_time_only_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_MAPS", 4)
    nobody: Any = SimpleNamespace(protocol_version="2026-07-28")
    connection = Connection(nobody, nobody, nobody, Link(), nobody)
    region = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    for number in range(20):
        tool = Tool("s", "act", {"inputSchema": region}, f"pin-{number}")
        assert connection.mirrored(tool, Arguments.parse({"region": "eu"})) == {"Mcp-Param-Region": "eu"}
    assert len(connection._header_maps) <= 4  # noqa: SLF001 - nothing else tells what it holds


def test_we_say_who_we_are() -> None:
    assert CLIENT.name == "toolgate"
    assert CLIENT.version


ANN, EVE = Subject("user:ann", "acme"), Subject("user:eve", "acme")
WANTED = Wanted("tools/call", "act", b'"name":"act"')


class Speaking:
    """A connection of the older era, open for Ann, to a server that acts for each user (`apart`). `says` is what comes
    of a request: it has the exchange and the request's id.
    """

    def __init__(self, says: Callable[[Exchange, str], Awaitable[Any]], *, apart: bool = False) -> None:
        self._says = says
        self.sent: list[str] = []
        credentials: Any = SimpleNamespace(per_subject=apart)
        session: Any = SimpleNamespace(protocol_version="2025-11-25", server_capabilities=None)
        dispatcher: Any = self
        carrier, talk = Carrier(credentials, ANN), Talk("s", lambda *_: None, lambda _uri: None)
        self.connection = Connection(session, dispatcher, Exchange(), Link(), talk, carrier=carrier)

    async def send_raw_request(self, method: str, params: Any, options: Any) -> Any:
        self.sent.append(method)
        return await self._says(self.connection.exchange, options["request_id"])


async def answers(_exchange: Exchange, _request_id: str) -> Any:
    return {"content": []}


@pytest.mark.parametrize(
    ("subject", "apart", "kind"),
    [(ANN, True, Answered), (EVE, True, Unsent), (replace(ANN, tenant="other"), True, Unsent), (EVE, False, Answered)],
)
def test_a_call_never_goes_over_a_connection_that_speaks_for_somebody_else(
    subject: Subject, apart: bool, kind: type
) -> None:
    speaking = Speaking(answers, apart=apart)
    outcome = asyncio.run(speaking.connection.forward(replace(WANTED, subject=subject), {}, {}, 60))
    assert isinstance(outcome, kind)
    assert speaking.sent == ([] if kind is Unsent else ["tools/call"])


SHORT = 0.01  # seconds for an answer that never comes


def given_up(says: Callable[[Exchange, str], Awaitable[Any]]) -> tuple[Outcome, bool, float]:
    """The outcome of such a request, and what the link knows then: whether somebody is to be asked, and how long
    nothing was heard.
    """
    speaking = Speaking(says)
    outcome, link = asyncio.run(speaking.connection.forward(WANTED, {}, {}, SHORT)), speaking.connection.link
    return outcome, link.unheard.is_set(), link.silent


def left(exchange: Exchange, request_id: str) -> None:
    exchange.started.add(request_id)
    exchange.unanswered[request_id] = exchange.heard


def test_a_request_that_was_never_read_says_that_nobody_may_be_there() -> None:
    async def is_not_read(_exchange: Exchange, _request_id: str) -> None:
        await asyncio.Event().wait()

    assert given_up(is_not_read) == (Unsent("no answer within 0.01 s"), True, SHORT)


def test_a_request_that_was_never_read_says_nothing_of_a_server_that_spoke_meanwhile() -> None:
    """It may be at another one, which it answers."""

    async def speaks(exchange: Exchange, _request_id: str) -> None:
        exchange.hear()
        await asyncio.Event().wait()

    assert given_up(speaks) == (Unsent("no answer within 0.01 s"), False, 0.0)


def test_a_request_since_which_nothing_was_heard_says_so_too() -> None:
    async def is_silent(exchange: Exchange, request_id: str) -> None:
        left(exchange, request_id)
        await asyncio.Event().wait()

    assert given_up(is_silent) == (InDoubt("no answer within 0.01 s"), True, SHORT)


def test_of_a_server_that_spoke_meanwhile_nobody_asks_whether_it_is_there() -> None:
    async def speaks(exchange: Exchange, request_id: str) -> None:
        left(exchange, request_id)
        exchange.hear()
        await asyncio.Event().wait()

    assert given_up(speaks) == (InDoubt("no answer within 0.01 s"), False, 0.0)


@pytest.fixture
def mirror() -> Iterator[str]:
    """The URL of a server that answers with what it was sent."""
    path = Path(__file__).parents[2] / "fixtures" / "mirror_http.py"
    process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


def mirrored(url: str, era: Any, call: Any, text_of: Any) -> tuple[dict[str, str], str]:
    """The headers, in lower case, and the body of a call."""

    async def scenario() -> Any:
        async with Upstreams({"s": ServerSpec("s", Http(url, {"X-Team": "a"}), era=era)}) as up:
            return await up.forward(call("s/act", TEXT), timeout=30, meta={"traceparent": "00-1", "own": None})

    headers, body = text_of(asyncio.run(scenario()))
    return {name.lower(): value for name, value in headers.items()}, body


def test_a_modern_call_carries_its_envelope_its_headers_and_the_exact_arguments(
    mirror: str, call: Any, text_of: Any
) -> None:
    headers, body = mirrored(mirror, "modern", call, text_of)
    expected = {"mcp-method": "tools/call", "mcp-name": "act", "mcp-protocol-version": "2026-07-28", "x-team": "a"}
    assert expected.items() <= headers.items()
    assert headers["mcp-param-region"] == "=?base64?WsO8cmljaA==?="
    assert "mcp-param-n" not in headers
    assert f'"arguments":{TEXT},' in body
    assert '"traceparent":"00-1","own":null,' in body
    assert '"io.modelcontextprotocol/clientCapabilities":{}' in body


def test_a_legacy_call_over_http_carries_the_exact_arguments_and_no_envelope(
    mirror: str, call: Any, text_of: Any
) -> None:
    headers, body = mirrored(mirror, "legacy", call, text_of)
    assert {"mcp-protocol-version": "2025-11-25", "x-team": "a"}.items() <= headers.items()
    assert not [name for name in headers if name.startswith(("mcp-method", "mcp-param"))]
    assert f'"arguments":{TEXT},"_meta":{{"traceparent":"00-1","own":null}}' in body


def test_a_call_to_a_modern_server_that_is_gone_was_not_sent(start_http: Any, call: Any) -> None:
    async def scenario() -> None:
        url, process = await asyncio.to_thread(start_http, "http", "modern")
        async with Upstreams({"echo": ServerSpec("echo", Http(url))}) as up:
            assert isinstance(await up.forward(call("echo/count"), timeout=30, meta={}), Answered)
            process.kill()
            process.communicate()
            assert isinstance(await up.forward(call("echo/count"), timeout=0.3, meta={}), Unsent)

    asyncio.run(scenario())


def test_what_is_heard_on_the_fast_lane_is_known_to_the_connection(mirror: str, call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(mirror), era="modern")}) as up:
            connection = up._servers["s"].connection  # noqa: SLF001 - whom the pulse asks
            assert connection is not None
            before = connection.said()
            assert isinstance(await up.forward(call("s/act"), timeout=30, meta={}), Answered)
            assert connection.said() != before

    asyncio.run(scenario())


async def holds_calls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """A modern server that answers everything but calls."""
    common = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    results: dict[str, dict[str, Any]] = {
        "server/discover": {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}},
        "tools/list": {"tools": [{"name": "act", "inputSchema": {"type": "object"}}]},
    }
    while True:
        await seen.request(reader)
        message = json.loads(seen.requests[-1].partition(b"\r\n\r\n")[2])
        found = results.get(message["method"])
        if found is None:
            await reader.read()  # until nobody waits for it any more
            return
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {**found, **common}}).encode()
        writer.write(JSON + length(body))


def test_who_finds_no_free_connection_does_not_lose_those_of_the_others(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.upstream.pool.MAX_CONNECTIONS", 1)

    async def scenario() -> None:
        async with served(holds_calls) as (url, seen), Upstreams({"s": ServerSpec("s", Http(url), era="modern")}) as up:
            seen.arrived.clear()
            first = asyncio.ensure_future(up.forward(call("s/act"), timeout=30, meta={}))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            assert isinstance(await up.forward(call("s/act"), timeout=0.01, meta={}), Unsent)
            connection = up._servers["s"].connection  # noqa: SLF001 - nobody tells
            assert connection is not None
            assert connection.link.lost is None
            assert not first.done()
            first.cancel()

    asyncio.run(scenario())
