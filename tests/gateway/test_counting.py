"""A backend that can't count after all costs nobody anything but a little time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.backend import Backend
from gateway.budget import Price
from gateway.counting import counted
from providers import ProviderError, Request
from tests.fixtures.acting import ASKED, timeless


def counting(count: Callable[[Request], Awaitable[int | None]] | None) -> int | None:
    async def scenario() -> int | None:
        return await counted(Backend("a", "a", Price(), count=count), ASKED)

    with timeless() as runner:
        return runner.run(scenario())


def raising(error: Exception) -> Callable[[Request], Awaitable[int | None]]:
    async def count(_request: Request) -> int | None:
        raise error

    return count


async def _seven(_request: Request) -> int | None:
    return 7


async def _never(_request: Request) -> int | None:
    await asyncio.Event().wait()
    return 7


def test_a_backend_that_counts_says_how_many() -> None:
    assert counting(_seven) == 7
    assert counting(None) is None


@pytest.mark.parametrize("error", [ProviderError("server", "no"), TimeoutError(), ImportError("boto3"), KeyError("x")])
def test_one_that_fails_has_not_counted(error: Exception) -> None:
    assert counting(raising(error)) is None


def test_one_that_takes_too_long_has_not_counted() -> None:
    assert counting(_never) is None
