"""What becomes of a request to a server that is kept alive, when we fail ourselves or the server says no."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import mcp_types as types
import pytest

from gateway.call import Outcome, Refused
from gateway.upstream import ServerSpec, Stdio
from gateway.upstream.connection import Link
from gateway.upstream.forwarding import FAILED, follow, forward
from gateway.upstream.given import Errand
from gateway.upstream.supervise import Supervisor
from gateway.upstream.wanted import Wanted

NO = Refused(types.METHOD_NOT_FOUND, "no such method")


class Connected:
    """A connection whose requests end so."""

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.link, self._outcome = Link(), outcome

    def mirrored(self, *_: Any) -> dict[str, str]:
        return {}

    def as_taken(self, asked: Wanted, *_: Any) -> Wanted:
        return asked

    async def forward(self, *_: Any) -> Outcome:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class Kept:
    """As much of a supervisor as a request needs."""

    def __init__(self, connection: Connected) -> None:
        self.connection = connection
        self.spec = ServerSpec("desk", Stdio("desk"))

    async def reached(self, _patience: float) -> Connected:
        return self.connection


def outcomes(connection: Connected, call: Any) -> list[Outcome]:
    """Of a call and of a request about a task."""
    server, errand = cast("Supervisor", Kept(connection)), Errand(1.0)

    async def scenario() -> list[Outcome]:
        asked = Wanted("tasks/get", "t", b'"taskId":"t"')
        read = await forward(server, call, errand)
        connection.link.unlike.clear()
        return [read, await follow(server, asked, errand)]

    return asyncio.run(scenario())


@pytest.fixture
def read(call: Any) -> Any:
    return replace(call("desk/x"), action="read")


def test_a_defect_of_ours_leaves_a_call_and_what_is_asked_of_its_task_in_doubt(
    read: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert outcomes(Connected(ZeroDivisionError()), read) == [FAILED, FAILED]
    assert caplog.messages == ["forwarding to server desk failed"] * 2


def test_what_a_server_refuses_may_tell_that_it_is_of_another_era_whichever_way_it_is_asked(read: Any) -> None:
    connection = Connected(NO)
    assert outcomes(connection, read) == [NO, NO]
    assert connection.link.unlike.is_set()
