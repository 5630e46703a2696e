"""Which connections a subject's requests go over, to a server that notes where they come from."""

import asyncio

import pytest

from gateway.call import Subject
from gateway.upstream import Http
from gateway.upstream import pools as under_test
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.pools import Pools
from tests.gateway.upstream.test_pool import BODY, answers, served

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
