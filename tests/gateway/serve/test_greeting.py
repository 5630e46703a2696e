"""A session of the handshake that the SDK is told of when it is needed: nobody can see a difference."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from gateway.call import Subject
from gateway.serve import seats as room
from gateway.serve.application import application
from gateway.serve.asgi import Message, Receive, Scope, Send, dumped, with_message
from gateway.serve.asking import ASKER, Asker
from gateway.serve.direct import Direct
from gateway.serve.door import Door
from gateway.serve.edge import Edge
from gateway.serve.farewell import end_session
from gateway.serve.greeting import MOST_SAID, Greeting
from gateway.serve.handshakes import Handshakes, Posted
from gateway.serve.origins import Origins
from gateway.serve.seats import Seats
from gateway.serve.sessions import IDLE_SECONDS
from tests.fixtures.asgi import PATIENCE, Forbidden, Peer, Through, scope
from tests.fixtures.gateway_app import Setup, opened, spec
from tests.fixtures.served import ECHO, INITIALIZE, INITIALIZED, LEGACY, MODERN, request

COMMON = {
    b"host": b"127.0.0.1:80",
    b"content-type": b"application/json",
    b"accept": b"application/json, text/event-stream",
}
CALL = request("tools/call", {"name": "echo__echo", "arguments": {"text": "x"}})
SESSION = b"mcp-session-id"
EACH = 2  # sessions of one person
ANN, BOB = Asker(Subject("user:ann", "acme")), Asker(Subject("user:bob", "acme"))

Parts = list[Message]
Headers = Mapping[bytes, bytes] | list[tuple[bytes, bytes]]


@dataclass
class House:
    """One gateway twice: as it is served, and the SDK's application alone. `now` is the time."""

    inner: Any
    through: Through
    edges: Mapping[str, Edge]
    front: Any = None
    now: list[float] = field(default_factory=lambda: [1000.0])

    async def raw(self, message: Any, given: Headers = COMMON, *, verb: str = "POST", way: str = "ours") -> Parts:
        """The answer as it was sent, part by part; of a stream its beginning."""
        parts: Parts = []
        peer = Peer(b"" if message is None else dumped(message))

        async def send(part: Message) -> None:
            parts.append(dict(part))
            if verb == "GET":
                peer.go()

        async with asyncio.timeout(PATIENCE):
            pairs = list(given.items()) if isinstance(given, Mapping) else given
            await self.edges[way](scope(pairs, method=verb), peer.receive, send)
        return parts

    async def opens(self, way: str = "ours", said: Any = INITIALIZE, *, introduced: bool = True) -> dict[bytes, bytes]:
        """The headers of a session."""
        parts = await self.raw(request("initialize", said), way=way)
        given = COMMON | {SESSION: dict(parts[0]["headers"])[SESSION], b"mcp-protocol-version": LEGACY.encode()}
        if introduced:
            assert (await self.raw(INITIALIZED, given, way=way))[0]["status"] == 202
        return given

    async def status(self, message: Any, given: Headers, **more: Any) -> int:
        return int((await self.raw(message, given, **more))[0]["status"])


@contextlib.asynccontextmanager
async def house(folder: Path, **more: Any) -> AsyncIterator[House]:
    setup = Setup(folder, {"echo": spec("echo", ECHO)}, **more)
    setup.write_policy("p, *, *, */*, call, , allow, yes")
    async with opened(setup, http=True) as parts:
        entry = replace(setup.entry, origins=Origins(hosts=("127.0.0.1:*",)))
        inner: Any = application(parts.server, entry.max_body)
        through = Through(inner)
        direct = Direct(through, parts.front, parts.server.server_info_stamp, EACH)
        strangers = replace(entry, local=BOB.subject)
        edges = {
            "ours": Edge(direct, Door(entry)),
            "bob's": Edge(direct, Door(strangers)),
            "the SDK's": Edge(inner, Door(entry)),
        }
        made = House(inner, through, edges, parts.front)
        direct._handshakes._clock = lambda: made.now[0]  # noqa: SLF001 - so that half an hour passes
        async with inner.router.lifespan_context(inner):
            yield made


def at_house(folder: Path, scenario: Callable[[House], Awaitable[None]]) -> None:
    async def work() -> None:
        async with house(folder) as made:
            await scenario(made)

    asyncio.run(work())


def nameless(parts: Iterable[Message]) -> Parts:
    """Without what is another one in each session."""
    return [
        {**part, "headers": [(name, b"" if name == SESSION else value) for name, value in part.get("headers", ())]}
        for part in parts
    ]


# ---- the same words


SAID: Mapping[str, Any] = {
    "nothing declared": {},
    "everything declared": {
        "capabilities": {
            "roots": {"listChanged": True}, "sampling": {"context": {}, "tools": {}},
            "elicitation": {"form": {}, "url": {}},
        },
    },
    "with nothing inside": {"capabilities": {"roots": {}, "sampling": {}, "elicitation": {}}},
    "more about itself": {
        "clientInfo": {"name": "né\u2028", "version": "", "title": "T", "description": "d", "websiteUrl": "no url"}
    },
    "an icon": {"clientInfo": {"name": "n", "version": "1", "icons": [{"src": "data:,"}]}},
    "experiments": {"capabilities": {"experimental": {"x": {}}}},
    "tasks": {"capabilities": {"tasks": {"list": {}}}},
    "a capability that nobody knows": {"capabilities": {"x": {}}},
    "a capability that is none": {"capabilities": {"roots": 5}},
    "one that is null": {"capabilities": {"roots": None}},
    "something else in one": {"capabilities": {"roots": {"listChanged": "y", "x": 1}, "elicitation": {"form": True}}},
    "no capabilities": {"capabilities": None},
    "a list of them": {"capabilities": []},
    "no name": {"clientInfo": {"version": "1"}},
    "a number for a name": {"clientInfo": {"name": 5, "version": "1"}},
    "no info": {"clientInfo": "x"},
    "a number for a version": {"protocolVersion": 20251125},
    "no version": {"protocolVersion": None},
    "more": {"x": 1},
    "meta": {"_meta": {"progressToken": 1}},
    "a novel": {"clientInfo": {"name": "n" * MOST_SAID, "version": "1"}},
}  # fmt: skip


@pytest.mark.parametrize("version", [*HANDSHAKE_PROTOCOL_VERSIONS, MODERN, "1.0", ""])
def test_a_client_is_greeted_as_the_sdk_greets_him_to_the_byte(tmp_path: Path, version: str) -> None:
    async def scenario(made: House) -> None:
        told = 0
        for case, said in SAID.items():
            hello = request("initialize", INITIALIZE | {"protocolVersion": version} | said, number=case)
            made.through.count = 0
            ours, theirs = [nameless(await made.raw(hello, way=way)) for way in ("ours", "the SDK's")]
            assert (case, ours) == (case, theirs)
            told += made.through.count
        assert 0 < told < len(SAID) + 20  # most of those that are refused; closing them is a request, too
        session = await made.opens(said=INITIALIZE | {"protocolVersion": version})
        theirs_too = await made.opens("the SDK's", said=INITIALIZE | {"protocolVersion": version})
        await same(made, session, theirs_too)

    at_house(tmp_path, scenario)


async def same(made: House, session: Headers, theirs: Headers) -> None:
    """What else is answered here: the SDK is not asked, and says the same."""
    made.through.count = 0
    for message, verb in (
        (request("ping"), "POST"), (request("ping", number="é\n"), "POST"), (INITIALIZED, "POST"),
        ({**INITIALIZED, "params": {}}, "POST"),
        ({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}, "POST"),
        (None, "DELETE"),
    ):  # fmt: skip
        ours = nameless(await made.raw(message, session, verb=verb))
        assert ours == nameless(await made.raw(message, theirs, verb=verb, way="the SDK's"))
    assert made.through.count == 0
    assert await made.status(request("ping"), session) == 404


ODD: Mapping[str, Callable[[dict[bytes, bytes]], Headers]] = {
    "another type": lambda given: given | {b"content-type": b"text/plain"},
    "one type accepted": lambda given: given | {b"accept": b"application/json"},
    "anything accepted": lambda given: given | {b"accept": b"*/*"},
    "a version that nobody knows": lambda given: given | {b"mcp-protocol-version": b"2099-01-01"},
    "a version of the other era": lambda given: given | {b"mcp-protocol-version": MODERN.encode()},
    "an older version": lambda given: given | {b"mcp-protocol-version": b"2024-11-05"},
    "no session": lambda given: given | {SESSION: b""},
    "a session that is none": lambda given: given | {SESSION: b"x"},
    "a header twice": lambda given: [*given.items(), (b"accept", b"*/*")],
}


def test_with_an_odd_head_it_is_the_same_too(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        for case, odd in ODD.items():
            for message in (request("initialize", INITIALIZE), request("ping"), INITIALIZED):
                given = [await made.opens(way) if "session" not in case else dict(COMMON) for way in WAYS]
                ours, theirs = [
                    nameless(await made.raw(message, odd(own), way=way)) for own, way in zip(given, WAYS, strict=True)
                ]
                assert (case, message, ours) == (case, message, theirs)

    at_house(tmp_path, scenario)


WAYS = ("ours", "the SDK's")


# ---- what the SDK is told of, and when


def test_a_session_of_plain_requests_never_gets_to_the_sdk(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        for message in (CALL, request("tools/list"), request("ping"), CALL):
            made.now[0] += IDLE_SECONDS  # each of them keeps it open
            assert await made.status(message, session) == 200
        assert await made.status(None, session, verb="DELETE") == 200
        assert made.through.count == 0

    at_house(tmp_path, scenario)


ASKED = INITIALIZE | {"capabilities": {"elicitation": {}}}
REF = {"type": "ref/prompt", "name": "x"}
META = {"_meta": {"progressToken": 1}}

NEEDS: Mapping[str, tuple[Any, str, Any]] = {
    "another verb": (None, "PUT", INITIALIZE),
    "a call of a client that can be asked": (CALL, "POST", ASKED),
    "progress": (request("tools/call", {**CALL["params"], **META}), "POST", INITIALIZE),
    "the log": (request("logging/setLevel", {"level": "debug"}), "POST", INITIALIZE),
    "resources": (request("resources/list"), "POST", INITIALIZE),
    "templates": (request("resources/templates/list"), "POST", INITIALIZE),
    "prompts": (request("prompts/list"), "POST", INITIALIZE),
    "a subscription": (request("resources/subscribe", {"uri": "test://x"}), "POST", INITIALIZE),
    "a completion": (
        request("completion/complete", {"ref": REF, "argument": {"name": "a", "value": ""}}),
        "POST", INITIALIZE,
    ),
    "a list from the middle": (request("tools/list", {"cursor": "x"}), "POST", INITIALIZE),
    "a method that nobody knows": (request("x"), "POST", INITIALIZE),
    "a ping with more to it": (request("ping", META), "POST", INITIALIZE),
    "other roots": ({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}, "POST", ASKED),
    "a handshake within it": (request("initialize", INITIALIZE), "POST", INITIALIZE),
    "an answer to nothing": ({"jsonrpc": "2.0", "id": 7, "result": {}}, "POST", INITIALIZE),
}  # fmt: skip


@pytest.mark.parametrize("introduced", [True, False], ids=["introduced", "not introduced"])
def test_whatever_else_is_asked_the_sdk_is_told_of_the_session_and_answers(tmp_path: Path, introduced: bool) -> None:
    async def scenario(made: House) -> None:
        for need, (message, verb, said) in NEEDS.items():
            made.through.count = 0
            ours, theirs = [await made.opens(way, said, introduced=introduced) for way in WAYS]
            assert (need, made.through.count) == (need, 0)
            told = await made.raw(message, ours, verb=verb)
            assert (need, made.through.count) == (need, 2 + introduced)
            known = await made.raw(message, theirs, verb=verb, way=WAYS[1])
            assert (need, nameless(told)) == (need, nameless(known))
            assert dict(told[0]["headers"])[SESSION] == ours[SESSION]
            for again in (request("prompts/list"), request("ping")):
                both = [await made.raw(again, ours), await made.raw(again, theirs, way=WAYS[1])]
                assert (need, nameless(both[0])) == (need, nameless(both[1]))
            assert [await made.status(None, ours, verb="DELETE"), await made.status(CALL, ours)] == [200, 404]

    at_house(tmp_path, scenario)


def test_the_sdk_is_told_once_whoever_asks_at_the_same_time(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens(introduced=False)
        messages = [
            request("prompts/list"),
            INITIALIZED,
            request("ping", number=2),
            request("resources/list", number=3),
        ]
        answers = await asyncio.gather(*(made.status(message, session) for message in messages))
        assert answers == [200, 202, 200, 200]
        assert made.through.count == 1 + len(messages)
        assert await made.status(CALL, session) == 200

    at_house(tmp_path, scenario)


def test_who_listens_is_told_of_changes_from_then_on(tmp_path: Path) -> None:
    """A tool that is forbidden meanwhile is news for him."""

    async def scenario(made: House) -> None:
        session, heard = await made.opens(), asyncio.Event()
        peer = Peer()

        async def send(part: Message) -> None:
            if b"tools/list_changed" in part.get("body", b""):
                heard.set()

        stream = asyncio.ensure_future(
            made.edges["ours"](scope(list(session.items()), method="GET"), peer.receive, send)
        )
        assert await made.status(CALL, session) == 200
        Setup(tmp_path).write_policy("p, *, *, echo/echo, call, , allow, yes")
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
            peer.go()
            await stream

    at_house(tmp_path, scenario)


# ---- whose it is, and for how long


@pytest.mark.parametrize("told", [False, True], ids=["before", "after"])
def test_a_session_is_its_owners_alone(tmp_path: Path, told: bool) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        if told:
            await made.raw(request("prompts/list"), session)
        for message, verb in ((CALL, "POST"), (request("ping"), "POST"), (INITIALIZED, "POST"), (None, "DELETE")):
            theirs = await made.raw(message, session, verb=verb, way="bob's")
            assert theirs == await made.raw(message, COMMON | {SESSION: b"0" * 32}, verb=verb, way="bob's")
            assert theirs[0]["status"] == 404
        assert await made.status(CALL, session) == 200

    at_house(tmp_path, scenario)


@pytest.mark.parametrize("message", [CALL, request("ping"), request("prompts/list"), None], ids=str)
def test_one_that_was_idle_for_too_long_is_over(tmp_path: Path, message: Any) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        made.now[0] += IDLE_SECONDS + 1
        assert await made.status(message, session, verb="POST" if message else "DELETE") == 404
        assert await made.status(INITIALIZED, session) == 404

    at_house(tmp_path, scenario)


def test_whoever_opens_more_than_his_share_gives_up_the_one_that_was_idle_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_RUNS", EACH + 1)

    async def scenario(made: House) -> None:
        first = await made.opens()
        told = await made.opens()
        await made.raw(request("prompts/list"), told)
        made.now[0] += 1
        assert await made.status(CALL, first) == 200
        made.through.count = 0
        third = await made.opens()  # in the place of the one that the SDK knew
        assert made.through.count == 1
        assert [await made.status(CALL, one) for one in (first, told, third)] == [200, 404, 200]
        made.now[0] += 1
        assert await made.status(CALL, third) == 200
        made.through.count = 0
        last = await made.opens()  # in the place of one of which it has never heard
        assert made.through.count == 0
        assert [await made.status(CALL, one) for one in (first, third, last)] == [404, 200, 200]

    at_house(tmp_path, scenario)


# ---- without the SDK


class Front:
    def instructions(self, _client: Any) -> str:
        return 'né\u2028 ☃\x1f\b"\\'


def posted(message: Any, session: str = "", verb: str = "POST") -> Scope:
    given = COMMON | ({SESSION: session.encode()} if session else {})
    made = scope(list(given.items()), method=verb)
    made["state"] = {ASKER: ANN}
    return with_message(made, message) if message else made


async def answered(app: Any, asked: Scope) -> Message:
    peer = Peer(dumped(asked.get("toolgate.message", {})))
    await app(asked, peer.receive, peer.send)
    return {"status": peer.answer.status, "session": peer.answer.headers.get("mcp-session-id", "")}


def greeting(app: Any, handshakes: Handshakes) -> Greeting:
    return Greeting(app, Front(), {"name": "x", "version": "1"}, handshakes)  # type: ignore[arg-type] # as far as needed


def within(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await work

    asyncio.run(bounded())


def test_a_session_that_the_sdk_could_not_be_told_of_is_still_there() -> None:
    async def work() -> None:
        asked: list[Any] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] == "DELETE":
                raise RuntimeError("nor can it be asked")
            asked.append(scope["state"].get("toolgate.session"))
            if len(asked) == 1:
                raise RuntimeError("it can't be loaded")
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        handshakes = Handshakes()
        made = greeting(app, handshakes)
        session = (await answered(made, posted(request("initialize", INITIALIZE))))["session"]
        with pytest.raises(RuntimeError, match="loaded"):
            await answered(made, posted(request("prompts/list"), session))
        assert (await answered(made, posted(request("ping"), session)))["status"] == 200
        assert asked == [session]
        await answered(made, posted(request("prompts/list"), session))
        assert asked == [session, session, None]
        await answered(made, posted(request("ping"), session))
        assert asked == [session, session, None, None]

    within(work())


class Half:
    """An application that breaks at one message, for as long as it is broken; `open` are its sessions."""

    def __init__(self, fails: str, raises: bool) -> None:
        self.fails, self.raises, self.broken = fails, raises, True
        self.open: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "DELETE":
            self.open.remove(dict(scope["headers"])[SESSION].decode())
            return
        if given := scope["state"].get("toolgate.session"):
            self.open.append(given)
        failing = self.broken and json.loads((await receive())["body"])["method"] == self.fails
        if failing and self.raises:
            raise RuntimeError("it breaks")
        await send({"type": "http.response.start", "status": 500 if failing else 202, "headers": []})


@pytest.mark.parametrize("fails", ["initialize", "notifications/initialized"])
@pytest.mark.parametrize("raises", [True, False])
def test_of_a_session_that_the_sdk_was_told_of_by_half_nothing_is_left_there(fails: str, raises: bool) -> None:
    async def work() -> None:
        sdk, handshakes = Half(fails, raises), Handshakes()
        made = greeting(sdk, handshakes)
        session = (await answered(made, posted(request("initialize", INITIALIZE))))["session"]
        known, peer, asked = handshakes.untold(session), Peer(), posted(request("prompts/list"), session)
        assert known is not None
        known.introduced = True
        if raises:
            with pytest.raises(RuntimeError, match="it breaks"):
                await made(asked, peer.receive, peer.send)
        else:
            await made(asked, peer.receive, peer.send)
            assert (peer.answer.status, peer.answer.headers["retry-after"]) == (503, "1")
            assert peer.answer.message["id"] == asked["toolgate.message"]["id"]
            assert "could not go on with this session" in peer.answer.message["error"]["message"]
        assert (sdk.open, handshakes.untold(session)) == ([], known)
        sdk.broken = False
        assert (await answered(made, posted(request("prompts/list"), session)))["status"] == 202
        assert (sdk.open, handshakes.untold(session)) == ([session], None)

    within(work())


def test_whoever_asks_and_goes_leaves_the_telling_to_others() -> None:
    async def work() -> None:
        begun, may_go_on, seen = asyncio.Event(), asyncio.Event(), []

        async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
            seen.append(scope["method"])
            begun.set()
            await may_go_on.wait()

        handshakes = Handshakes()
        made = greeting(app, handshakes)
        session = (await answered(made, posted(request("initialize", INITIALIZE))))["session"]
        first = asyncio.ensure_future(answered(made, posted(request("prompts/list"), session)))
        await begun.wait()
        first.cancel()
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], asyncio.CancelledError)
        ending = asyncio.ensure_future(end_session(made, session, ANN))  # it is closed while the SDK is told
        await asyncio.sleep(0)
        assert seen == ["POST"]
        may_go_on.set()
        await ending
        assert seen == ["POST", "DELETE"]

    within(work())


def test_a_client_that_does_not_take_the_answer_leaves_no_session_behind() -> None:
    async def work() -> None:
        handshakes = Handshakes()
        made = greeting(Forbidden, handshakes)
        for fails in ("http.response.start", "http.response.body"):

            async def send(part: Message, fails: str = fails) -> None:
                if part["type"] == fails:
                    raise ConnectionError

            peer = Peer()
            with pytest.raises(ConnectionError):
                await made(posted(request("initialize", INITIALIZE)), peer.receive, send)
            assert handshakes.by_person() == {}

    within(work())


def test_a_share_is_counted_for_each_person() -> None:
    async def work() -> None:
        handshakes = Handshakes()
        seats = Seats(greeting(Forbidden, handshakes), handshakes, 3)
        hello = request("initialize", INITIALIZE)
        for number, asker in product(range(5), (ANN, BOB)):
            peer = Peer()
            asked = posted(hello)
            asked["state"] = {ASKER: asker}
            await seats.hand_on(Posted(asker, "POST", None, hello), asked, peer.receive, peer.send)
            held = handshakes.by_person()
            assert all(len(theirs) <= 3 for theirs in held.values())
            assert len(held[asker.person]) == min(number + 1, 3)
            assert held[asker.person][-1].client.session == peer.answer.headers["mcp-session-id"]

    within(work())
