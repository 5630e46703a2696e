"""What a run has read decides what it may still do: text from a server that nobody vouched for taints it."""

import asyncio
from pathlib import Path

import pytest

from gateway.events import Denied, Held, Returned
from tests.fixtures.parts import ANN, Replies, arrivals, calls, opened, says, tally

RULES = """\
p, user:ann,    *, */*,       call, , allow, ann works here
p, agent:clerk, *, */*,       call, , allow, the clerk may do what its user may
p, *,           *, desk/send, call, run.tainted, deny, untrusted text was read
"""


@pytest.mark.parametrize("first", ["look", "fail", "refuse"])  # an answer, a tool's error, a JSON-RPC error: all text
@pytest.mark.parametrize(("trusted", "sent"), [(True, 1), (False, 0)])
def test_an_agents_run_is_tainted_by_the_words_of_an_untrusted_server(
    tmp_path: Path, trusted: bool, sent: int, first: str
) -> None:
    story = (calls((f"desk__{first}", {})), calls(("desk__send", {"word": "out"})), says("Done."))

    async def play() -> None:
        async with opened(tmp_path, tally(tmp_path, trusted=trusted), rules=RULES) as stage:
            run = await stage.drive(await stage.queued(), Replies(*story))
            assert run.status == "succeeded"
            assert run.tainted is not trusted

    asyncio.run(play())
    assert len(arrivals(tmp_path, "send")) == sent


@pytest.mark.parametrize(("trusted", "sent"), [(True, 1), (False, 0)])
def test_a_clients_session_is_tainted_too_and_another_session_is_not(tmp_path: Path, trusted: bool, sent: int) -> None:
    async def play() -> None:
        async with opened(tmp_path, tally(tmp_path, trusted=trusted), rules=RULES) as stage:
            clients = stage.clients()
            async with clients.run(ANN, "first") as first, clients.run(ANN, "second") as second:
                await first.call("desk/look", {})
                result = await first.call("desk/send", {"word": "out"})
                assert isinstance(result, Returned if trusted else Denied)
                assert isinstance(await second.call("desk/send", {"word": "elsewhere"}), Returned)

    asyncio.run(play())
    assert [arrived["arguments"]["word"] for arrived in arrivals(tmp_path, "send")][:sent] == ["out"] * sent


def test_a_call_that_was_held_or_denied_taints_nothing(tmp_path: Path) -> None:
    rules = RULES + "p, *, *, desk/look, call, , ask, looking needs a person\n"

    async def play() -> None:
        async with (
            opened(tmp_path, tally(tmp_path, trusted=False), rules=rules) as stage,
            stage.clients().run(ANN, "client") as client,
        ):
            assert isinstance(await client.call("desk/look", {}), Held)
            assert isinstance(await client.call("desk/send", {"word": "out"}), Returned)

    asyncio.run(play())
