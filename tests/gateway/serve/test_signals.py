"""A signal is a wish, while somebody listens."""

import asyncio
import os
import signal
import threading

import pytest

from gateway.serve.signals import on_stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_told_each_time_and_ends_nothing_by_itself(number: signal.Signals) -> None:
    async def scenario() -> int:
        told = asyncio.Semaphore(0)
        with on_stop(told.release):
            for _ in range(2):
                os.kill(os.getpid(), number)
                async with asyncio.timeout(60):
                    await told.acquire()
        return 2

    assert asyncio.run(scenario()) == 2


def test_afterwards_signals_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def scenario() -> None:
        with on_stop(lambda: None):
            assert signal.getsignal(signal.SIGTERM) != before

    asyncio.run(scenario())
    assert signal.getsignal(signal.SIGTERM) == before


def test_outside_the_main_thread_there_are_no_signals_to_hear() -> None:
    async def scenario() -> None:
        with on_stop(lambda: None):
            pass

    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(scenario())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []
