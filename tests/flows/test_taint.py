"""What a run has read decides what it may still do: text from a server that nobody vouched for taints it."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, JsonObject, Subject, outcome_from_json, outcome_to_json
from gateway.clients import ClientRun, Exchange
from gateway.earlier import MOST_READ
from gateway.events import Denied, Held, Returned
from gateway.pipeline import CallResult
from tests.fixtures.parts import ANN, ANN_VIA_CLERK, BOB, PATIENCE, Replies, arrivals, calls, opened, says, tally
from tests.flows.test_sources import pages

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


LOOKED = Returned("call/1", outcome_to_json(Answered({"content": []})), {"tool_calls": 1}, tainting=True)


@pytest.mark.parametrize(
    ("who", "title", "follows", "tainted"),
    [
        (ANN, "an  editor", 1800.0, True),  # spaces are not told apart in a title
        (ANN, "an editor", 0.0, False),
        (ANN, "another", 1800.0, False),
        (BOB, "an editor", 1800.0, False),
        (ANN_VIA_CLERK, "an editor", 1800.0, False),
    ],
)
def test_a_client_that_goes_on_at_another_gateway_brings_its_taint_along(
    tmp_path: Path, who: Subject, title: str, follows: float, tainted: bool
) -> None:
    async def play() -> None:
        async with (
            opened(tmp_path, tally(tmp_path, trusted=False), rules=RULES) as stage,
            stage.clients().run(ANN, "an editor") as run,
        ):
            await run.call("desk/look", {})
        async with opened(tmp_path, tally(tmp_path, trusted=False), rules=RULES) as stage:
            later = await stage.clients().open(who, title, follows=follows)
            again = await stage.clients().open(who, title, follows=follows)  # the taint is on record, not in the run
            await later.close()
            for each in (later, again):
                assert (await stage.run(each.run_id)).tainted is tainted
            if who == ANN:
                result = await again.call("desk/send", {"word": "out"})
                assert isinstance(result, Denied if tainted else Returned)

    asyncio.run(play())


def test_a_client_that_was_silent_for_long_begins_anew_also_if_its_run_is_closed_only_now(tmp_path: Path) -> None:
    times = [round((time.time() - 3600) * 1000)]

    async def play() -> None:
        async with opened(tmp_path, rules=RULES, clock=lambda: times[0]) as stage:
            old = await stage.clients().open(ANN, "an editor")
            await stage.files.append(old.run_id, [LOOKED], lease=None)
            times[0] += 3_600_000
            await old.close()
            new = await stage.clients().open(ANN, "an editor", follows=1800.0)
            assert not (await stage.run(new.run_id)).tainted

    asyncio.run(play())


def test_a_run_that_is_too_long_to_read_counts_as_tainted(tmp_path: Path) -> None:
    async def play() -> None:
        async with opened(tmp_path, rules=RULES) as stage:
            old = await stage.clients().open(ANN, "an editor")
            await stage.files.append(old.run_id, [replace(LOOKED, tainting=False)] * MOST_READ, lease=None)
            new = await stage.clients().open(ANN, "an editor", follows=1800.0)
            assert (await stage.run(new.run_id)).tainted

    asyncio.run(play())


class Asking:
    """A client that hears and answers everything, and makes a call of its own when it is told something."""

    key, modern, wants_progress, log_level, spared = "k", False, True, "debug", False

    def __init__(self, run: ClientRun) -> None:
        self.capabilities: JsonObject = {"elicitation": {}}
        self._run = run
        self.results: list[CallResult] = []

    def hear(self, method: str, params: JsonObject) -> None:
        """It reads it."""

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        del method, params
        self.results.append(await self._run.call("desk/send", {"word": "out"}))
        return {"action": "accept", "content": {}}


QUESTION = {"message": "Send it out?", "requestedSchema": {"type": "object", "properties": {}}}
ASKS = {"content": [], "before": [{"method": "elicitation/create", "params": QUESTION}]}


@pytest.mark.parametrize(("trusted", "sent"), [(True, 1), (False, 0)])
def test_a_call_that_is_made_while_an_untrusted_server_asks_is_judged_as_tainted(
    tmp_path: Path, trusted: bool, sent: int
) -> None:
    async def play() -> None:
        servers = (tally(tmp_path), pages(tmp_path, trusted=trusted, asks=ASKS))
        async with opened(tmp_path, *servers, rules=RULES) as stage, stage.clients().run(ANN, "client") as client:
            asking = Asking(client)
            await client.call("web/fetch", {"page": "asks"}, None, Exchange(asking))
            assert [type(result) for result in asking.results] == [Returned if trusted else Denied]

    asyncio.run(play())
    assert len(arrivals(tmp_path, "send")) == sent


class Hanging(Asking):
    """It does not answer."""

    def __init__(self, run: ClientRun) -> None:
        super().__init__(run)
        self.asked = asyncio.Event()

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError((method, params))


def test_what_was_said_before_a_call_was_given_up_is_on_record(tmp_path: Path) -> None:
    async def play() -> None:
        async with asyncio.timeout(PATIENCE), opened(tmp_path, pages(tmp_path, asks=ASKS), rules=RULES) as stage:
            async with stage.clients().run(ANN, "client") as client:
                asking = Hanging(client)
                call = asyncio.create_task(client.call("web/fetch", {"page": "asks"}, None, Exchange(asking)))
                await asking.asked.wait()
                call.cancel()
                await asyncio.wait({call})
            last = [event for event in await stage.events(client.run_id) if isinstance(event, Returned)][-1]
            assert isinstance(outcome_from_json(last.outcome), InDoubt)
            assert (await stage.run(client.run_id)).tainted

    asyncio.run(play())


@pytest.mark.parametrize("how", ["read", "get", "complete"])
def test_whatever_is_read_of_an_untrusted_server_taints(tmp_path: Path, how: str) -> None:
    allow = "".join(f"p, user:ann, *, */*, {action}, , allow, ann works here\n" for action in ("read", "get"))
    results: dict[str, Any] = {
        "resource": {"contents": [{"uri": "page://one", "text": "x"}]},
        "prompt": {"messages": []},
        "completion": {"completion": {"values": ["x"]}},
    }

    async def play() -> None:
        servers = (tally(tmp_path), pages(tmp_path, **results))
        async with (
            opened(tmp_path, *servers, rules=RULES + allow) as stage,
            stage.clients().run(ANN, "client") as client,
        ):
            assert isinstance(await client.call("desk/send", {"word": "before"}), Returned)
            match how:
                case "read":
                    read = await client.read("page://one")
                case "get":
                    read = await client.get("web/ask", {})
                case _:
                    reference = {"type": "ref/prompt", "name": "web/ask"}
                    read = await client.complete({"ref": reference, "argument": {"name": "a", "value": "b"}})
            assert isinstance(read, Returned)
            assert isinstance(await client.call("desk/send", {"word": "after"}), Denied)

    asyncio.run(play())
