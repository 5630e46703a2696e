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


def test_a_timeout_of_somebody_else_is_his() -> None:
    async def late() -> None:
        raise TimeoutError("somebody else's")

    async def scenario() -> None:
        with pytest.raises(TimeoutError, match="somebody else's"):
            await Patience(Deadlines()).wait(late())

    asyncio.run(scenario())
