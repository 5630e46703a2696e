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

from gateway.call import Answered, InputRequired, JsonObject, Subject
from gateway.upstream import Http, ServerSpec, Stdio, Upstreams
from gateway.upstream import private as under_test

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0


class Client:
    """A caller with a name, who answers with it."""

    def __init__(self, name: str, *, modern: bool = False, asks: bool = True) -> None:
        self.key, self.name, self.modern = f"key {name}", name, modern
        self.capabilities: JsonObject = {"roots": {}, "elicitation": {"form": {}}, "sampling": {}} if asks else {}
        self.wants_progress, self.log_level, self.spared = False, None, False
        self.asked: list[str] = []

    def hear(self, method: str, params: JsonObject) -> None:
        """Nothing is expected."""

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.asked.append(method)
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
