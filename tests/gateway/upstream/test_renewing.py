"""Lists are asked for anew when somebody wants one whose time is over: once, and he waits a little for it."""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any

import pytest

from gateway.upstream import Http, ServerSpec, Upstreams, renewing
from gateway.upstream.renewing import Renewal
from tests.fixtures.listened import Listened, listened

LONG = 600_000  # milliseconds


def anyone(_server: str) -> bool:
    return True


def asked(server: Listened) -> int:
    return sum(message.get("method") == "tools/list" for message in server.asked)


def over(scenario: Callable[[Listened, Upstreams], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server whose first lists are not true any more."""
    monkeypatch.setattr(renewing, "PATIENCE", 60.0)

    async def work() -> None:
        async with listened() as server:
            server.ttl = 1
            spec = ServerSpec("s", Http(server.url), era="modern")
            async with asyncio.timeout(60), Upstreams({"s": spec}) as up:
                await asyncio.sleep(0.01)
                server.ttl = LONG
                await scenario(server, up)

    asyncio.run(work())


def test_what_has_changed_silently_is_there_when_its_list_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: Listened, up: Upstreams) -> None:
        server.tools.append("new")
        await up.freshen("prompts/list", anyone)  # of which the server has said nothing
        await up.freshen("tools/list", lambda name: name != "s")
        assert (asked(server), list(up.catalogue.tools)) == (1, ["s/act"])
        await asyncio.gather(*(up.freshen("tools/list", anyone) for _ in range(5)))
        assert (asked(server), list(up.catalogue.tools)) == (2, ["s/act", "s/new"])
        assert up.catalogue.about["s"].hints["tools/list"].until > time.monotonic()
        await up.freshen("tools/list", anyone)
        assert asked(server) == 2

    over(scenario, monkeypatch)


def test_where_nothing_has_changed_only_its_time_is_new_and_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stirred: list[Collection[str]] = []

    async def scenario(server: Listened, up: Upstreams) -> None:
        before = up.catalogue
        up.on_stirred(stirred.append)
        await up.freshen("tools/list", anyone)
        assert asked(server) == 2
        assert up.catalogue.tools["s/act"] is before.tools["s/act"]
        assert up.catalogue.about["s"].hints["tools/list"].until > time.monotonic()
        assert not any(stirred)

    over(scenario, monkeypatch)


def test_a_server_that_does_not_answer_is_waited_for_once_and_not_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: Listened, up: Upstreams) -> None:
        monkeypatch.setattr(renewing, "PATIENCE", 0.01)
        server.silent.add("tools/list")
        await up.freshen("tools/list", anyone)
        monkeypatch.setattr(renewing, "PATIENCE", 3600.0)
        await up.freshen("tools/list", anyone)  # whoever comes later is not kept
        assert list(up.catalogue.tools) == ["s/act"]
        await server.until(lambda: asked(server) == 2)

    over(scenario, monkeypatch)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_word_that_is_over_is_asked_about_once_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewing, "PATIENCE", 0.0)

    async def scenario() -> None:
        times: list[float] = []
        clock = Clock()
        renewal = Renewal(lambda: times.append(clock.now), clock)
        told = ((0, 1001), (1, 1001), (1.2, 1001), (1.5, 1001.4), (2, 1001.4), (9, 1001.4), (9, 1001))
        for now, until in told:
            clock.now = 1000 + now
            await renewal.wait(until)
            renewal.over()
        assert times == [1001, 1002]

    asyncio.run(scenario())
