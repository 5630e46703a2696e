"""The life of one server."""

import asyncio
import logging
import threading
from typing import Any

import pytest

from gateway.call import Answered, InDoubt, TaskCreated, Unsent
from gateway.caller import NOBODY, Caller, nobody
from gateway.task import EXTENSION
from gateway.upstream import Http, ServerSpec, Stdio, Upstreams, looking, paging, supervise, usable
from gateway.upstream.usable import NOT_YET
from tests.fixtures.everything.starting import ROOT, command


def test_nobody_at_an_address_is_told_with_the_address_and_without_its_secrets() -> None:
    async def scenario() -> None:
        transport = Http("http://ann:hunter2x@127.0.0.1:1/hunter3x?key=hunter4x", secrets=("hunter3x",))
        async with Upstreams({"s": ServerSpec("s", transport)}) as up:
            assert up.catalogue.missing == {"s": "can't connect to http://127.0.0.1:1"}

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_a_call_waits_no_longer_for_a_server_than_it_may(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("hang", connect_timeout=0.2)) as up:
            outcome = await up.forward(call("hang/act"), timeout=0.1, meta={})
            assert isinstance(outcome, Unsent)
            assert "did not answer within 0.2 s" in outcome.why

    asyncio.run(scenario())


def test_a_list_that_never_comes_does_not_keep_the_tools_from_being_used(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OTHERS", 0.005)

    async def scenario() -> None:
        async with upstreams(hostile("no-prompts", connect_timeout=60)) as up:
            assert isinstance(await up.forward(call("no-prompts/act"), timeout=60, meta={}), Answered)
            assert "no answer came" in up.catalogue.rejected["no-prompts/(prompts)"]
            assert up.catalogue.missing == {}

    asyncio.run(scenario())


def test_a_server_is_not_to_blame_for_how_long_we_look_at_its_schemas(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(*given: Any) -> Any:
        loop = asyncio.get_running_loop()
        now = loop.time
        monkeypatch.setattr(loop, "time", lambda: now() + 3600)  # longer than it has to connect
        for _ in range(3):  # whatever is late by then has its turn
            await asyncio.sleep(0)
        return await looking.looked_at(*given)

    monkeypatch.setattr(supervise, "looked_at", slowly)

    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            assert up.catalogue.missing == {}
            assert isinstance(await up.forward(call("mirror/act"), timeout=60, meta={}), Answered)

    asyncio.run(scenario())


def test_a_server_is_there_before_all_its_schemas_were_looked_at_and_the_rest_comes_by_itself(
    hostile: Any, upstreams: Any, until: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(looking, "AT_FIRST", 0.0)
    monkeypatch.setattr(usable, "is_plain", lambda *_: False)
    monkeypatch.setattr(usable, "unusable", lambda *_: not looked.wait(60) or None)

    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            assert (up.catalogue.missing, up.catalogue.rejected) == ({}, {"mirror/act": NOT_YET})
            looked.set()
            await until(up, lambda: up.catalogue.rejected == {})
            assert isinstance(await up.forward(call("mirror/act"), timeout=60, meta={}), Answered)

    asyncio.run(scenario())


def test_a_server_whose_schemas_are_still_looked_at_is_left_at_once(
    hostile: Any, upstreams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    begun, stopped = threading.Event(), threading.Event()

    def unusable(pin: str, _schema: object, _seconds: float) -> None:
        seen.append(pin)
        begun.set()
        stopped.wait(60)

    monkeypatch.setattr(usable, "is_plain", lambda *_: False)
    monkeypatch.setattr(usable, "unusable", unusable)
    monkeypatch.setattr(usable, "_SLICE", 1e-9)

    async def scenario() -> None:
        up = upstreams(hostile("endless-pages"))
        entering = asyncio.create_task(up.__aenter__())
        await asyncio.to_thread(begun.wait, 60)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        stopped.set()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert len(seen) == 1


def test_no_answer_is_larger_than_its_server_allows(
    hostile: Any, upstreams: Any, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolgate.upstream")

    async def scenario() -> None:
        async with upstreams(hostile("huge-result", max_answer=10_000)) as up:
            for size, kind in ((5_000, Answered), (20_000, InDoubt)):
                outcome = await up.forward(call("huge-result/act", {"size": size}), timeout=60, meta={})
                assert isinstance(outcome, kind)
        assert outcome.why.endswith("the answer came: it wrote a line longer than `max_answer` lets it")

    asyncio.run(scenario())
    assert any("longer than `max_answer`" in message for message in caplog.messages)


def test_no_call_lasts_longer_than_its_server_allows(hostile: Any, upstreams: Any, call: Any) -> None:
    async def scenario() -> None:
        for seconds in (0.1, 1.0, 5.0, 25.0):  # more, if they are over before the call could be sent
            async with upstreams(hostile("never-answer", call_timeout=seconds)) as up:
                outcome = await up.forward(call("never-answer/act"), timeout=3600, meta={})
            if not isinstance(outcome, Unsent):
                break
        assert outcome == InDoubt(f"server `never-answer`: no answer within {seconds:g} s")

    asyncio.run(scenario())


def test_a_child_that_says_something_else_at_each_end_is_reported_down_once(
    upstreams: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolgate.upstream")

    async def scenario() -> None:
        spec = ServerSpec("s", Stdio("sh", ("-c", "echo process $$ >&2; exit 3")), era="legacy")
        async with upstreams(spec) as up:
            first = up.catalogue.missing["s"]
            await until(up, lambda: up.catalogue.missing["s"] != first)

    asyncio.run(scenario())
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("server s is down: it exited with code 3; it said: process ")


def test_leaving_stops_a_server_that_is_still_connecting(hostile: Any) -> None:
    async def scenario() -> None:
        up = Upstreams({"hang": hostile("hang", connect_timeout=3600)})
        entering = asyncio.create_task(up.__aenter__())
        await asyncio.sleep(0)
        assert up.catalogue.missing == {"hang": "it is still connecting"}
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_calls_in_flight_when_the_server_is_stopped_are_in_doubt(
    hostile: Any, upstreams: Any, call: Any, given_up: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("never-answer")) as up:
            flying = asyncio.create_task(up.forward(call("never-answer/act"), timeout=3600, meta={}))
            assert isinstance((await given_up(up, call("never-answer/act")))[0], InDoubt)  # written after the first
        assert isinstance(await asyncio.wait_for(flying, 60), InDoubt)

    asyncio.run(scenario())


def test_a_defect_of_ours_while_forwarding_is_a_doubt_not_an_exception(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        async with upstreams(hostile("mirror")) as up:
            monkeypatch.setattr("gateway.upstream.connection.Connection.forward", broken)
            outcome = await up.forward(call("mirror/act"), timeout=5, meta={})
            assert outcome == InDoubt("the gateway failed while it forwarded the call")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("caller", "kind"),
    [(NOBODY, InDoubt), (nobody({}), InDoubt), (nobody({"extensions": {EXTENSION: {}}}), TaskCreated)],
)
def test_a_task_that_nobody_asked_for_is_given_only_to_who_knows_tasks(call: Any, caller: Caller, kind: type) -> None:
    program, *arguments = command("stdio", "--era", "modern")
    server = ServerSpec("e", Stdio(program, tuple(arguments), {}, str(ROOT)))

    async def scenario() -> None:
        async with Upstreams({"e": server}) as up:
            outcome = await up.forward(call("e/linking_job"), timeout=60, meta={}, caller=caller)
            assert isinstance(outcome, kind), outcome

    asyncio.run(asyncio.wait_for(scenario(), 60))
