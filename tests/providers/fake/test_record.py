import asyncio
from dataclasses import replace

from providers.fake.record import Heard, Record, masked


def _heard(number: int) -> Heard:
    return Heard(number, "chat", "POST", "/v1/chat/completions", {}, {"model": "m"})


def test_keys_are_not_kept_but_how_they_came_is() -> None:
    headers = {"authorization": "Bearer sk-secret", "x-api-key": "sk-secret", "accept": "a b", "cookie": "a=sk-secret"}
    assert masked(headers) == {"authorization": "Bearer ***", "x-api-key": "***", "accept": "a b", "cookie": "***"}


def test_what_is_known_later_takes_the_place_of_what_was_known() -> None:
    async def scenario() -> None:
        record = Record()
        await record.put(_heard(1))
        await record.put(_heard(2))
        await record.put(replace(_heard(1), ended="whole"))
        assert [(heard.number, heard.ended) for heard in record.heard] == [(1, "whole"), (2, "")]
        record.clear()
        assert record.heard == ()

    asyncio.run(scenario())


def test_who_waits_for_answers_is_told_when_they_have_ended() -> None:
    async def scenario() -> None:
        record = Record()
        waiting, come = asyncio.create_task(record.until(2)), asyncio.create_task(record.begun(2))
        await record.put(replace(_heard(1), ended="whole"))
        await record.put(_heard(2))
        await come
        assert not waiting.done()
        await record.put(replace(_heard(2), ended="left"))
        assert [heard.ended for heard in await waiting] == ["whole", "left"]

    asyncio.run(scenario())


def test_the_record_does_not_grow_for_ever() -> None:
    async def scenario() -> None:
        record = Record()
        for number in range(10_002):
            await record.put(_heard(number))
        assert (len(record.heard), record.heard[0].number) == (10_000, 2)

    asyncio.run(scenario())


def test_a_request_is_json() -> None:
    assert _heard(1).to_json()["body"] == {"model": "m"}
