"""A process that serves has the fast loop where it is installed, and asyncio's own where it is not."""

import asyncio
import sys

import pytest

from gateway.cli.looping import run


async def loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_what_serves_runs_on_the_fast_loop() -> None:
    assert run(loop()) == "uvloop"


def test_without_it_on_that_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(loop()) == "asyncio.unix_events"


def test_what_it_raises_comes_out() -> None:
    async def broken() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        run(broken())
