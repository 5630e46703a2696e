"""A run's events over HTTP: each once and in order, to its own user only, from where its reader left off."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.auth import Headers, Refusal
from gateway.call import Subject
from gateway.events import Cancelled, Paused
from gateway.identity import Identity
from gateway.serve import watching as module
from gateway.serve.door import Door, Entry
from gateway.serve.edge import Edge
from gateway.serve.watching import Watching
from gateway.store.lease import owner_name
from gateway.store.sqlite import SqliteStore
from tests.builders import QUEUED, STARTED, admitted, returned, wanted
from tests.fixtures.asgi import Forbidden, Peer, scope

PATIENCE = 60.0
PATH = "/runs/r-1/events"
ENDED = Cancelled("user:ann", "enough, says tg_secret")


class Keys:
    """Knows who has which word, and whether he may answer. What is in `revoked` is good no more."""

    def __init__(self) -> None:
        self.revoked: set[bytes] = set()

    async def authenticate(self, headers: Headers, path: str) -> Identity | Refusal:
        assert path == "/approvals"  # whoever may answer may watch
        given = dict(headers).get(b"authorization", b"")
        if given in self.revoked:
            return Refusal(401, "Bearer")
        who = {b"ann": "user:ann", b"bob": "user:bob"}.get(given)
        return Identity(Subject(who, "acme")) if who else Refusal(403 if given == b"agent" else 401, "Bearer")


class House:
    """A gateway in which one run can be watched."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.keys = store, Keys()
        self.watching = Watching(store, lambda told: json.loads(json.dumps(told).replace("tg_secret", "***")))
        entry = Entry(Subject("user:me", "here"), self.keys, watching=self.watching)
        self.edge = Edge(Forbidden, Door(entry))

    async def ask(self, peer: Peer, who: str = "ann", path: str = PATH, *, last: str = "", method: str = "GET") -> None:
        path, _, query = path.partition("?")
        headers = [(b"host", b"127.0.0.1:80"), (b"authorization", who.encode())]
        headers += [(b"last-event-id", last.encode())] if last else []
        request = {**scope(headers, path=path, method=method), "query_string": query.encode(), "state": {}}
        async with asyncio.timeout(PATIENCE):
            await self.edge(request, peer.receive, peer.send)

    async def said(self, *arguments: Any, **more: Any) -> Peer:
        await self.ask(peer := Peer(), *arguments, **more)
        return peer


def told(peer: Peer) -> list[tuple[int, str]]:
    """The id of each event, and its name."""
    found = []
    for frame in peer.answer.body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in frame.splitlines() if ": " in line)
        if "data" in lines:
            fact = json.loads(lines["data"])
            assert (fact["run"], str(fact["seq"])) == ("r-1", lines["id"])
            found.append((fact["seq"], fact["event"]))
    return found


def within(tmp_path: Path, scenario: Callable[[House], Awaitable[None]], *events: Any) -> None:
    async def work() -> None:
        store = SqliteStore(tmp_path / "store.db")
        try:
            await store.append("r-1", [QUEUED, STARTED, *events], lease=None)
            await scenario(House(store))
        finally:
            store.close()

    asyncio.run(work())


async def comes(peer: Peer, count: int) -> None:
    """Returns when so many events have come."""
    async with asyncio.timeout(PATIENCE):
        while len(told(peer)) < count:  # noqa: ASYNC110 - it is what is waited for
            await asyncio.sleep(0.01)


def test_all_that_happens_comes_as_it_happens_and_ends_with_the_run(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        reading = asyncio.create_task(house.ask(peer := Peer()))
        await comes(peer, 2)
        await house.store.append("r-1", [ENDED], lease=None)
        await reading
        assert told(peer) == [(1, "queued"), (2, "started"), (3, "cancelled")]
        assert (peer.answer.status, peer.answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert peer.answer.headers["cache-control"] == "no-store"
        assert b"tg_secret" not in peer.answer.body

    within(tmp_path, scenario)


def test_a_reader_goes_on_behind_what_he_has_seen_and_is_told_when_there_is_nothing_more(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        assert told(await house.said("ann", f"{PATH}?after=1")) == [(2, "started"), (3, "cancelled")]
        assert told(await house.said("ann", f"{PATH}?after=1", last="2")) == [(3, "cancelled")]
        over = await house.said("ann", last="3")
        assert (over.answer.status, over.answer.body) == (204, b"")

    within(tmp_path, scenario, ENDED)


def test_what_follows_the_end_is_told_before_there_is_nothing_more(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        lease = await house.store.acquire("r-1", owner_name(), 3600.0)
        await house.store.stop("r-1", ENDED)
        first = asyncio.create_task(house.ask(new := Peer()))
        await comes(new, 6)
        behind = asyncio.create_task(house.ask(old := Peer(), last="5"))  # he is not told that this was all
        await comes(old, 1)
        await house.store.append("r-1", [returned(1)], lease=lease)
        await asyncio.gather(first, behind)
        assert told(new)[-2:] == told(old) == [(6, "cancelled"), (7, "returned")]
        over = await house.said("ann", last="7")
        assert (over.answer.status, over.answer.body) == (204, b"")

    within(tmp_path, scenario, *wanted(1, "shop/refund"), admitted(1))


def test_it_may_end_as_well_where_the_run_rests(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        assert told(await house.said("ann", f"{PATH}?until=rest"))[-1] == (3, "paused")

    within(tmp_path, scenario, Paused("person", "", by="user:ann"))


@pytest.mark.parametrize(
    ("who", "path", "method", "status"),
    [
        ("bob", PATH, "GET", 404),
        ("ann", "/runs/r-9/events", "GET", 404),
        ("ann", "/runs/r-/events", "GET", 404),  # the beginning of an id is none
        ("agent", PATH, "GET", 403),
        ("nobody", PATH, "GET", 401),
        ("ann", PATH, "POST", 405),
        ("ann", f"{PATH}?after=x", "GET", 400),
        ("ann", f"{PATH}?until=never", "GET", 400),
    ],
)
def test_what_is_not_ones_own_is_not_there(tmp_path: Path, who: str, path: str, method: str, status: int) -> None:
    async def scenario(house: House) -> None:
        peer = await house.said(who, path, method=method)
        assert (peer.answer.status, told(peer) if status == 200 else []) == (status, [])
        assert b"queued" not in peer.answer.body

    within(tmp_path, scenario)


def test_a_run_of_the_same_user_in_another_tenant_is_not_his(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.store.append("r-2", [replace(QUEUED, tenant="globex")], lease=None)
        assert (await house.said("ann", "/runs/r-2/events")).answer.status == 404

    within(tmp_path, scenario)


@pytest.mark.parametrize("how", ["he goes", "we end", "his key is revoked"])
def test_a_stream_ends_when_nobody_should_hear_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)

    async def scenario(house: House) -> None:
        reading = asyncio.create_task(house.ask(peer := Peer()))
        await comes(peer, 2)
        if how == "he goes":
            peer.go()
        elif how == "we end":
            house.edge.close()
        else:
            house.keys.revoked.add(b"ann")
        await reading
        assert told(peer) == [(1, "queued"), (2, "started")]

    within(tmp_path, scenario)


def test_a_silent_stream_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)

    async def scenario(house: House) -> None:
        reading = asyncio.create_task(house.ask(peer := Peer()))
        async with asyncio.timeout(PATIENCE):
            while b":\n\n:\n\n" not in peer.answer.body:  # noqa: ASYNC110 - it is what is waited for
                await asyncio.sleep(0.01)
        peer.go()
        await reading

    within(tmp_path, scenario)


def test_one_person_has_so_many_streams_at_once_and_gets_another_when_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EACH", 1)

    async def scenario(house: House) -> None:
        reading = asyncio.create_task(house.ask(peer := Peer()))
        await comes(peer, 2)
        refused = await house.said("ann")
        assert (refused.answer.status, refused.answer.headers["retry-after"]) == (429, "5")
        assert (await house.said("bob")).answer.status == 404  # who is somebody else
        peer.go()
        await reading
        await house.store.append("r-1", [ENDED], lease=None)
        assert told(await house.said("ann"))[-1] == (3, "cancelled")

    within(tmp_path, scenario)


def test_where_nobody_watches_there_is_nothing(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        house.edge = Edge(Forbidden, Door(Entry(Subject("user:ann", "acme"))))
        assert (await house.said("ann")).answer.status == 404

    within(tmp_path, scenario)
