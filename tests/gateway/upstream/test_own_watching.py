"""Subscriptions to a resource that is each user's own, at a real server that takes each user's token."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.call import Subject
from gateway.errors import LogInNeeded, UpstreamUnavailable
from gateway.upstream import Http, ServerSpec, Upstreams
from gateway.upstream import own_watching as under_test
from gateway.upstream.auth.credentials import Carrier, Credentials
from gateway.upstream.auth.grant import Grant
from gateway.upstream.spec import Era
from tests.fixtures.auth_server import NOTES, AuthServer, Token, serving

ANN, BOB, EVE, OWNER = (Subject(f"user:{name}", "acme") for name in ("ann", "bob", "eve", "owner"))
PATIENCE = 60.0


class Tokens:
    """A `Source` of those who are logged in: ann, bob and the owner."""

    server, per_subject = "notes", True

    def current(self, subject: Subject | None) -> Grant | None:
        known = subject in (ANN, BOB, OWNER)
        return Grant(f"token of {subject.user[5:]}".replace(" ", "-"), 0.0) if subject and known else None

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        who = subject.user if subject else None
        raise LogInNeeded(self.server, f"`{who}` is not logged in: log in with `toolgate login notes --as {who}`")

    def mend(self, subject: Subject | None) -> str:
        del subject
        return "look there"

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        return None


@pytest.fixture
def auth() -> Iterator[AuthServer]:
    with serving(notes=True) as server:
        for name in ("ann", "bob", "owner"):
            server.tokens[f"token-of-{name}"] = Token(name, server.mcp, "", f"client of {name}", None)
        yield server


@pytest.fixture(params=["modern", "legacy"])
def era(request: pytest.FixtureRequest) -> Era:
    era: Era = request.param
    return era


class Heard:
    """What is told of changes, by whom it is for."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, server: str, uri: str, subject: Subject | None) -> None:
        assert (server, uri) == ("notes", NOTES)
        self.all.append(subject.user[5:] if subject else "everybody")
        self._news.set()

    async def until(self, wanted: list[str]) -> None:
        while self.all != wanted:
            await self._news.wait()
            self._news.clear()


@asynccontextmanager
async def connected(auth: AuthServer, era: Era) -> AsyncIterator[tuple[Upstreams, Heard]]:
    heard = Heard()
    carrier = Carrier(Credentials(Tokens()), OWNER)
    async with (
        asyncio.timeout(PATIENCE),
        Upstreams({"notes": ServerSpec("notes", Http(auth.mcp, carrier=carrier), era=era)}) as up,
    ):
        up.on_updated(heard)
        yield up, heard


def test_each_is_told_of_his_own_changes_and_of_nobody_elses(auth: AuthServer, era: Era) -> None:
    async def go() -> None:
        async with connected(auth, era) as (up, heard):
            for subject in (ANN, BOB, OWNER):
                await up.subscribe_resource("notes", NOTES, subject)
            assert sorted(auth.notes.watched) == ["ann", "bob", "owner"]
            told = []
            for user in ("bob", "owner", "ann", "bob"):
                await asyncio.to_thread(auth.notes.change, user)
                told.append(user)
                await heard.until(told)

    asyncio.run(go())


def test_who_is_not_logged_in_subscribes_to_nothing(auth: AuthServer, era: Era) -> None:
    async def go() -> None:
        async with connected(auth, era) as (up, _):
            with pytest.raises(UpstreamUnavailable, match="`user:eve` is not logged in"):
                await up.subscribe_resource("notes", NOTES, EVE)
            assert watching(up) == {}
            await up.unsubscribe_resource("notes", NOTES, EVE)  # of which nothing comes
            assert auth.notes.watched == []

    asyncio.run(go())


def test_a_connection_lasts_as_long_as_its_subject_is_subscribed(auth: AuthServer, era: Era) -> None:
    async def go() -> None:
        async with connected(auth, era) as (up, heard):
            await asyncio.gather(*(up.subscribe_resource("notes", NOTES, ANN) for _ in range(2)))
            assert len(watching(up)) == 1
            await up.unsubscribe_resource("notes", NOTES, ANN)
            await asyncio.to_thread(auth.notes.change, "ann")
            await heard.until(["ann"])
            await up.unsubscribe_resource("notes", NOTES, ANN)
            assert watching(up) == {}

    asyncio.run(go())


def test_there_are_only_so_many(auth: AuthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST", 1)

    async def go() -> None:
        async with connected(auth, "modern") as (up, _):
            await up.subscribe_resource("notes", NOTES, ANN)
            with pytest.raises(UpstreamUnavailable, match="1 users are subscribed"):
                await up.subscribe_resource("notes", NOTES, BOB)

    asyncio.run(go())


def watching(up: Upstreams) -> Any:
    return up._own_watching["notes"]._open  # noqa: SLF001
