"""A server that hangs is told from a tool that takes long."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from gateway.call import Answered, InDoubt, Unsent
from gateway.upstream import Http, ServerSpec, Upstreams, process, pulse
from gateway.upstream.gathered import declared
from gateway.upstream.outcomes import HELD_BACK, Fate, transport_error
from gateway.upstream.pulse import SILENT, UNWATCHED, answers


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[bool]:
    """What came of each question whether somebody is there."""
    verdicts = asyncio.Queue[bool]()

    async def told(*given: Any) -> bool:
        verdict = await answers(*given)
        verdicts.put_nowait(verdict)
        return verdict

    monkeypatch.setattr(pulse, "answers", told)
    return verdicts


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is stopped does not answer, however long he has; and he is killed at once."""
    monkeypatch.setattr(pulse, "answers", lambda connection, _seconds: answers(connection, 0.01))
    monkeypatch.setattr(process, "GRACE", 0.01)


@pytest.fixture
def mirror() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    path = Path(__file__).parents[2] / "fixtures" / "mirror_http.py"
    with subprocess.Popen([sys.executable, "-S", str(path)], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        yield started.stdout.readline().strip(), started
        started.kill()


@pytest.mark.usefixtures("hasty")
def test_a_child_that_hangs_is_missing_after_one_call_and_is_started_again(
    hostile: Any, upstreams: Any, call: Any, until: Any, given_up: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "toolgate.upstream")

    async def scenario() -> None:
        async with upstreams(hostile("freezes")) as up:
            gone = asyncio.create_task(until(up, lambda: up.catalogue.missing == {"freezes": SILENT}))
            assert isinstance((await given_up(up, call("freezes/act")))[0], InDoubt)
            await gone
            assert "freezes/act" in up.catalogue.tools
            await until(up, lambda: not up.catalogue.missing)
            assert up.status()[0].restarts >= 1

    asyncio.run(asyncio.wait_for(scenario(), 120))
    assert f"server freezes is down: {SILENT}" in caplog.messages


@pytest.mark.usefixtures("hasty")
def test_what_is_under_way_at_a_server_that_hangs_is_in_doubt_at_once(
    hostile: Any, upstreams: Any, call: Any, tmp_path: Path
) -> None:
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def scenario() -> None:
        async with upstreams(hostile("freezes", call_timeout=3600)) as up:
            begun = asyncio.create_task(up.forward(call("freezes/act", {"fifo": str(fifo)}), timeout=3600, meta={}))
            assert await asyncio.to_thread(fifo.read_text, encoding="utf-8") == "frozen"
            up._servers["freezes"].suspect()  # noqa: SLF001 - as a call would that had all of its time
            outcome = await begun
            assert outcome == InDoubt(f"server `freezes`: the connection ended before the answer came: {SILENT}")

    asyncio.run(asyncio.wait_for(scenario(), 120))


def test_a_tool_that_takes_long_on_a_child_that_answers_stays(
    hostile: Any, upstreams: Any, call: Any, text_of: Any, judged: asyncio.Queue[bool], given_up: Any
) -> None:
    async def scenario() -> None:
        async with upstreams(hostile("late", call_timeout=3600)) as up:
            pid = up.status()[0].pid
            outcome, _ = await given_up(up, call("late/act", {"hold": True}))
            assert isinstance(outcome, InDoubt)
            assert await judged.get()
            assert text_of(await up.forward(call("late/act"), timeout=60, meta={})) == "1 held"
            assert (up.catalogue.missing, up.status()[0].pid) == ({}, pid)

    asyncio.run(asyncio.wait_for(scenario(), 120))


def test_a_call_that_its_client_gave_up_has_its_server_asked_too(
    hostile: Any, upstreams: Any, call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Clients have less patience than we do."""
    asked: list[float] = []
    over = asyncio.Event()

    async def told(_connection: Any, seconds: float) -> bool:
        asked.append(seconds)
        over.set()
        return True

    monkeypatch.setattr(pulse, "answers", told)
    monkeypatch.setattr(process, "GRACE", 0.01)
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def scenario() -> None:
        async with upstreams(hostile("freezes", call_timeout=3600)) as up:
            begun = asyncio.create_task(up.forward(call("freezes/act", {"fifo": str(fifo)}), timeout=3600, meta={}))
            await asyncio.to_thread(fifo.read_text, encoding="utf-8")
            begun.cancel()
            await over.wait()

    asyncio.run(asyncio.wait_for(scenario(), 120))
    assert asked == [3600]  # as long as a call of it may last, in all


def test_what_a_child_never_read_was_not_sent(hostile: Any, upstreams: Any, call: Any, tmp_path: Path) -> None:
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def scenario() -> None:
        async with upstreams(hostile("freezes", call_timeout=3600)) as up:
            begun = asyncio.create_task(up.forward(call("freezes/act", {"fifo": str(fifo)}), timeout=3600, meta={}))
            await asyncio.to_thread(fifo.read_text, encoding="utf-8")
            for seconds in (0.1, 1.0, 5.0, 25.0):
                large = await up.forward(call("freezes/act", {"x": "x" * 1_000_000}), timeout=seconds, meta={})
                if isinstance(large, InDoubt):
                    break
            assert isinstance(large, InDoubt)  # a part of it is in the pipe
            for _ in range(2):
                small = await up.forward(call("freezes/act"), timeout=0.1, meta={})
                assert small == Unsent("server `freezes`: no answer within 0.1 s")
            begun.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 120))


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_server_at_an_address_that_hangs_is_missing_and_comes_back(
    era: Any, mirror: Any, call: Any, until: Any, given_up: Any
) -> None:
    url, server = mirror

    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(url), era=era)}) as up:
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Answered)
            gone = asyncio.create_task(until(up, lambda: up.catalogue.missing == {"s": SILENT}))
            server.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitpid, server.pid, os.WUNTRACED)  # until it has stopped
            await given_up(up, call("s/act"))
            await gone
            server.send_signal(signal.SIGCONT)
            await until(up, lambda: not up.catalogue.missing)
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}), Answered)

    asyncio.run(asyncio.wait_for(scenario(), 120))


@pytest.mark.usefixtures("hasty")
def test_a_server_that_hangs_on_a_clients_own_connection_is_missing_for_all(mirror: Any, call: Any, until: Any) -> None:
    url, server = mirror
    asker: Any = SimpleNamespace(
        key="k", capabilities={"elicitation": {}}, modern=False, wants_progress=False, log_level=None, spared=False
    )

    async def scenario() -> None:
        async with Upstreams({"s": ServerSpec("s", Http(url), era="legacy")}) as up:
            assert isinstance(await up.forward(call("s/act"), timeout=60, meta={}, caller=asker), Answered)
            lists = up._servers["s"].lists  # noqa: SLF001
            while not lists.knows(declared(asker.capabilities)):  # noqa: ASYNC110 - what it lists to him is on its way
                await asyncio.sleep(0.01)
            gone = asyncio.create_task(until(up, lambda: up.catalogue.missing == {"s": SILENT}))
            server.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitpid, server.pid, os.WUNTRACED)  # until it has stopped
            await up.forward(call("s/act"), timeout=0.2, meta={}, caller=asker)
            await gone

    asyncio.run(asyncio.wait_for(scenario(), 120))


class Person:
    """A client of the older era who can be asked, and takes his time."""

    def __init__(self) -> None:
        self.key, self.modern, self.spared = "k", False, False
        self.capabilities: dict[str, Any] = {"elicitation": {}}
        self.wants_progress, self.log_level = False, None
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def ask(self, _method: str, _params: Any) -> dict[str, Any]:
        self.asked.set()
        await self.answers.wait()
        return {"action": "accept", "content": {}}

    def hear(self, _method: str, _params: Any) -> None:
        """Nothing comes."""


def test_nobody_is_taken_for_gone_while_his_question_is_open_and_his_silence_counts_anew_then(
    hostile: Any, upstreams: Any, call: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """He may do one thing at a time: what is sent to him meanwhile lies before a person, so to speak."""
    asked: list[float] = []
    over = asyncio.Event()

    async def told(_connection: Any, seconds: float) -> bool:
        asked.append(seconds)
        over.set()
        return True

    monkeypatch.setattr(pulse, "answers", told)
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def scenario() -> None:
        async with upstreams(hostile("one-by-one", call_timeout=3600)) as up:
            person: Any = Person()

            def made(**arguments: Any) -> Any:
                return up.forward(call("one-by-one/act", arguments), timeout=3600, meta={}, caller=person)

            first = asyncio.create_task(made(ask=True, fifo=str(fifo)))
            await person.asked.wait()
            second = asyncio.create_task(made())
            await asyncio.to_thread(fifo.read_text, encoding="utf-8")
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            for _ in range(50):  # whoever wants to know more has had his turn
                await asyncio.sleep(0)
            assert asked == []
            person.answers.set()
            assert text_of(await first) == {"action": "accept", "content": {}}
            await over.wait()

    asyncio.run(asyncio.wait_for(scenario(), 120))
    assert asked == [3600]


def test_who_answers_with_an_error_or_speaks_of_something_else_is_there() -> None:
    class Speaks:
        modern = False

        def __init__(self, error: Exception, *said: int) -> None:
            self._error, self._said = error, list(said)

        def said(self) -> tuple[int, int]:
            return self._said.pop(0), 0

        async def ask(self, _method: str, _params: Any, _seconds: float) -> None:
            raise self._error

    async def of(error: Exception, *said: int) -> bool:
        speaks: Any = Speaks(error, *said)
        return await answers(speaks, 1)

    assert asyncio.run(of(MCPError(-32601, "Method not found"), 1, 1))
    assert asyncio.run(of(TimeoutError(), 1, 2))
    assert not asyncio.run(of(TimeoutError(), 1, 1))


@pytest.mark.parametrize(
    ("fate", "there"), [("refused", True), ("session_lost", True), ("unsent", False), ("in_doubt", False)]
)
def test_what_our_own_transport_says_of_a_question_is_no_answer(fate: Fate, there: bool) -> None:
    async def of(heard: int) -> bool:
        asked: Any = Asked([MCPError.from_error_data(transport_error(fate, "no connection within 15 s"))], heard)
        return await answers(asked, 0)  # over as soon as it waits

    assert asyncio.run(of(heard=0)) is there
    assert asyncio.run(of(heard=1))  # of something else


def test_who_could_not_be_reached_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "AGAIN", 0.0)
    lost = [MCPError.from_error_data(transport_error(fate, "gone")) for fate in ("unsent", "in_doubt")]

    async def scenario() -> None:
        asked: Any = Asked([*lost, None])
        assert await answers(asked, 3600)
        assert asked.comes == []

    asyncio.run(scenario())


def test_for_want_of_credentials_nobody_is_taken_for_gone() -> None:
    """Nothing was asked then."""

    async def scenario() -> None:
        asked: Any = Asked([MCPError.from_error_data(transport_error("unsent", "log in", HELD_BACK))])
        assert await answers(asked, 0)

    asyncio.run(scenario())


class Asked:
    """A connection that is asked: what comes of it, one after the other, and how much is heard beside."""

    modern = True

    def __init__(self, comes: Sequence[Exception | None], heard: int = 0) -> None:
        self.comes, self._heard, self._beside = list(comes), 0, heard

    def said(self) -> tuple[int, int]:
        return self._heard, 0

    async def ask(self, _method: str, _params: Any, _seconds: float) -> None:
        self._heard += self._beside
        if (error := self.comes.pop(0)) is not None:
            raise error


def test_who_can_not_be_watched_over_is_lost_and_it_is_said_of_whom(
    hostile: Any,
    upstreams: Any,
    call: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "told"
    os.mkfifo(fifo)

    async def breaks(_connection: Any, _seconds: float) -> bool:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(pulse, "answers", breaks)
    monkeypatch.setattr(process, "GRACE", 0.01)

    async def scenario() -> None:
        async with upstreams(hostile("freezes", call_timeout=3600)) as up:
            begun = asyncio.create_task(up.forward(call("freezes/act", {"fifo": str(fifo)}), timeout=3600, meta={}))
            assert await asyncio.to_thread(fifo.read_text, encoding="utf-8") == "frozen"
            up._servers["freezes"].suspect()  # noqa: SLF001 - as a call would that nobody waits for any more
            outcome = await asyncio.wait_for(begun, 60)
            assert outcome == InDoubt(f"server `freezes`: the connection ended before the answer came: {UNWATCHED}")

    asyncio.run(asyncio.wait_for(scenario(), 120))
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.getMessage() == f"server freezes: {UNWATCHED}"


def test_who_is_silent_elsewhere_has_all_of_his_time_here(
    hostile: Any, upstreams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was heard of him here is not known there: he may be at a long call."""
    asked: list[float] = []
    over = asyncio.Event()

    async def told(_connection: Any, seconds: float) -> bool:
        asked.append(seconds)
        over.set()
        return True

    monkeypatch.setattr(pulse, "answers", told)

    async def scenario() -> None:
        async with upstreams(hostile("freezes", call_timeout=3600)) as up:
            up._servers["freezes"].suspect()  # noqa: SLF001 - as a private connection would that was lost
            await over.wait()

    asyncio.run(asyncio.wait_for(scenario(), 120))
    assert asked == [3600]
