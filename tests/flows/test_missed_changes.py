"""Whoever listens learns what has changed, also while his server was away, or was just asked for more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest

from gateway.call import Answered, Arguments, Call, Subject
from gateway.upstream import Http, ServerSpec, Upstreams, connect, supervise, watching
from gateway.upstream.spec import Era
from tests.fixtures.listened import Listened, listened

PATIENCE = 60.0
ANN = Subject("user:ann", "acme")
MANY = [f"r:{number:03}" for number in range(500)]

eras = pytest.mark.parametrize("modern", [True, False], ids=["modern", "legacy"])


class Told:
    """What the gateway has to tell to those who listen."""

    def __init__(self, up: Upstreams) -> None:
        self.resources: list[str] = []
        self.lists = 0
        self._news = asyncio.Event()
        up.on_updated(self._updated)
        up.subscribe(self._changed)

    def _updated(self, _server: str, uri: str, _subject: Subject | None) -> None:
        self.resources.append(uri)
        self._news.set()

    def _changed(self) -> None:
        self.lists += 1
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()


Scenario = Callable[[Listened, Upstreams, Told], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setattr(watching, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(watching, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(supervise, "AGAIN", (0.001, 0.01))
    monkeypatch.setattr(supervise, "CALM", 0.0)
    monkeypatch.setattr(connect, "LISTENING", 0.01)

    def scenario(
        work: Scenario,
        *,
        modern: bool = True,
        failing: Mapping[str, int] | None = None,
        late: bool = False,
        seconds: float = 30.0,
    ) -> None:
        async def played() -> None:
            async with asyncio.timeout(PATIENCE), listened(modern=modern, uris=MANY) as server:
                server.failing, server.late = dict(failing or {}), late
                era: Era = "modern" if modern else "legacy"
                spec = ServerSpec("s", Http(server.url), era=era, connect_timeout=seconds)
                async with Upstreams({"s": spec}) as up:
                    await work(server, up, Told(up))

        asyncio.run(played())

    return scenario


def asked(server: Listened, method: str) -> int:
    return sum(message.get("method") == method for message in server.asked)


def names(up: Upstreams) -> list[str]:
    return sorted(up.catalogue.tools)


async def called(up: Upstreams) -> bool:
    call = Call("r", "t1/call/c1", ANN, "s/act", Arguments.parse("{}"))
    return isinstance(await up.forward(call, timeout=PATIENCE, meta={}), Answered)


@eras
@pytest.mark.parametrize("method", ["tools/list", "resources/list"])
def test_a_list_that_could_not_be_had_is_asked_for_again(modern: bool, method: str, play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await server.until(lambda: bool(server.open))
        server.tools, server.uris = ["act", "new"], [*MANY, "r:new"]
        server.failing[method] = 4
        server.change()
        await told.until(lambda: names(up) == ["s/act", "s/new"] and "r:new" in up.catalogue.resources)

    play(work, modern=modern)


@eras
def test_so_is_one_that_was_missing_from_the_beginning(modern: bool, play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        assert up.status()[0].rejected == 1
        await told.until(lambda: "r:000" in up.catalogue.resources)
        assert up.status()[0].rejected == 0

    play(work, modern=modern, failing={"resources/list": 2})


def test_what_changed_before_a_server_began_to_tell_of_changes_is_told(play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await told.until(lambda: names(up) == ["s/act", "s/new"])

    play(work, late=True)


def test_many_resources_at_once_are_a_few_subscriptions(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "LISTENING", PATIENCE)  # however busy this machine is, it is not late

    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await asyncio.gather(*(up.subscribe_resource("s", uri) for uri in MANY))
        assert len(server.wishes) <= 3  # the one of before, one with the first, one with all that came meanwhile
        assert server.wishes[-1] == MANY
        server.update(MANY[-1])
        await told.until(lambda: told.resources == [MANY[-1]])
        assert asked(server, "tools/list") == 1  # nothing was missed, so nothing is asked for again

    play(work)


@eras
def test_what_changed_while_a_server_was_away_is_told_when_it_is_back(modern: bool, play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await up.subscribe_resource("s", MANY[0])
        await up.subscribe_resource("s", MANY[1])
        await up.unsubscribe_resource("s", MANY[1])
        assert told.resources == []
        await server.stop()
        server.tools = ["act", "new"]
        await told.until(lambda: up.status()[0].state != "ready") if not modern else None
        again = asyncio.ensure_future(called(up))  # it finds out that nobody is there
        await told.until(lambda: up.status()[0].state != "ready")
        await server.start()
        await again
        await told.until(lambda: names(up) == ["s/act", "s/new"])
        await told.until(lambda: bool(told.resources))
        assert set(told.resources) == {MANY[0]}
        await told.until(lambda: up.status()[0].state == "ready")
        if modern:
            await server.until(lambda: any(MANY[0] in uris for _, uris in server.open.values()))
        else:
            await server.until(lambda: bool(server.open))
        told.resources.clear()
        server.update(MANY[0])
        await told.until(lambda: told.resources == [MANY[0]])

    play(work, modern=modern)


def test_what_changed_while_only_the_subscription_was_lost_is_told(play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await up.subscribe_resource("s", MANY[0])
        server.tools = ["act", "new"]
        server.sever()
        await told.until(lambda: names(up) == ["s/act", "s/new"])
        await told.until(lambda: told.resources == [MANY[0]])

    play(work)


@eras
def test_who_leaves_while_he_subscribes_leaves_nothing_behind(modern: bool, play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        server.silent = {"resources/subscribe"}
        coming = asyncio.ensure_future(up.subscribe_resource("s", MANY[0]))
        await asyncio.sleep(0)
        if not modern:
            await server.until(lambda: any(one.get("method") == "resources/subscribe" for one in server.asked))
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await up.subscribe_resource("s", MANY[1]) if modern else None
        watched = up._servers["s"].watched  # noqa: SLF001 - what a server is asked for at its next connection
        assert watched.uris == ([MANY[1]] if modern else [])

    play(work, modern=modern)


def test_a_server_that_does_not_answer_a_subscription_is_there_again_all_the_same(play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await up.subscribe_resource("s", MANY[0])
        server.silent = {"resources/subscribe"}
        server.sever()
        await server.stop()
        again = asyncio.ensure_future(called(up))
        await told.until(lambda: up.status()[0].state != "ready")
        await server.start()
        await again
        await told.until(lambda: up.status()[0].state == "ready")

    play(work, modern=False)


@eras
def test_a_server_that_does_not_list_again_keeps_nobody_from_leaving(modern: bool, play: Callable[..., None]) -> None:
    async def work(server: Listened, up: Upstreams, told: Told) -> None:
        await server.until(lambda: bool(server.open))
        server.silent = {"tools/list"}
        before = asked(server, "tools/list")
        server.change()
        await server.until(lambda: asked(server, "tools/list") > before)

    play(work, modern=modern, seconds=3600.0)
