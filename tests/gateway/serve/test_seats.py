"""Nobody uses up the sessions of the others: against the SDK's own application, as it is served."""

import asyncio
import contextlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Subject
from gateway.profile import Profile
from gateway.serve import application as sdk_side
from gateway.serve import seats as under_test
from gateway.serve.application import application
from gateway.serve.asgi import Message, Receive, Scope, Send, dumped
from gateway.serve.asking import Asker
from gateway.serve.direct import Direct
from gateway.serve.door import Door, Entry
from gateway.serve.edge import Edge
from gateway.serve.handshakes import Handshakes, Posted
from gateway.serve.origins import Origins
from gateway.serve.seats import MOST_TOLD, MOST_VALUES, Seats
from gateway.serve.sessions import IDLE_SECONDS
from gateway.serve.underway import CLOSED
from tests.fixtures.asgi import PATIENCE, Answer, Peer, ask, scope
from tests.fixtures.gateway_app import Setup, opened, spec
from tests.fixtures.served import ECHO, INITIALIZE, INITIALIZED, LEGACY, MODERN, request

EACH, ALL = 3, 5  # sessions of one person, and of all
MANY = 100
COMMON = {
    b"host": b"127.0.0.1:80",
    b"content-type": b"application/json",
    b"accept": b"application/json, text/event-stream",
}
PART = Profile("part", ["echo"])


@dataclass
class Client:
    """One person's requests, through a door that lets in only him."""

    edge: Edge

    async def initialize(self, params: Any = INITIALIZE) -> Answer:
        return await ask(self.edge, list(COMMON.items()), dumped(request("initialize", params)))

    async def opens(self) -> str:
        """A session, introduced."""
        answer = await self.initialize()
        assert answer.status == 200, answer
        session = answer.headers["mcp-session-id"]
        await self.status(session, INITIALIZED)
        return session

    async def status(self, session: str, message: Mapping[str, Any] | None = None) -> int:
        """Of a request within a session; without a message of a call, which goes past the SDK if it can."""
        call = request("tools/call", {"name": "echo__echo", "arguments": {"text": "x"}})
        answer = await ask(self.edge, headers(session), dumped(message or call))
        return answer.status


def headers(session: str) -> list[tuple[bytes, bytes]]:
    own = {b"mcp-session-id": session.encode(), b"mcp-protocol-version": LEGACY.encode()}
    return list((COMMON | own).items())


@dataclass
class House:
    """One gateway, and who comes to it."""

    direct: Direct
    entry: Entry

    def client(self, name: str) -> Client:
        return Client(Edge(self.direct, Door(replace(self.entry, local=Subject(f"user:{name}", "acme")))))


Scenario = Callable[[House], Awaitable[None]]
Run = Callable[[Scenario], None]


@pytest.fixture
def at_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(under_test, "MAX_RUNS", ALL)
    monkeypatch.setattr(sdk_side, "MAX_RUNS", ALL)

    @contextlib.asynccontextmanager
    async def house() -> AsyncIterator[House]:
        setup = Setup(tmp_path, {"echo": spec("echo", ECHO)})
        setup.write_policy("p, *, *, */*, call, , allow, yes")
        async with opened(setup, http=True) as parts:
            entry = replace(setup.entry, origins=Origins(hosts=("127.0.0.1:*",)))
            inner: Any = application(parts.server, entry.max_body)
            direct = Direct(inner, parts.front, parts.server.server_info_stamp, EACH)
            async with inner.router.lifespan_context(inner):
                yield House(direct, entry)

    def run(scenario: Scenario) -> None:
        async def work() -> None:
            async with asyncio.timeout(PATIENCE), house() as made:
                await scenario(made)

        asyncio.run(work())

    return run


def test_whoever_opens_more_than_his_share_keeps_nobody_out(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.client("ann"), house.client("bob")
        hers = await ann.opens()
        for _ in range(4 * ALL):
            last = await bob.opens()
        another = await ann.opens()
        assert [await ann.status(hers), await ann.status(another), await bob.status(last)] == [200, 200, 200]

    at_house(scenario)


def test_he_gives_up_the_one_that_was_idle_longest_and_nothing_answers_for_it_any_more(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob = house.client("bob")
        first, second, third = [await bob.opens() for _ in range(EACH)]
        await bob.status(first, request("ping"))
        fourth = await bob.opens()
        assert [await bob.status(one) for one in (first, second, third, fourth)] == [200, 404, 200, 200]

    at_house(scenario)


def test_a_session_with_an_open_stream_is_not_idle(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob, listener, begun = house.client("bob"), Peer(), asyncio.Event()

        async def heard(message: Message) -> None:
            begun.set()
            await listener.send(message)

        listens, second, third = [await bob.opens() for _ in range(EACH)]
        streaming = asyncio.create_task(bob.edge(scope(headers(listens), method="GET"), listener.receive, heard))
        await begun.wait()
        await bob.opens()
        assert [await bob.status(one) for one in (listens, second, third)] == [200, 404, 200]
        listener.go()
        await streaming

    at_house(scenario)


SLOW = request("tools/call", {"name": "echo__slow", "arguments": {"seconds": 3600}, "_meta": {"progressToken": 1}})


def begun(client: Client, session: str, peer: Peer, **more: Any) -> tuple["asyncio.Task[None]", asyncio.Event]:
    """A request whose answer is a stream, and when that has begun."""
    started = asyncio.Event()

    async def heard(message: Message) -> None:
        started.set()
        await peer.send(message)

    work = client.edge(scope(headers(session), **more), peer.receive, heard)
    return asyncio.create_task(work), started


def test_a_session_with_a_call_under_way_is_not_closed_as_long_as_another_one_only_listens(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob, caller, listener = house.client("bob"), Peer(dumped(SLOW)), Peer()
        calls, listens, third = [await bob.opens() for _ in range(EACH)]
        calling, started = begun(bob, calls, caller)
        await started.wait()
        listening, begins = begun(bob, listens, listener, method="GET")
        await begins.wait()
        also, begins = begun(bob, third, Peer(), method="GET")
        await begins.wait()
        await bob.opens()
        assert await bob.status(listens) == 404
        assert [calling.done(), await bob.status(calls, {**request("ping"), "id": "another"})] == [False, 200]
        for task in (calling, listening, also):
            task.cancel()
        await asyncio.gather(calling, listening, also, return_exceptions=True)

    at_house(scenario)


def test_a_call_whose_session_is_closed_for_another_one_is_answered_that_it_may_have_been_made(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob, peers = house.client("bob"), [Peer(dumped(SLOW)) for _ in range(EACH)]
        tasks = []
        for peer in peers:
            task, started = begun(bob, await bob.opens(), peer)
            await started.wait()
            tasks.append(task)
        await bob.opens()
        await tasks[0]
        answer = peers[0].answer
        assert (answer.message["id"], answer.message["error"]) == (SLOW["id"], CLOSED)
        assert [task.done() for task in tasks] == [True, False, False]
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    at_house(scenario)


def test_when_all_are_taken_whoever_holds_most_gives_one_up(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        ann, bob, eve = (house.client(name) for name in ("ann", "bob", "eve"))
        hers = [await ann.opens() for _ in range(ALL - EACH)]
        his = [await bob.opens() for _ in range(EACH)]
        last = await eve.opens()
        assert [await ann.status(one) for one in hers] == [200] * len(hers)
        assert [await bob.status(one) for one in his] == [404, 200, 200]
        assert await eve.status(last) == 200

    at_house(scenario)


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 7}, {**INITIALIZE, "clientInfo": "x"}])
def test_a_handshake_that_is_refused_leaves_no_session_behind(at_house: Run, params: Any) -> None:
    async def scenario(house: House) -> None:
        ann, bob = house.client("ann"), house.client("bob")
        for _ in range(4 * ALL):
            refused = await bob.initialize(params)
            assert (refused.status, refused.code) == (200, -32602)
            assert await bob.status(refused.headers["mcp-session-id"], request("ping")) == 404
        assert await ann.status(await ann.opens()) == 200

    at_house(scenario)


def test_what_the_sdk_opens_no_session_for_costs_none(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob = house.client("bob")
        his = [await bob.opens() for _ in range(EACH)]
        modern = [*COMMON.items(), (b"mcp-protocol-version", MODERN.encode())]
        assert (await ask(bob.edge, modern, dumped(request("initialize", INITIALIZE)))).status >= 400
        assert [await bob.status(one) for one in his] == [200] * EACH

    at_house(scenario)


def fat(size: int) -> dict[str, Any]:
    """What a client says of itself that has so many bytes, in JSON."""
    empty: dict[str, Any] = {**INITIALIZE, "capabilities": {"experimental": {"x": {"text": ""}}}}
    return {**empty, "capabilities": {"experimental": {"x": {"text": "a" * (size - len(dumped(empty)))}}}}


def nested(values: int) -> dict[str, Any]:
    return {**INITIALIZE, "capabilities": {"experimental": {"x": {"lists": [[] for _ in range(values)]}}}}


def test_a_client_that_says_too_much_of_itself_opens_no_session_and_is_told_why(at_house: Run) -> None:
    async def scenario(house: House) -> None:
        bob = house.client("bob")
        for params in (fat(MOST_TOLD + 1), nested(MOST_VALUES)):
            refused = await bob.initialize(params)
            assert (refused.status, refused.code, "mcp-session-id" in refused.headers) == (413, -32602, False)
            assert refused.message["id"] == request("initialize", params)["id"]
            assert f"at most {MOST_TOLD} bytes" in refused.message["error"]["message"]
        for params in (fat(MOST_TOLD), nested(MOST_VALUES - 20)):
            assert (await bob.initialize(params)).message["result"]["protocolVersion"] == LEGACY
        again = await ask(bob.edge, headers(await bob.opens()), dumped(request("initialize", fat(MOST_TOLD + 1))))
        assert again.status == 413

    at_house(scenario)


@pytest.mark.parametrize("key", ["clientCapabilities", "clientInfo", "clientCapabilities of a call"])
def test_nor_does_one_of_the_modern_era_within_a_request(at_house: Run, key: str) -> None:
    async def scenario(house: House) -> None:
        bob, params = house.client("bob"), dict(INITIALIZE)
        name, _, call = key.partition(" of a ")
        method = "tools/call" if call else "subscriptions/listen"
        own = {b"mcp-protocol-version": MODERN.encode(), b"mcp-method": method.encode()}
        own |= {b"mcp-name": b"echo__echo"} if call else {}
        prefix = "io.modelcontextprotocol/"
        meta: dict[str, Any] = {f"{prefix}protocolVersion": MODERN, f"{prefix}clientInfo": params["clientInfo"]}
        meta |= {f"{prefix}clientCapabilities": {}}
        meta[prefix + name] = {**meta[prefix + name], "x": {"text": "a" * MOST_TOLD}}
        asked = {"name": "echo__echo", "arguments": {"text": "x"}} if call else {"notifications": {}}
        refused = await ask(bob.edge, list((COMMON | own).items()), dumped(request(method, {**asked, "_meta": meta})))
        assert (refused.status, refused.code) == (413, -32602), refused

    at_house(scenario)


# ---- without the SDK


ANN, BOB = Asker(Subject("user:ann", "acme")), Asker(Subject("user:bob", "acme"))


class Behind:
    """An application whose answer waits, and which keeps what it was asked."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.number = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["method"] == "DELETE":
            self.ended.append(dict(scope["headers"])[b"mcp-session-id"].decode())
            return
        self.number += 1
        given = [(b"mcp-session-id", b"s%d" % self.number)]
        await send({"type": "http.response.start", "status": 200, "headers": given})
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.body", "body": b'data: {"result": {}}'})


def opening(asker: Asker = BOB) -> Posted:
    return Posted(asker, "POST", None, request("initialize", INITIALIZE))


async def handed(seats: Seats, posted: Posted) -> Answer:
    peer = Peer()
    await seats.hand_on(posted, scope(list(COMMON.items())), peer.receive, peer.send)
    return peer.answer


def within(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await work

    asyncio.run(bounded())


def test_whoever_opens_too_many_at_once_is_told_so_and_others_are_not() -> None:
    async def work() -> None:
        behind = Behind()
        seats = Seats(behind, Handshakes(), 2)
        under_way = [asyncio.create_task(handed(seats, opening())) for _ in range(2)]
        await behind.asked.wait()
        answer = await handed(seats, opening())
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert "too many sessions at once" in answer.message["error"]["message"]
        hers = asyncio.create_task(handed(seats, opening(ANN)))
        behind.may_answer.set()
        assert [done.status for done in await asyncio.gather(*under_way, hers)] == [200, 200, 200]
        assert behind.ended == []
        assert (await handed(seats, opening())).status == 200
        assert behind.ended == ["s1"]

    within(work())


@pytest.mark.parametrize(("said", "more"), [(b'data: {"result": {}}', True), (b'data: {"error": {}}', False)])
def test_a_client_that_comes_back_before_we_are_done_with_his_last_is_counted_once(said: bytes, more: bool) -> None:
    async def work() -> None:
        behind, told, done = Behind(), asyncio.Event(), asyncio.Event()
        behind.may_answer.set()

        async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
            given = [(b"mcp-session-id", b"slow")]
            await send({"type": "http.response.start", "status": 200, "headers": given})
            await send({"type": "http.response.body", "body": said, "more_body": more})
            told.set()
            await done.wait()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            first = scope["method"] == "POST" and not told.is_set()
            await (slow if first else behind)(scope, receive, send)

        seats = Seats(app, Handshakes(), 2 if more else 1)
        first = asyncio.create_task(handed(seats, opening()))
        await told.wait()
        assert (await handed(seats, opening())).status == 200
        assert behind.ended == []
        done.set()
        await first
        assert behind.ended == ([] if more else ["slow"])

    within(work())


def test_a_client_that_does_not_wait_for_the_answer_leaves_no_session_behind() -> None:
    async def work() -> None:
        behind = Behind()
        asked = asyncio.create_task(handed(Seats(behind, Handshakes()), opening()))
        await behind.asked.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert behind.ended == ["s1"]

    within(work())


def test_his_share_is_for_all_profiles_together() -> None:
    async def work() -> None:
        behind = Behind()
        behind.may_answer.set()
        seats = Seats(behind, Handshakes(), 2)
        for profile in (BOB.profile, PART, Profile("other")):
            await handed(seats, opening(replace(BOB, profile=profile)))
        assert behind.ended == ["s1"]

    within(work())


def test_a_session_that_the_sdk_has_given_up_takes_nobodys_place() -> None:
    async def work() -> None:
        behind, now = Behind(), [1000.0]
        behind.may_answer.set()
        seats = Seats(behind, Handshakes(lambda: now[0]), 2)
        for _ in range(2):
            await handed(seats, opening())
        now[0] += IDLE_SECONDS + 1
        await handed(seats, opening())
        assert behind.ended == []

    within(work())


def test_a_session_that_cant_be_closed_is_no_hindrance(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        behind = Behind()
        behind.may_answer.set()

        async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "DELETE":
                raise RuntimeError("broken")
            await behind(scope, receive, send)

        seats = Seats(breaks, Handshakes(), 1)
        assert [(await handed(seats, opening())).status for _ in range(2)] == [200, 200]
        assert "a session could not be closed" in caplog.text

    within(work())


def test_what_has_a_modern_head_opens_no_session() -> None:
    assert opening().opens
    assert not replace(opening(), modern=True).opens
    assert not replace(opening(), session="s").opens
    assert not replace(opening(), message=request("ping")).opens


def test_a_full_house_keeps_next_to_nothing_of_what_its_clients_say_of_themselves() -> None:
    async def kept() -> int:
        behind, handshakes = Behind(), Handshakes()
        behind.may_answer.set()
        seats, body = Seats(behind, handshakes, MANY), dumped(request("initialize", fat(MOST_TOLD)))
        tracemalloc.start()
        try:
            for _ in range(MANY):
                await handed(seats, Posted(BOB, "POST", None, json.loads(body)))
            assert len(handshakes.by_person()[BOB.person]) == MANY
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert asyncio.run(kept()) < MANY * MOST_TOLD / 10
