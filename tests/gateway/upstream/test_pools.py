"""Which connections a subject's requests go over, to a server that notes where they come from."""

import asyncio

import pytest

from gateway.call import Subject
from gateway.upstream import Http
from gateway.upstream import pools as under_test
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.pools import Pools
from gateway.upstream.streams import Ear
from tests.gateway.upstream.test_pool import BODY, Seen, answers, served

ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n"
OK += b'{"jsonrpc":"2.0","id":1,"result":{}}'


async def asked(pools: Pools, subject: Subject | None) -> Pool:
    async with pools.lent(subject) as pool:
        assert isinstance(await pool.post(1, BODY, {}, timeout=30), Replied)
        return pool


def test_each_subject_has_connections_of_his_own_and_keeps_them() -> None:
    async def go() -> None:
        async with served(answers(OK)) as (url, _):
            pools = Pools(lambda: Pool(Http(url), connect_timeout=60))
            found = [await asked(pools, subject) for subject in (ANN, BOB, ANN, None, Subject("user:ann", "other"))]
            assert found[0] is found[2]
            assert len({id(pool) for pool in found}) == 4
            assert await asked(pools, Subject("user:ann", "acme", "agent:x")) is found[0]
            await pools.aclose()

    asyncio.run(go())


def test_who_has_been_away_for_longest_makes_room_but_nobody_who_waits_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(under_test, "MOST", 1)

    async def go() -> None:
        async with served(answers(OK)) as (url, _):
            pools = Pools(lambda: Pool(Http(url), connect_timeout=60))
            async with pools.lent(ANN) as held:
                await asked(pools, BOB)
                assert await asked(pools, ANN) is held  # bob has gone for her
                assert isinstance(await held.post(1, BODY, {}, timeout=30), Replied)
            bob = await asked(pools, BOB)
            assert await asked(pools, BOB) is bob
            assert await asked(pools, ANN) is not held
            await pools.aclose()

    asyncio.run(go())


def subjects(number: int) -> list[Subject]:
    return [Subject(f"user:u{each}", "acme") for each in range(number)]


def test_many_requests_may_end_at_once_when_there_are_too_many_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST", 2)

    async def go() -> None:
        pools, over = Pools(lambda: Pool(Http("http://127.0.0.1:9/mcp"), connect_timeout=60)), asyncio.Event()

        async def held(subject: Subject) -> None:
            async with pools.lent(subject):
                await over.wait()

        idle, held_ones = subjects(6)[:2], subjects(6)[2:]
        for subject in idle:
            async with pools.lent(subject):
                pass
        tasks = [asyncio.create_task(held(subject)) for subject in held_ones]
        await asyncio.sleep(0)
        over.set()
        await asyncio.gather(*tasks)
        await pools.aclose()

    asyncio.run(go())


def test_no_pool_is_closed_under_a_request_that_began_as_room_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST", 2)

    async def go() -> None:
        async with served(answers(OK)) as (url, _):
            pools, over = Pools(lambda: Pool(Http(url), connect_timeout=60)), asyncio.Event()

            async def held(subject: Subject) -> None:
                async with pools.lent(subject):
                    await over.wait()

            for subject in (ANN, BOB):  # each has a connection that is kept
                await asked(pools, subject)
            first, second = subjects(2)
            ends = asyncio.create_task(held(first))
            async with pools.lent(second):
                await asyncio.sleep(0)
                over.set()
                await asyncio.gather(ends, asyncio.create_task(asked(pools, BOB)))
            await pools.aclose()

    asyncio.run(go())


def test_what_one_subject_is_answered_was_heard_for_all() -> None:
    """It is one server, which may do one thing at a time."""

    async def go() -> None:
        over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
            await seen.request(reader)
            if seen.connections == 2:
                writer.write(OK)
            await over.wait()

        unheard, ear = list[float](), Ear()
        async with served(serve) as (url, seen):
            pools = Pools(lambda: Pool(Http(url), connect_timeout=60, unheard=unheard.append, ear=ear))
            waits = asyncio.create_task(asked(pools, ANN))
            await asyncio.wait_for(seen.arrived.wait(), 30)
            await asked(pools, BOB)
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)
            await pools.aclose()
            over.set()
        assert unheard == []

    asyncio.run(go())
