"""What we want to be told, and who is still told when nobody listens any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError

from gateway.upstream import watching as module
from gateway.upstream.connection import Link
from gateway.upstream.outcomes import transport_error
from gateway.upstream.watching import Watched, background, unwish, watch, wish

UNREACHABLE = MCPError.from_error_data(transport_error("unsent", "refused"))


def session(*tells: str) -> Any:
    """A session whose server tells when these lists change."""
    lists = {kind: SimpleNamespace(list_changed=kind in tells) for kind in ("tools", "prompts", "resources")}
    return SimpleNamespace(server_capabilities=SimpleNamespace(**lists))


class Subscriptions:
    """`listen`, with a script: the events of each subscription, then how it ends."""

    def __init__(self, *script: Exception | int) -> None:
        self.script = list(script)
        self.endless = False
        self.wishes: list[dict[str, Any]] = []

    def __call__(self, _session: Any, **wishes: Any) -> "Subscriptions":
        self.wishes.append(wishes)
        return self

    async def __aenter__(self) -> Any:
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step

        async def events() -> Any:
            for _ in range(step):
                yield SimpleNamespace()
            if self.endless:
                await asyncio.Event().wait()
            raise SubscriptionLost

        return events()

    async def __aexit__(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([ListenNotSupportedError("x")], False),
        ([MCPError(-32601, "no such method")], False),
        ([0, MCPError(-32601, "no")], False),
        ([1, MCPError(-32601, "no")], False),
        ([SubscriptionLost(), 0, MCPError(-32601, "no")], True),  # opened again: something may have been missed
        ([UNREACHABLE, 0, MCPError(-32601, "no")], True),
    ],
)
def test_a_subscription_is_opened_again_unless_the_server_says_no(
    script: list[Any],
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "listen", Subscriptions(*script))
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    talk = SimpleNamespace(updated=lambda _uri: None)
    connection: Any = SimpleNamespace(session=session("tools"), link=Link(), talk=talk)
    asyncio.run(asyncio.wait_for(watch(connection, Watched()), 60))
    assert bool(connection.link.stale) is told


class Server:
    """`listen`, in which subscriptions are acknowledged when the test says so. `open` holds those that are, by number.

    `most` is how many it lets us have at a time.
    """

    def __init__(self, most: int = 2) -> None:
        self.asked: list[list[str]] = []
        self.open: dict[int, list[str]] = {}
        self.most = most
        self.busiest = 0
        self.acknowledge = asyncio.Event()
        self.acknowledge.set()
        self.news = asyncio.Event()
        self._ends: dict[int, asyncio.Event] = {}

    @contextlib.asynccontextmanager
    async def __call__(self, _session: Any, **wishes: Any) -> AsyncIterator[Any]:
        number, uris = len(self.asked), wishes["resource_subscriptions"]
        self.asked.append(uris)
        self.news.set()
        await self.acknowledge.wait()
        if len(self.open) >= self.most:
            raise MCPError(-32600, "one at a time")
        self.open[number], self._ends[number] = uris, asyncio.Event()
        self.busiest = max(self.busiest, len(self.open))
        self.news.set()
        try:
            yield self._lasts(number)
        finally:
            self.open.pop(number, None)
            self.news.set()

    async def _lasts(self, number: int) -> AsyncIterator[None]:
        while not self._ends[number].is_set():
            await self._ends[number].wait()
            if self.open.pop(number) is not None:
                raise SubscriptionLost
            yield

    def lose_all(self) -> None:
        for end in self._ends.values():
            end.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.news.clear()
            await self.news.wait()


class Watching:
    """`watch` over such a server, and what it tells."""

    def __init__(self, *tells: str) -> None:
        self.told: list[str] = []
        self.watched = Watched()
        talk = SimpleNamespace(updated=self.told.append)
        self.connection: Any = SimpleNamespace(session=session(*tells), link=Link(), talk=talk, modern=True)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with asyncio.timeout(60), background(watch(self.connection, self.watched), "s", "nothing is heard"):
            yield

    async def wish(self, *uris: str) -> list[bool]:
        for uri in uris:
            self.watched.add(uri)
        return await asyncio.gather(*(self.watched.honoured(uri, 60) for uri in uris))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(module, "listen", made)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.01)
    return made


def test_a_new_wish_is_heard_before_the_subscription_without_it_is_closed(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching("prompts")
        async with watching.open():
            assert await watching.wish("b") == [True]
            await server.until(lambda: list(server.open.values()) == [["b"]])
            server.acknowledge.clear()
            later = asyncio.ensure_future(watching.wish("a"))
            await server.until(lambda: len(server.asked) == 2)
            assert (list(server.open.values()), later.done()) == ([["b"]], False)  # it is listened to meanwhile
            server.acknowledge.set()
            assert await later == [True]
            await server.until(lambda: list(server.open.values()) == [["a", "b"]])
        assert server.open == {}
        assert (watching.told, watching.connection.link.stale) == ([], set())  # nothing was missed

    asyncio.run(scenario())


def test_wishes_that_come_while_one_is_opened_are_all_in_the_next(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching()
        many = [f"u:{number:03}" for number in range(500)]
        async with watching.open():
            server.acknowledge.clear()
            first = asyncio.ensure_future(watching.wish("a"))
            await server.until(lambda: len(server.asked) == 1)
            rest = asyncio.ensure_future(watching.wish(*many))
            await asyncio.sleep(0)
            server.acknowledge.set()
            assert all([*await first, *await rest])
            assert server.asked == [["a"], ["a", *many]]
            for uri in many:
                watching.watched.remove(uri)
            await server.until(lambda: list(server.open.values()) == [["a"]])
        assert (len(server.asked), server.busiest) == (3, 2)

    asyncio.run(scenario())


def test_where_a_server_has_one_at_a_time_it_is_opened_anew_and_the_resources_are_said_to_have_changed(
    server: Server,
) -> None:
    async def scenario() -> None:
        server.most = 1
        watching = Watching("tools")
        async with watching.open():
            assert await watching.wish("b") == [True]
            assert await watching.wish("a") == [True]
            assert list(server.open.values()) == [["a", "b"]]
        assert watching.told == ["b"]
        assert watching.connection.link.stale == {"tools", "prompts", "resources"}

    asyncio.run(scenario())


def test_what_happened_while_nobody_listened_is_said_to_have_changed(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching("tools")
        async with watching.open():
            assert await watching.wish("a", "b") == [True, True]
            watching.watched.remove("b")
            await server.until(lambda: list(server.open.values()) == [["a"]])
            server.acknowledge.clear()
            before = len(server.asked)
            server.lose_all()
            await server.until(lambda: len(server.asked) > before)
            assert not await watching.watched.honoured("a", 0)
            server.acknowledge.set()
            assert await watching.watched.honoured("a", 60)
        assert watching.told == ["a"]
        assert watching.connection.link.stale == {"tools", "prompts", "resources"}

    asyncio.run(scenario())


def test_so_it_is_after_a_new_connection(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching("tools")
        async with watching.open():
            assert await watching.wish("a") == [True]
            assert watching.told == []
        watching.watched.add("b")  # nobody was told yet that he is subscribed to this one
        async with watching.open():
            assert await watching.watched.honoured("b", 60)
        assert watching.told == ["a"]
        assert watching.connection.link.stale == set()  # its lists are asked for anyway

    asyncio.run(scenario())


def test_who_wants_again_what_was_given_up_waits_for_a_subscription_in_which_it_is(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching("tools")
        async with watching.open():
            assert await watching.wish("a") == [True]
            server.acknowledge.clear()
            watching.watched.remove("a")
            await server.until(lambda: server.asked[-1] == [])
            again = asyncio.ensure_future(watching.wish("a"))
            await asyncio.sleep(0)
            assert not again.done()
            server.acknowledge.set()
            assert await again == [True]
            assert list(server.open.values())[-1] == ["a"]

    asyncio.run(scenario())


def test_a_subscription_that_lasted_makes_the_next_end_the_first_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 1e-6)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 1e9)
    monkeypatch.setattr(module, "STEADY", -1.0)

    async def scenario() -> None:
        watching = Watching("tools")
        async with watching.open():
            while len(server.asked) < 40:  # pauses that grow would last for days
                await server.until(lambda: bool(server.open))
                server.lose_all()
                await server.until(lambda: not server.open)

    asyncio.run(scenario())


def test_where_there_is_nothing_to_hear_nobody_listens(server: Server) -> None:
    async def scenario() -> None:
        watching = Watching()
        async with watching.open():
            assert await watching.wish("a") == [True]
            watching.watched.remove("a")
            await server.until(lambda: server.open == {})
            assert await watching.wish("b") == [True]
        assert server.asked == [["a"], ["b"]]
        assert (watching.told, watching.connection.link.stale) == ([], set())

    asyncio.run(scenario())


def test_requests_about_one_resource_of_an_older_server_are_made_one_after_the_other() -> None:
    async def scenario() -> None:
        asked: list[str] = []
        answer = asyncio.Event()

        async def ask(method: str, params: Any, _seconds: float) -> None:
            asked.append(f"{method} {params['uri']}")
            await answer.wait()

        connection: Any = SimpleNamespace(ask=ask, modern=False)
        watched = Watched()
        watched.add("a")
        watched.add("a")
        both = [asyncio.ensure_future(wish(connection, watched, "a", 60)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (asked, any(one.done() for one in both)) == (["resources/subscribe a"], False)
        answer.set()
        await asyncio.gather(*both)
        answer.clear()
        watched.remove("a")
        watched.remove("a")
        ending = asyncio.ensure_future(unwish(connection, watched, "a", 60))
        await asyncio.sleep(0)
        watched.add("a")
        again = asyncio.ensure_future(wish(connection, watched, "a", 60))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asked[1:] == ["resources/unsubscribe a"]
        answer.set()
        await asyncio.gather(ending, again)
        assert asked[1:] == ["resources/unsubscribe a", "resources/subscribe a"]

    asyncio.run(scenario())


def test_subscriptions_are_counted() -> None:
    watched = Watched()
    assert [watched.add("a"), watched.add("a"), watched.remove("a"), watched.remove("a"), watched.remove("a")] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert watched.uris == []


def test_what_breaks_in_the_background_is_said_at_once_with_whose_it_was(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> None:
        raise RuntimeError("a defect of ours")

    async def scenario() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        async with background(breaks(), "desk", "its stars are not counted", told.put_nowait), asyncio.timeout(60):
            assert await told.get() == "its stars are not counted"

    asyncio.run(scenario())
    (record,) = caplog.records
    assert record.getMessage() == "server desk: its stars are not counted"
    assert "a defect of ours" in caplog.text
