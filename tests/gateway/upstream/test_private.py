"""Connections of one client's own, against a real server that asks."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Answered, Call, InDoubt, InputRequired, JsonObject, Subject, Unsent
from gateway.upstream import Http, ServerSpec, Stdio, Upstreams
from gateway.upstream import private as under_test
from gateway.upstream.forwarding import forward
from gateway.upstream.given import Errand

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Client:
    """A caller with a name, who answers with it."""

    def __init__(self, name: str, *, modern: bool = False, asks: bool = True) -> None:
        self.key, self.name, self.modern = f"key {name}", name, modern
        self.capabilities: JsonObject = {"roots": {}, "elicitation": {"form": {}}, "sampling": {}} if asks else {}
        self.wants_progress, self.log_level, self.spared = False, "debug", False
        self.asked: list[str] = []
        self.questions: list[Any] = []
        self.heard: list[Any] = []

    def hear(self, method: str, params: JsonObject) -> None:
        self.heard.append(params.get("data"))

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.asked.append(method)
        self.questions.append(params.get("message"))
        await asyncio.sleep(0.01)  # others get in between
        return {"roots": [{"uri": f"file:///{self.name}"}]}


def everything(era: str = "both", **more: Any) -> ServerSpec:
    arguments = ("-m", "tests.fixtures.everything", "stdio", "--era", era)
    return ServerSpec("e", Stdio(sys.executable, arguments, {"PYTHONPATH": str(ROOT)}, str(ROOT)), **more)


def pids(up: Upstreams) -> list[int | None]:
    return [own.server.status().pid for own in up._private["e"]._open]  # noqa: SLF001


def answer_of(outcome: Any) -> Any:
    assert isinstance(outcome, Answered), outcome
    return outcome.result["structuredContent"]["answer"]


def test_each_client_is_asked_what_his_own_call_made_the_server_ask(call: Any) -> None:
    async def scenario() -> None:
        clients = [Client(f"c{number}", modern=number % 2 == 0) for number in range(4)] * 3
        async with Upstreams({"e": everything("legacy")}) as up:
            outcomes = await asyncio.gather(
                *(up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=client) for client in clients)
            )
            for client, outcome in zip(clients, outcomes, strict=True):
                assert answer_of(outcome) == {"roots": [{"uri": f"file:///{client.name}"}]}
        assert {tuple(client.asked) for client in clients} == {("roots/list",) * 3}

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


def test_whether_a_call_may_still_leave_is_asked_once_the_connection_of_its_client_is_there(call: Any) -> None:
    async def scenario() -> None:
        client, waited = Client("c"), Unsent("it has changed since")
        async with Upstreams({"e": everything("legacy")}) as up:

            def objection() -> Unsent | None:
                assert [own.server.available for own in up._private["e"]._open] == [True]  # noqa: SLF001
                return waited

            asked = up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=client, objection=objection)
            assert await asked is waited
            assert client.asked == []

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


@contextlib.contextmanager
def asking(mode: str) -> Iterator[ServerSpec]:
    """The server of `asking_http.py`."""
    command = [sys.executable, "-S", str(ROOT / "tests" / "fixtures" / "asking_http.py"), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield ServerSpec("e", Http(process.stdout.readline().strip()), era="legacy")
        finally:
            process.kill()


@pytest.mark.parametrize(("mode", "asked"), [("slow", 1), ("quiet", 1), ("none", 0)])
def test_the_first_question_is_not_lost_because_the_stream_for_it_is_slow_to_open(
    mode: str, asked: int, call: Any
) -> None:
    async def scenario(spec: ServerSpec) -> None:
        async with Upstreams({"e": spec}) as up:
            client = Client("c")
            outcome = await up.forward(call("e/act"), timeout=PATIENCE, meta={}, caller=client)
            assert isinstance(outcome, Answered), outcome
            assert ("lost" in str(outcome.result)) is not bool(asked)
            assert client.asked == ["elicitation/create"] * asked

    with asking(mode) as spec:
        asyncio.run(asyncio.wait_for(scenario(spec), 2 * PATIENCE))


def test_a_late_question_on_the_stream_of_a_call_that_was_given_up_is_refused_and_not_put_as_another_calls(
    call: Any,
) -> None:
    async def scenario(spec: ServerSpec) -> None:
        async with Upstreams({"e": spec}) as up:
            client = Client("c")
            await given_up(up, call("e/act", {"hold": True}), client)
            outcome = await up.forward(call("e/act"), timeout=PATIENCE, meta={}, caller=client)
            assert words(outcome) == "error"
            assert client.asked == []

    with asking("late") as spec:
        asyncio.run(asyncio.wait_for(scenario(spec), 2 * PATIENCE))


def test_one_session_keeps_its_connection_and_a_modern_client_gets_a_free_one_again(call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything("legacy")}) as up:
            for client in (Client("old"), Client("new", modern=True)):
                for _ in range(2):
                    answer_of(await up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=client))
            assert len(set(pids(up))) == 2
            up.forget("key old")
            assert len(pids(up)) == 1

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


def test_who_cannot_be_asked_shares_the_public_connection(call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything("legacy")}) as up:
            quiet = Client("quiet", asks=False)
            outcome = await up.forward(call("e/test_simple_text"), timeout=PATIENCE, meta={}, caller=quiet)
            assert isinstance(outcome, Answered)
            assert pids(up) == []

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_modern_client_of_a_modern_server_is_asked_by_an_answer(call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything()}) as up:
            modern = Client("m", modern=True)
            outcome = await up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=modern)
            assert isinstance(outcome, InputRequired)
            assert (modern.asked, pids(up)) == ([], [])

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_server_that_speaks_only_the_modern_era_is_used_as_it_is(call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything("modern")}) as up:
            old = Client("old")
            for _ in range(2):
                outcome = await up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=old)
                assert isinstance(outcome, InputRequired)
            assert pids(up) == []

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


def test_requests_that_wait_together_for_a_connection_that_is_refused_all_go_on(call: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything("modern")}) as up:
            calls = (up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=Client("old")) for _ in range(3))
            assert [type(outcome) for outcome in await asyncio.gather(*calls)] == [InputRequired] * 3

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


def test_one_subject_does_not_take_the_connections_of_the_others(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST", 3)
    monkeypatch.setattr(under_test, "MOST_EACH", 2)
    ann, bob = Subject("user:ann", "acme"), Subject("user:bob", "acme")

    async def scenario() -> None:
        async with Upstreams({"e": everything("legacy")}) as up, contextlib.AsyncExitStack() as in_use:
            await up.forward(call("e/test_simple_text"), timeout=PATIENCE, meta={}, caller=Client("quiet", asks=False))
            private = up._private["e"]  # noqa: SLF001 - a request that lasts as long as we want
            first = contextlib.AsyncExitStack()
            await first.enter_async_context(private.lent(Client("one"), ann))
            await in_use.enter_async_context(private.lent(Client("two"), ann))
            refused = await in_use.enter_async_context(private.lent(Client("three"), replace(ann, agent="agent:desk")))
            assert refused == "2 connections to it are in use for you"
            assert not isinstance(await in_use.enter_async_context(private.lent(Client("four"), bob)), str)
            assert (
                await in_use.enter_async_context(private.lent(Client("five"), bob)) == "3 connections to it are in use"
            )
            await first.aclose()
            assert not isinstance(await in_use.enter_async_context(private.lent(Client("three"), ann)), str)
            assert len(private._open) == 3  # noqa: SLF001

    asyncio.run(asyncio.wait_for(scenario(), 2 * PATIENCE))


def test_a_connection_that_nobody_uses_any_more_is_closed_also_when_nobody_comes(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": everything("legacy")}) as up:
            answer_of(await up.forward(call("e/ask_roots"), timeout=PATIENCE, meta={}, caller=Client("old")))
            assert len(pids(up)) == 1
            monkeypatch.setattr(under_test, "IDLE_SECONDS", 0.0)
            up._private["e"]._swept()  # noqa: SLF001 - in place of the 300 seconds
            assert pids(up) == []

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_who_leaves_while_a_connection_is_made_for_him_leaves_none_behind(
    hostile: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "IDLE_SECONDS", 0.01)

    async def scenario() -> None:
        async with Upstreams({"e": replace(hostile("mirror"), name="e")}) as up:
            private = up._private["e"]  # noqa: SLF001
            monkeypatch.setattr(private, "_spec", replace(hostile("hang"), connect_timeout=3600.0))
            leaving = asyncio.ensure_future(up.forward(call("e/act"), timeout=PATIENCE, meta={}, caller=Client("c")))
            while not private._open:  # noqa: SLF001, ASYNC110 - nobody tells
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            while private._open:  # noqa: SLF001, ASYNC110 - nobody tells
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


ANN, BOB = Subject("user:ann", "acme"), Subject("user:bob", "acme")


@pytest.fixture
def late(hostile: Any) -> ServerSpec:
    """A server that goes on with calls that were given up, and asks and logs about them when the next one comes."""
    spec: ServerSpec = replace(hostile("late"), name="e")
    return spec


@pytest.fixture
def act(call: Any) -> Any:
    """`act(ANN, "hold")`"""

    def make(subject: Subject, what: str) -> Call:
        made: Call = replace(call("e/act", {what: True}), subject=subject)
        return made

    return make


async def given_up(up: Upstreams, held: Call, client: Client) -> None:
    """It is with the server when its time is over."""
    seconds = 0.2
    while not isinstance(await up.forward(held, timeout=seconds, meta={}, caller=client), InDoubt):
        seconds *= 5


def words(outcome: Any) -> str:
    assert isinstance(outcome, Answered), outcome
    return str(outcome.result["content"][0]["text"])


def test_on_a_process_that_all_share_nobody_is_asked(
    late: ServerSpec, act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MOST_EACH", 0)  # there is no connection of anybody's own

    async def scenario() -> None:
        async with Upstreams({"e": late}) as up:
            ann, bob = Client("ann"), Client("bob")
            await given_up(up, act(ANN, "hold"), ann)
            said = words(await up.forward(act(BOB, "ask"), timeout=PATIENCE, meta={}, caller=bob))
            assert (ann.asked, bob.asked) == ([], [])
            assert "not supported" in said

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_late_question_of_a_call_that_was_given_up_is_not_put_to_the_next_request(late: ServerSpec, act: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": late}) as up:
            client = Client("m", modern=True)
            await given_up(up, act(ANN, "hold"), client)
            words(await up.forward(act(ANN, "ask"), timeout=PATIENCE, meta={}, caller=client))
            assert "Password of 0 held?" in str(client.questions)
            assert len(pids(up)) == 2

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_connection_whose_server_has_answered_late_is_used_again(late: ServerSpec, act: Any) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": late}) as up:
            client = Client("m", modern=True)
            await given_up(up, act(ANN, "hold"), client)
            server = up._private["e"]._open[0].server  # noqa: SLF001
            before = server.at_rest
            await forward(server, act(ANN, "release"), Errand(PATIENCE))
            assert (before, server.at_rest) == (False, True)
            words(await up.forward(act(ANN, "ask"), timeout=PATIENCE, meta={}, caller=client))
            assert len(pids(up)) == 1

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


@pytest.mark.parametrize("spared", [False, True])
@pytest.mark.parametrize("how", ["timed out", "cancelled"])
def test_what_a_server_logs_late_of_one_persons_call_is_not_told_to_another_nor_what_is_redacted(
    how: str, spared: bool, late: ServerSpec, act: Any
) -> None:
    async def scenario() -> None:
        async with Upstreams({"e": late}) as up:
            ann, bob = Client("ann", asks=False), Client("bob", asks=False)
            ann.spared = spared
            if how == "timed out":
                await given_up(up, act(ANN, "hold"), ann)
            else:
                held = asyncio.ensure_future(up.forward(act(ANN, "hold"), timeout=PATIENCE, meta={}, caller=ann))
                while words(await up.forward(act(ANN, "none"), timeout=PATIENCE, meta={})) != "1 held":
                    pass
                held.cancel()
                await asyncio.gather(held, return_exceptions=True)
            whose, hears = (ANN, Client("again", asks=False)) if spared else (BOB, bob)
            assert words(await up.forward(act(whose, "log"), timeout=PATIENCE, meta={}, caller=hears)) == "1 held"
            assert (ann.heard, hears.heard) == ([], [])
            await up.forward(act(BOB, "release"), timeout=PATIENCE, meta={}, caller=bob)
            await up.forward(act(BOB, "log"), timeout=PATIENCE, meta={}, caller=bob)
            assert bob.heard == ["of 0 held"]

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_server_that_refused_a_further_connection_is_asked_for_one_again_later(
    hostile: Any, act: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        once = tmp_path / "once"
        async with Upstreams({"e": replace(hostile("late", env={"ONCE": str(once)}), name="e")}) as up:
            private, client = up._private["e"], Client("c")  # noqa: SLF001
            words(await up.forward(act(ANN, "ask"), timeout=PATIENCE, meta={}, caller=client))
            once.unlink()
            words(await up.forward(act(ANN, "ask"), timeout=PATIENCE, meta={}, caller=client))
            assert client.asked == []  # it is left alone for a while
            monkeypatch.setattr(private, "_refused_until", 0.0)
            words(await up.forward(act(ANN, "ask"), timeout=PATIENCE, meta={}, caller=client))
            assert client.asked == ["elicitation/create"]

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_what_one_client_is_listed_more_than_others_is_there_and_takes_nothing_from_another(
    hostile: Any, call: Any
) -> None:
    """As the reference server does it: a tool that asks is listed to whoever can be asked, and to nobody else."""

    async def scenario() -> None:
        ann, bob = Client("ann"), Client("bob")
        ann.capabilities, bob.capabilities = {"elicitation": {"form": {}}}, {"sampling": {}}
        async with Upstreams({"e": replace(hostile("more"), name="e")}) as up:
            assert set(up.catalogue.tools) == {"e/act"}
            await up.forward(call("e/act", {}), timeout=9, meta={}, caller=ann)
            await offered(up, {"e/act", "e/elicitation"})
            await up.forward(call("e/act", {}), timeout=9, meta={}, caller=bob)
            await offered(up, {"e/act", "e/elicitation", "e/sampling"})
            for client, tool in ((ann, "elicitation"), (bob, "sampling")):
                outcome = await up.forward(call(f"e/{tool}", {}), timeout=9, meta={}, caller=client)
                assert words(outcome) == tool

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


async def offered(up: Upstreams, tools: set[str]) -> None:
    """Waits until these are all that there are."""
    changed = asyncio.Event()
    end = up.subscribe(changed.set)
    while set(up.catalogue.tools) != tools:
        changed.clear()
        await changed.wait()
    end()
