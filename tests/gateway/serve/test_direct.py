"""A plain call without the SDK's application: the same answer and gates, and nothing that the SDK would refuse."""

import asyncio
import contextlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from gateway.budget import Limits
from gateway.call import Answered, Subject
from gateway.caller import NOBODY
from gateway.errors import StoreError
from gateway.events import Returned
from gateway.serve.application import application
from gateway.serve.asgi import App as AsgiApp
from gateway.serve.asgi import dumped
from gateway.serve.asking import Asker
from gateway.serve.direct import WATCH_AFTER, Direct, Plain
from gateway.serve.door import Door
from gateway.serve.edge import Edge
from gateway.serve.origins import Origins
from gateway.serve.sessions import IDLE_SECONDS
from gateway.serve.underway import CANCELLED, ENDED, Underway
from tests.fixtures.asgi import PATIENCE, Answer, Forbidden, Peer, Through, ask, talk
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import ECHO, FIXTURES, INITIALIZE, INITIALIZED, LEGACY, MODERN, WAITING, request

eras = pytest.mark.parametrize("era", ["modern", "legacy"])
Headers = Sequence[tuple[bytes, bytes]]

POLICY = (
    "p, *, *, */*, call, , allow, whatever it is",
    "p, *, *, echo/env, call, , deny, the environment is private",
    "p, *, *, echo/count, call, , ask, somebody looks at it",
)
COMMON = {
    b"host": b"127.0.0.1:80",
    b"content-type": b"application/json",
    b"accept": b"application/json, text/event-stream",
}
CALL = {"name": "echo__echo", "arguments": {"text": "né ☃"}}


@dataclass
class Desk:
    """One gateway and its two ways: `direct`, as it is served, and `sdk`, without the direct path."""

    app: App
    inner: Through
    direct: AsgiApp
    sdk: AsgiApp
    sessions: dict[str, str] = field(default_factory=dict)

    async def handshake(self, params: Any = INITIALIZE) -> str:
        """A session, introduced, of which the SDK was told, as it is of each that needs it."""
        opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        session = (await ask(self.direct, list(COMMON.items()), dumped(opening))).headers["mcp-session-id"]
        await self.post(INITIALIZED, headers("legacy", session=session))
        await self.post(request("prompts/list"), headers("legacy", session=session))
        self.inner.count = 0
        return session

    async def era(self, era: str) -> dict[bytes, bytes]:
        """What a client of that era says with each call of `echo__echo`."""
        return headers(era, session=await self.handshake() if era == "legacy" else "")

    async def post(self, message: Any, given: Mapping[bytes, bytes] | Headers, **more: Any) -> Answer:
        pairs = list(given.items()) if isinstance(given, Mapping) else given
        return await ask(self.direct, pairs, dumped(message), **more)


def headers(era: str, name: str = "echo__echo", session: str = "") -> dict[bytes, bytes]:
    if era == "legacy":
        return COMMON | {b"mcp-session-id": session.encode(), b"mcp-protocol-version": LEGACY.encode()}
    routing = {b"mcp-protocol-version": MODERN.encode(), b"mcp-method": b"tools/call", b"mcp-name": name.encode()}
    return COMMON | routing


@contextlib.asynccontextmanager
async def desk(folder: Path, limits: Limits, more: Mapping[str, Any]) -> AsyncIterator[Desk]:
    servers = {"echo": ECHO, "x": WAITING, **more}
    setup = Setup(folder, {name: spec(name, entry) for name, entry in servers.items()}, limits=limits)
    setup.write_policy(*POLICY)
    async with opened(setup, http=True) as parts:
        entry = replace(setup.entry, origins=Origins(hosts=("127.0.0.1:*", "gate.test")))
        inner: Any = application(parts.server, entry.max_body)
        through = Through(inner)
        direct = Direct(through, parts.front, parts.server.server_info_stamp)
        async with inner.router.lifespan_context(inner):
            yield Desk(parts, through, Edge(direct, Door(entry)), Edge(inner, Door(entry)))


def at_desk(
    folder: Path,
    scenario: Callable[[Desk], Awaitable[None]],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    more: Mapping[str, Any] | None = None,
) -> None:
    async def work() -> None:
        async with desk(folder, limits, more or {}) as made:
            await scenario(made)

    asyncio.run(work())


def normal(answer: Answer) -> Any:
    """Status and message, without what differs from call to call."""
    text = json.dumps(answer.message, sort_keys=True)
    return answer.status, json.loads(re.sub(r"A-[0-9a-f]{32}", "A-id", text))


# ---- the same answer, from the same gates


CALLS: Mapping[str, tuple[str, Mapping[str, Any] | None]] = {
    "an answer": ("echo__add", {"a": 1, "b": 2.5}),
    "a path for a name": ("echo/add", {"a": 1, "b": 2}),
    "an answer with everything": ("echo__rich", {}),
    "no arguments": ("echo__rich", None),
    "a tool's own error": ("echo__fail", {}),
    "arguments that do not fit": ("echo__add", {"a": "x"}),
    "denied by the policy": ("echo__env", {}),
    "held for a person": ("echo__count", {}),
    "held again": ("echo__count", {}),
    "a tool that is not there": ("echo__ech", {}),
    "a server that is not there": ("nobody__echo", {}),
    "a name that is too long": ("x" * 513, {}),
    "no name": ("", {}),
    "an error of the server": ("x__refuse", {"code": 7, "message": "no", "data": {"a": None}}),
    "a method that is not there": ("x__refuse", {"code": types.METHOD_NOT_FOUND, "message": "né ☃"}),
    "wrong parameters": ("x__refuse", {"code": types.INVALID_PARAMS, "message": "no"}),
    "an error of the hop": ("x__refuse", {"code": types.HEADER_MISMATCH, "message": "no"}),
    "a big number": ("echo__echo", {"text": "x", "n": 12345678901234567890, "f": 1e-7, "null": None}),
}


async def told(made: Desk, way: AsgiApp, era: str) -> dict[str, Any]:
    session = await made.handshake() if era == "legacy" else ""
    told = {}
    for number, (case, (name, arguments)) in enumerate(CALLS.items()):
        params = {"name": name} | ({} if arguments is None else {"arguments": arguments})
        message = dumped(request("tools/call", params, era, number))
        told[case] = normal(await ask(way, list(headers(era, name, session).items()), message))
    return told


@eras
def test_both_ways_say_the_same_to_the_same_calls(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        direct = await told(made, made.direct, era)
        assert made.inner.count == 0
        assert direct == await told(made, made.sdk, era)
        statuses = {case: status for case, (status, _) in direct.items() if status != 200}
        wrong = {"a name that is too long": 400, "wrong parameters": 400, "a method that is not there": 404}
        assert statuses == (wrong if era == "modern" else {})

    at_desk(tmp_path, scenario)


@eras
def test_both_ways_take_from_the_same_budget(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        given, answers = list((await made.era(era)).items()), []
        for number, way in enumerate((made.direct, made.sdk, made.direct, made.sdk)):
            answers.append(await ask(way, given, dumped(request("tools/call", CALL, era, number))))
        assert [answer.message["result"].get("isError", False) for answer in answers] == [False, False, True, True]
        assert answers[2].message["result"] == answers[3].message["result"]
        assert len(await made.app.store.run_rows()) == 1

    at_desk(tmp_path, scenario, Limits(tool_calls=2))


@eras
def test_both_ways_leave_the_same_record(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        given = list((await made.era(era)).items())
        for way in (made.direct, made.sdk):
            await ask(way, given, dumped(request("tools/call", CALL, era)))
        (row,) = await made.app.store.run_rows()
        assert row.title == "wire"
        events = [recorded.to_json() for recorded in await made.app.store.events(row.id)][2:]
        kept = [{k: v for k, v in event.items() if k not in ("seq", "at", "key")} for event in events]
        assert len(kept) == 4
        assert kept[:2] == kept[2:]

    at_desk(tmp_path, scenario)


@eras
def test_the_sdk_is_not_even_asked(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        given = list((await made.era(era)).items())
        direct: Any = made.direct
        direct._app._app = Forbidden  # noqa: SLF001
        answer = await ask(made.direct, given, dumped(request("tools/call", CALL, era)))
        assert answer.message["result"]["content"] == [{"type": "text", "text": "né ☃"}]
        assert answer.headers["content-length"] == str(len(answer.body))

    at_desk(tmp_path, scenario)


# ---- whatever is out of the ordinary is the SDK's


def without(name: bytes) -> Callable[[dict[bytes, bytes]], Headers]:
    return lambda given: [pair for pair in given.items() if pair[0] != name]


def having(name: bytes, value: bytes) -> Callable[[dict[bytes, bytes]], Headers]:
    return lambda given: list((given | {name: value}).items())


def twice(name: bytes, value: bytes) -> Callable[[dict[bytes, bytes]], Headers]:
    return lambda given: [*given.items(), (name, value)]


# Hosts and origins are the door's affair: `test_door`, `test_origins`.
ODD_HEADERS: Mapping[str, Callable[[dict[bytes, bytes]], Headers]] = {
    "an accept twice": twice(b"accept", b"*/*"),
    "accepts only JSON": having(b"accept", b"application/json"),
    "accepts only events": having(b"accept", b"text/event-stream"),
    "accepts something like it": having(b"accept", b"application/jsonx, text/event-stream"),
    "accepts anything": having(b"accept", b"*/*"),
    "no accept": without(b"accept"),
    "a charset": having(b"content-type", b"application/json; charset=utf-8"),
    "another content type": having(b"content-type", b"text/plain"),
    "no content type": without(b"content-type"),
    "a parameter in a header": having(b"mcp-param-region", b"eu"),
    "no version": without(b"mcp-protocol-version"),
    "an unknown version": having(b"mcp-protocol-version", b"2099-01-01"),
    "a version twice": twice(b"mcp-protocol-version", MODERN.encode()),
    "the other era's version": lambda given: list(
        (given | {b"mcp-protocol-version": (LEGACY if b"mcp-method" in given else MODERN).encode()}).items()
    ),
}


@eras
def test_headers_out_of_the_ordinary_are_the_sdks_to_judge(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        given, message = await made.era(era), request("tools/call", CALL, era)
        for case, odd in ODD_HEADERS.items():
            await goes_to_the_sdk(made, message, odd(given), case)

    at_desk(tmp_path, scenario)


async def goes_to_the_sdk(made: Desk, message: Any, given: Headers, case: str, before: int = 0) -> Answer:
    """Untouched and whole; and the answer is the SDK's. It is told of the session `before`, in so many requests."""
    made.inner.count = -before
    answer = await made.post(message, given)
    assert (made.inner.count, case) == (1, case)
    assert made.inner.headers == tuple(given)
    assert made.inner.body in (dumped(message), b"")  # it need not read what it refuses
    return answer


def test_a_modern_call_whose_headers_say_something_else_is_refused(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        message, given = request("tools/call", CALL, "modern"), headers("modern")
        for routing in (b"mcp-method", b"mcp-name"):
            others = [having(routing, value) for value in (b"", b"echo__env", b"Tools/Call", b"\xff")]
            for odd in (*others, without(routing), twice(routing, given[routing])):
                answer = await goes_to_the_sdk(made, message, odd(given), str(odd(given)))
                assert (answer.status, answer.code) == (400, types.HEADER_MISMATCH)

    at_desk(tmp_path, scenario)


def test_only_a_session_that_is_open_and_introduced_is_answered_for(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        call = request("tools/call", CALL)

        async def asked(session: str, before: int = 0) -> Answer:
            return await goes_to_the_sdk(made, call, list(headers("legacy", session=session).items()), session, before)

        assert (await asked("nobody's")).status == 404
        opening = await ask(made.direct, list(COMMON.items()), dumped(request("initialize", INITIALIZE)))
        await asked(opening.headers["mcp-session-id"], 1)  # not introduced
        refused = await made.handshake({"capabilities": 5})
        assert (await asked(refused)).status == 404  # it was closed at once
        session = await made.handshake()
        gone = await ask(made.direct, list(headers("legacy", session=session).items()), method="DELETE")
        assert gone.status == 200
        assert (await asked(session)).status == 404

    at_desk(tmp_path, scenario)


def test_of_two_session_headers_the_one_that_the_sdk_reads_counts(tmp_path: Path) -> None:
    """Else the second could keep a session alive for us that the SDK has closed, or close it for us alone."""

    async def scenario(made: Desk) -> None:
        first, second = await made.handshake(), await made.handshake()
        both = [*headers("legacy", session=first).items(), (b"mcp-session-id", second.encode())]
        assert (await ask(made.direct, both, method="DELETE")).status == 200
        await goes_to_the_sdk(made, request("tools/call", CALL), list(headers("legacy", session=first).items()), "")
        made.inner.count = 0
        assert "result" in (await made.post(request("tools/call", CALL), headers("legacy", session=second))).message
        assert made.inner.count == 0

    at_desk(tmp_path, scenario)


def test_what_the_sdk_does_not_take_into_a_session_teaches_nothing_about_it(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        opening = await ask(made.direct, list(COMMON.items()), dumped(request("initialize", INITIALIZE)))
        session = opening.headers["mcp-session-id"].encode()
        modern = headers("modern") | {b"mcp-session-id": session, b"mcp-method": b"notifications/initialized"}
        assert (await made.post(INITIALIZED, modern)).status == 202
        call, legacy = request("tools/call", CALL), headers("legacy", session=session.decode())
        await goes_to_the_sdk(made, call, list(legacy.items()), "a modern notification introduces nobody", 1)
        await made.post(INITIALIZED, legacy)
        await made.post(INITIALIZED, legacy, path="/nothing")  # a 404, but not of the session
        made.inner.count = 0
        await made.post(call, legacy)
        assert made.inner.count == 0

    at_desk(tmp_path, scenario)


@contextlib.contextmanager
def mirror() -> Iterator[Mapping[str, Any]]:
    """A server whose one tool wants an argument in a header."""
    command = [sys.executable, str(FIXTURES / "mirror_http.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield {"url": process.stdout.readline().strip()}
        finally:
            process.kill()


def test_a_tool_that_wants_an_argument_in_a_header_is_the_sdks(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        message = request("tools/call", {"name": "mirror__act", "arguments": {"region": "eu"}}, "modern")
        answer = await goes_to_the_sdk(made, message, list(headers("modern", "mirror__act").items()), "")
        assert (answer.status, answer.code) == (400, types.HEADER_MISMATCH)

    with mirror() as server:
        at_desk(tmp_path, scenario, more={"mirror": server})


# ---- nothing that the SDK would refuse


VALUES: Sequence[Any] = (None, True, False, 0, 1, -1, 1.5, 10**39, "", "x", "1", [], [1], {}, {"a": 1})
OWN = "io.modelcontextprotocol/"
KEYS = (f"{OWN}clientInfo", f"{OWN}clientCapabilities", f"{OWN}protocolVersion", f"{OWN}logLevel", f"{OWN}other")
INFOS = ({"name": "x"}, {"name": 5, "version": "1"}, {"name": "x", "version": "1", "icons": 5})


def mutants(era: str) -> Iterator[dict[str, Any]]:
    """Calls that are right but for one value."""
    for value in VALUES:
        for key in ("id", "jsonrpc", "method", "params", "result", "error", "extra"):
            yield request("tools/call", CALL, era) | {key: value}
            yield request("tools/call", CALL, era) | {"id": value, "error": {"code": 1, "message": "x"}}
        for key in ("name", "arguments", "_meta", "task", "inputResponses", "requestState", "extra"):
            message = request("tools/call", CALL, era)
            yield message | {"params": message["params"] | {key: value}}
    for key, value in [(key, value) for key in (*KEYS, "progressToken", "other", "traceparent") for value in VALUES]:
        yield request("tools/call", CALL | {"_meta": {key: value}}, era)
    for info in INFOS:
        yield request("tools/call", CALL | {"_meta": {f"{OWN}clientInfo": info}}, era)
    for key in ("jsonrpc", "id", "params"):
        yield {name: value for name, value in request("tools/call", CALL, era).items() if name != key}


@eras
def test_what_goes_directly_would_have_gone_through_the_sdk_with_the_same_answer(tmp_path: Path, era: str) -> None:
    async def scenario(made: Desk) -> None:
        given = await made.era(era)
        direct = 0
        for message in mutants(era):
            made.inner.count = 0
            one = normal(await made.post(message, given))
            direct += not made.inner.count
            assert one == normal(await ask(made.sdk, list(given.items()), dumped(message))), message
        assert direct > 20

    at_desk(tmp_path, scenario)


# ---- clients that go away


class Slow:
    """A server that does not answer until it `may`, and takes its time when nobody wants to know any more."""

    def __init__(self, made: Desk) -> None:
        self.sent, self.recorded, self.may, self.steps = asyncio.Event(), asyncio.Event(), asyncio.Event(), 0
        self._append = made.app.store.append
        made.app.upstreams.forward = self._forward  # type: ignore[method-assign]
        made.app.store.append = self._written  # type: ignore[method-assign]

    async def _forward(self, *_: Any, **__: Any) -> Any:
        self.sent.set()
        try:
            await self.may.wait()
            return Answered({"content": [], "isError": False})
        except asyncio.CancelledError:
            for _step in range(3):
                await asyncio.sleep(0)  # where a second cancellation would hit
                self.steps += 1
            raise

    async def _written(self, run_id: str, events: Any, **more: Any) -> int:
        seq = await self._append(run_id, events, **more)
        if any(isinstance(event, Returned) for event in events):
            self.recorded.set()
        return seq


async def outcomes(made: Desk) -> list[str]:
    rows = await made.app.store.run_rows()
    events = [recorded.event for row in rows for recorded in await made.app.store.events(row.id)]
    return [event.outcome["kind"] for event in events if isinstance(event, Returned)]


def test_a_modern_client_that_goes_away_cancels_its_call_once_and_leaves_a_doubt(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        given, slow = await made.era("modern"), Slow(made)
        peer = Peer(dumped(request("tools/call", CALL, "modern")))
        calling = asyncio.create_task(talk(made.direct, peer, list(given.items())))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            peer.go()
            await calling
        assert made.inner.count == 0
        assert (slow.steps, await outcomes(made)) == (3, ["in_doubt"])
        assert peer.answer.message["error"] == CANCELLED

    at_desk(tmp_path, scenario)


lanes = pytest.mark.parametrize("meta", [{}, {"progressToken": 1}], ids=["directly", "by the SDK"])


@lanes
def test_a_client_of_the_handshake_era_that_goes_away_leaves_its_call_to_its_end(
    tmp_path: Path, meta: dict[str, Any]
) -> None:
    async def scenario(made: Desk) -> None:
        given, slow = await made.era("legacy"), Slow(made)
        peer = Peer(dumped(request("tools/call", {**CALL, "_meta": meta}, "legacy")))
        calling = asyncio.create_task(talk(made.direct, peer, list(given.items())))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            peer.go()
            await asyncio.sleep(2 * WATCH_AFTER)  # by then it is noticed
            slow.may.set()
            await slow.recorded.wait()
            await calling
        assert made.inner.count == bool(meta)
        assert (slow.steps, await outcomes(made)) == (0, ["answered"])

    at_desk(tmp_path, scenario)


def test_a_call_whose_client_is_gone_ends_with_its_session(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        given, slow = await made.era("legacy"), Slow(made)
        peer = Peer(dumped(request("tools/call", CALL, "legacy")))
        calling = asyncio.create_task(talk(made.direct, peer, list(given.items())))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            peer.go()
            await asyncio.sleep(2 * WATCH_AFTER)
            assert (await ask(made.direct, list(given.items()), method="DELETE")).status == 200
            await calling
        assert await outcomes(made) == ["in_doubt"]

    at_desk(tmp_path, scenario)


@lanes
def test_a_call_that_is_cancelled_is_answered_in_one_way(tmp_path: Path, meta: dict[str, Any]) -> None:
    async def scenario(made: Desk) -> None:
        given, slow = await made.era("legacy"), Slow(made)
        calling = asyncio.create_task(made.post(request("tools/call", {**CALL, "_meta": meta}, "legacy", 1), given))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            assert (await made.post(note, given)).status == 202
            assert (await calling).message["error"] == {"code": -32800, "message": "Request cancelled"}

    at_desk(tmp_path, scenario)


@eras
@lanes
def test_who_waits_when_the_gateway_ends_is_told_in_one_way_that_nobody_knows(
    tmp_path: Path, era: str, meta: dict[str, Any]
) -> None:
    async def scenario(made: Desk) -> None:
        given, slow = await made.era(era), Slow(made)
        calling = asyncio.create_task(made.post(request("tools/call", {**CALL, "_meta": meta}, era, 1), given))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            calling.cancel()  # as the HTTP server does at the end of the grace
            answer = await calling
        assert made.inner.count == bool(meta)
        assert answer.message == {"jsonrpc": "2.0", "id": 1, "error": ENDED}

    at_desk(tmp_path, scenario)


def test_a_notification_cancels_only_a_call_of_its_own_session(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        mine, theirs = await made.era("legacy"), await made.era("legacy")
        slow = Slow(made)

        async def cancel(given: Mapping[bytes, bytes] | Headers, request_id: Any) -> bool:
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}
            assert (await made.post(note, given)).status == 202
            await asyncio.sleep(0)
            return calling.cancelling() > 0

        calling = asyncio.create_task(made.post(request("tools/call", CALL, "legacy", 1), mine))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            both = [*theirs.items(), (b"mcp-session-id", mine[b"mcp-session-id"])]
            modern = {**headers("modern"), b"mcp-session-id": mine[b"mcp-session-id"]}
            assert not await cancel(theirs, 1)
            assert not await cancel(both, 1)
            assert not await cancel(modern, 1)
            odd_ids: Sequence[Any] = (2, "1", True, 1.5, None, [1], {})
            assert not any([await cancel(mine, odd) for odd in odd_ids])
            assert await cancel(mine, 1)
            answer = await calling
        assert answer.message["error"]["message"] == "Request cancelled"
        assert (slow.steps, await outcomes(made)) == (3, ["in_doubt"])

    at_desk(tmp_path, scenario)


@lanes
def test_a_session_that_is_closed_calls_off_what_is_under_way_in_it(tmp_path: Path, meta: dict[str, Any]) -> None:
    async def scenario(made: Desk) -> None:
        mine, theirs = await made.era("legacy"), await made.era("legacy")
        slow = Slow(made)
        calling = asyncio.create_task(made.post(request("tools/call", {**CALL, "_meta": meta}, "legacy", 1), mine))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            assert (await ask(made.direct, list(theirs.items()), method="DELETE")).status == 200
            assert not slow.recorded.is_set()
            assert (await ask(made.direct, list(mine.items()), method="DELETE")).status == 200
            answer = await calling
            await slow.recorded.wait()
        assert answer.message == {"jsonrpc": "2.0", "id": 1, "error": CANCELLED}
        assert (slow.steps, await outcomes(made)) == (3, ["in_doubt"])

    at_desk(tmp_path, scenario)


@pytest.mark.parametrize("method", ["tools/call", "ping"])
def test_no_two_requests_of_a_session_have_one_id_at_a_time(tmp_path: Path, method: str) -> None:
    async def scenario(made: Desk) -> None:
        mine, theirs = await made.era("legacy"), await made.era("legacy")
        slow = Slow(made)
        again = request(method, CALL if method == "tools/call" else {}, "legacy", 1)
        calling = asyncio.create_task(made.post(request("tools/call", CALL, "legacy", 1), mine))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            refused = await made.post(again, mine)
            assert (refused.status, refused.message["error"]["code"], refused.message["id"]) == (400, -32600, 1)
            assert (await made.post(request("ping", {}, "legacy", 1), theirs)).status == 200
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            await made.post(note, mine)
            await calling
            assert (await made.post(request("ping", {}, "legacy", 1), mine)).status == 200

    at_desk(tmp_path, scenario)


def test_nobody_cancels_a_modern_call_by_its_id(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        slow = Slow(made)
        peer = Peer(dumped(request("tools/call", CALL, "modern", 1)))
        calling = asyncio.create_task(talk(made.direct, peer, list(headers("modern").items())))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            await made.post(note, headers("modern"))
            await made.post(note, COMMON)
            assert not calling.cancelling()
            peer.go()
            await calling

    at_desk(tmp_path, scenario)


def test_a_gateway_that_ends_is_not_taken_for_a_client_that_goes(tmp_path: Path) -> None:
    async def scenario(made: Desk) -> None:
        slow = Slow(made)
        calling = asyncio.create_task(made.post(request("tools/call", CALL, "modern"), headers("modern")))
        async with asyncio.timeout(PATIENCE):
            await slow.sent.wait()
            calling.cancel()
            told = await calling
        assert "The gateway ended before the answer came" in told.message["error"]["message"]
        assert await outcomes(made) == ["in_doubt"]

    at_desk(tmp_path, scenario)


# ---- what breaks


@eras
def test_a_front_that_is_broken_tells_its_log_and_not_the_client(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(made: Desk) -> None:
        async def broken(*_: Any) -> Any:
            raise RuntimeError("the canary-7f3a secret")

        given = await made.era(era)
        monkeypatch.setattr(made.app.front, "ask", broken)
        answer = await made.post(request("tools/call", CALL, era), given)
        assert (answer.status, answer.code, made.inner.count) == (200, types.INTERNAL_ERROR, 0)
        assert b"canary" not in answer.body

    with caplog.at_level(logging.ERROR, "toolgate.serve"):
        at_desk(tmp_path, scenario)
    assert "canary" in caplog.text


@eras
def test_a_call_that_can_not_be_recorded_is_not_made(tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(made: Desk) -> None:
        given, message = await made.era(era), request("tools/call", {"name": "echo__echo", "arguments": {}}, era)
        slow = Slow(made)

        async def full(*_: Any, **__: Any) -> int:
            raise StoreError("the disk is full")

        monkeypatch.setattr(made.app.store, "append", full)
        answer = await made.post(message, given)
        assert (answer.code, made.inner.count, slow.sent.is_set()) == (types.INTERNAL_ERROR, 0, False)
        assert "the disk is full" in answer.message["error"]["message"]

    at_desk(tmp_path, scenario)


class SlowFront:
    """A front whose answer waits."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def ask(self, _method: str, _request: Any) -> Any:
        self.asked.set()
        await self.may_answer.wait()
        raise MCPError(-32603, "no")


def test_a_session_whose_call_is_under_way_is_not_idle_however_long_it_takes() -> None:
    async def scenario() -> None:
        now, front, ann = [1000.0], SlowFront(), Asker(Subject("user:ann", "acme"))
        direct: Any = Direct(Forbidden, front, {})  # type: ignore[arg-type]
        table = direct._handshakes  # noqa: SLF001 - the sessions as they are kept
        table._clock = lambda: now[0]  # noqa: SLF001
        first, second = (table.known(table.greeted(ann, INITIALIZE)) for _ in range(2))
        first.introduced = second.introduced = True
        plain = Plain(1, first.client, LEGACY, NOBODY, {"name": "x", "arguments": {}}, 0.0, first)
        call = asyncio.create_task(direct.answer(plain, Underway(None)))
        await front.asked.wait()
        now[0] += IDLE_SECONDS - 1
        table.fresh(ann, second.client.session)
        assert min([first, second], key=lambda one: one.idle_order) is second
        now[0] += 60
        assert table.by_person()[ann.person] == [first, second]
        front.may_answer.set()
        await call
        now[0] += IDLE_SECONDS
        assert table.fresh(ann, first.client.session) is first
        now[0] += IDLE_SECONDS + 1
        assert table.fresh(ann, first.client.session) is None

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
