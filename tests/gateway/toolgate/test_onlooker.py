"""What goes wrong in a program's watcher is told in the log, and the run goes on."""

import asyncio
from pathlib import Path

import pytest

from gateway.events import Recorded, event_name
from gateway.toolgate import Toolgate
from providers import StreamEvent

PATIENCE = 120.0
WHOLE = ["queued", "started", "model_asked", "model_answered", "succeeded"]


class Failing:
    """It fails at everything."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def recorded(self, recorded: Recorded) -> None:
        self.heard.append(event_name(recorded.event))
        raise ValueError("the window is closed")

    def streamed(self, event: StreamEvent) -> None:
        raise ValueError("the window is closed")


def test_a_watcher_that_fails_at_everything_breaks_no_run_and_is_told_of_once(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate, asyncio.timeout(PATIENCE):
            failing = Failing()
            assert (await gate.run("hi", watcher=failing)).output == "One."
            assert failing.heard == WHOLE

    asyncio.run(scenario())
    (told,) = [record for record in caplog.records if record.name == "toolgate.python"]
    assert told.getMessage() == "a watcher failed at `Recorded`; the run goes on"
    assert told.exc_info is not None
    assert "the window is closed" in str(told.exc_info[1])


def test_who_is_called_off_while_his_watcher_is_asked_is_called_off(project: Path) -> None:
    class Leaving(Failing):
        def recorded(self, recorded: Recorded) -> None:
            raise asyncio.CancelledError

    async def scenario() -> None:
        async with Toolgate.open() as gate, asyncio.timeout(PATIENCE):
            with pytest.raises(asyncio.CancelledError):
                await gate.run("hi", watcher=Leaving())

    asyncio.run(scenario())
