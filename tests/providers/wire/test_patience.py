"""How long a reply is waited for: the time runs only while we wait."""

import asyncio

import pytest

from providers import Deadlines, ProviderError
from providers.wire.patience import Patience


def waited(deadlines: Deadlines, *, heard: bool = False) -> str:
    """What is said when nothing comes."""

    async def scenario() -> str:
        patience = Patience(deadlines)
        if heard:
            patience.heard()
        with pytest.raises(ProviderError) as failed:
            async with asyncio.timeout(10):  # half of what the others allow
                await patience.wait(asyncio.Event().wait())
        assert failed.value.kind == "timeout"
        return str(failed.value)

    return asyncio.run(scenario())


def test_what_did_not_come_is_said() -> None:
    assert waited(Deadlines(0.01, 20, 20)) == "no reply began within 0.01 s"
    assert waited(Deadlines(20, 0.01, 20), heard=True) == "the reply stopped: nothing more came for 0.01 s"
    assert waited(Deadlines(20, 20, 0.01)) == "no whole reply within 0.01 s"
    assert waited(Deadlines(20, 20, 0.01), heard=True) == "no whole reply within 0.01 s"


def test_what_comes_in_time_is_given() -> None:
    async def scenario() -> str:
        return await Patience(Deadlines()).wait(asyncio.sleep(0, "here"))

    assert asyncio.run(scenario()) == "here"


def test_who_is_busy_with_what_came_is_not_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """He reads for a hundred seconds; then the next word is there at once."""

    async def scenario() -> str:
        loop, busy = asyncio.get_running_loop(), 0.0
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + busy)
        patience = Patience(Deadlines(20, 20, 1000))
        patience.heard()
        busy = 100.0
        return await patience.wait(asyncio.sleep(0, "here"))

    assert asyncio.run(scenario()) == "here"


def test_silence_is_counted_over_several_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that complete no event are no sign of life."""

    async def scenario() -> None:
        loop, passed = asyncio.get_running_loop(), 0.0
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + passed)

        async def byte() -> None:
            nonlocal passed
            passed += 15.0

        patience = Patience(Deadlines(20, 20, 1000))
        await patience.wait(byte())
        await patience.wait(byte())
        with pytest.raises(ProviderError, match="no reply began within 20 s"):
            await patience.wait(asyncio.Event().wait())

    asyncio.run(scenario())


def test_a_timeout_of_somebody_else_is_his() -> None:
    async def late() -> None:
        raise TimeoutError("somebody else's")

    async def scenario() -> None:
        with pytest.raises(TimeoutError, match="somebody else's"):
            await Patience(Deadlines()).wait(late())

    asyncio.run(scenario())
