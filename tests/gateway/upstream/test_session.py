import asyncio
import sys

import pytest

from gateway.call import Answered, Refused
from gateway.errors import UpstreamUnavailable
from gateway.upstream import Session, Stdio, open_session
from tests.fixtures import nursery


async def within(transport: Stdio) -> tuple[str, list[str], object, object]:
    async with open_session("echo", transport, 30.0) as session:
        assert isinstance(session, Session)
        names = [tool.name for tool in await session.tools()]
        here, gone = await session.call("echo", {"text": "hi"}), await session.call("no_such_tool", {})
        return session.protocol_version, names, here, gone


def test_a_session_lists_and_calls_also_what_is_not_listed() -> None:
    program, *arguments = nursery.command("echo_server.py", "stdio")
    version, names, here, gone = asyncio.run(within(Stdio(program, tuple(arguments))))
    assert version
    assert "echo" in names
    assert isinstance(here, Answered)
    assert here.result["content"][0]["text"] == "hi"
    assert isinstance(gone, Answered | Refused)


def test_a_program_that_ends_says_why() -> None:
    with pytest.raises(UpstreamUnavailable, match="no good"):
        asyncio.run(within(Stdio(sys.executable, ("-c", "import sys; sys.exit('no good')"))))


def test_a_program_that_is_not_there_says_so() -> None:
    with pytest.raises(UpstreamUnavailable, match="no-such-program"):
        asyncio.run(within(Stdio("no-such-program")))
