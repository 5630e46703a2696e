"""What an older server logs while several clients use its one process, without saying whose call it is about."""

import asyncio
from pathlib import Path

from tests.fixtures.lines import over_http
from tests.fixtures.peer import Era, Json, Peer
from tests.fixtures.served import EVERYTHING, Place, hostile

LINE = {"level": "warning", "logger": "x", "data": {"z": 1, "a": 2}}


async def asked(peer: Peer, level: str) -> None:
    """One of the two calls for which the server waits, by a client that wants to hear of this level."""
    meta: Json | None = {"io.modelcontextprotocol/logLevel": level}
    if peer.era == "legacy":
        (await peer.ask("logging/setLevel", {"level": level})).result  # noqa: B018 - that it is one
        meta = None
    reply = await peer.call("pairs__act", meta=meta)
    assert reply.result["content"] == [{"type": "text", "text": "both"}]


def logs(peer: Peer) -> list[Json]:
    return [note["params"] for note in peer.told if note["method"] == "notifications/message"]


async def both(url: str, first: Era, second: Era) -> None:
    async with over_http(url, first, {}) as one, over_http(url, second, {}) as two:
        await asyncio.gather(asked(one, "debug"), asked(two, "info"))
        assert (logs(one), logs(two)) == ([LINE], [LINE])
        one.told.clear()
        two.told.clear()
        await asyncio.gather(asked(one, "debug"), asked(two, "error"))
        assert (logs(one), logs(two)) == ([LINE], [])


def test_each_client_of_one_user_hears_it_at_his_level(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.policy(EVERYTHING)
    eras: tuple[Era, ...] = ("modern", "legacy")
    with place.serve({"pairs": hostile("pairs")}) as gateway:
        for first in eras:
            for second in eras:
                asyncio.run(both(gateway.url, first, second))
