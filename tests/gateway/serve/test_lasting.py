"""Streams and sessions, and whether whoever holds them may still come in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.call import Subject
from gateway.serve import lasting as under_test
from gateway.serve.asgi import Message, Receive, Scope, Send, with_message
from gateway.serve.asking import ASKER, STILL, Asker, Standing
from gateway.serve.lasting import Lasting

ANN, BOB = Asker(Subject("user:ann", "acme")), Asker(Subject("user:bob", "acme"))
PATIENCE = 30.0


class Inner:
    """The application behind: a stream lasts until its client goes; it keeps the requests that it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Asker]] = []
        self.closed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = dict(scope["headers"]).get(b"mcp-session-id", b"").decode()
        self.seen.append((scope["method"], session, scope["state"][ASKER]))
        if scope["method"] == "DELETE":
            self.closed.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["method"] == "DELETE" or "call" in scope.get("toolgate.message", {}).get("method", ""):
            await send({"type": "http.response.body", "body": b"done"})
            return
        await send({"type": "http.response.body", "body": b": open\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass


class Gate:
    """Whether somebody may still come in: `standing`, as often as it is asked."""

    def __init__(self) -> None:
        self.standing: Standing = "good"
        self.asked = 0
        self.twice = asyncio.Event()

    async def still(self) -> Standing:
        self.asked += 1
        if self.asked >= 2:
            self.twice.set()
        return self.standing


def anns(session: str) -> Asker | None:
    """The table of open sessions, which are all hers, but for those with a name that somebody has made up."""
    return None if session.startswith("x") else ANN


async def silent() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never


def request(gate: Gate | None, method: str = "GET", session: str = "", asker: Asker = ANN, posted: str = "") -> Scope:
    headers = [(b"mcp-session-id", session.encode())] if session else []
    state: dict[str, Any] = {ASKER: asker} | ({STILL: gate.still} if gate else {})
    scope: Scope = {"type": "http", "method": method, "path": "/mcp", "headers": headers, "state": state}
    return with_message(scope, {"method": posted}) if posted else scope


@contextlib.asynccontextmanager
async def asked(lasting: Lasting, scope: Scope) -> AsyncIterator[tuple["asyncio.Task[None]", list[Message]]]:
    answer: list[Message] = []

    async def send(message: Message) -> None:
        answer.append(message)

    task = asyncio.create_task(lasting(scope, silent, send))
    try:
        yield task, answer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(scenario: Any) -> None:
    asyncio.run(asyncio.wait_for(scenario, PATIENCE))


@pytest.mark.parametrize("standing", ["ended", "gone"])
@pytest.mark.parametrize(("method", "posted"), [("GET", ""), ("POST", "subscriptions/listen")])
def test_a_stream_lasts_while_its_client_may_come_in_and_then_ends_whole(
    standing: Standing, method: str, posted: str
) -> None:
    async def scenario() -> None:
        gate = Gate()
        async with asked(Lasting(Inner(), anns, every=0.001), request(gate, method, posted=posted)) as (task, answer):
            await gate.twice.wait()
            assert not task.done()
            gate.standing = standing
            await task
            assert answer[-1] == {"type": "http.response.body", "body": b""}

    run(scenario())


def test_without_log_ins_nobody_is_looked_at_again() -> None:
    async def scenario() -> None:
        lasting = Lasting(Inner(), anns, every=0.001)
        async with asked(lasting, request(None, session="s")) as (task, _):
            await asyncio.sleep(0)
            assert not task.done()
            assert lasting._rounds is None  # noqa: SLF001 - there is no round in which anybody could be

    run(scenario())


def test_a_session_is_closed_when_what_it_was_last_used_with_is_taken_back() -> None:
    async def scenario() -> None:
        inner, first, second = Inner(), Gate(), Gate()
        lasting = Lasting(inner, anns, every=0.001)
        for gate in (first, second):
            async with asked(lasting, request(gate, "POST", "s", posted="tools/call")) as (task, _):
                await task
        first.standing = "gone"  # it was used with another one since
        second.twice.clear()
        await second.twice.wait()
        assert not inner.closed.is_set()
        second.standing = "gone"
        await inner.closed.wait()
        assert inner.seen[2:] == [("DELETE", "s", ANN)]

    run(scenario())


def test_a_token_that_merely_ends_closes_no_session() -> None:
    async def scenario() -> None:
        inner, gate = Inner(), Gate()
        lasting = Lasting(inner, anns, every=0.001)
        async with asked(lasting, request(gate, "POST", "s", posted="tools/call")) as (task, _):
            await task
        gate.standing = "ended"
        assert lasting._rounds is not None  # noqa: SLF001 - it ends when there is nothing more to look at
        await lasting._rounds  # noqa: SLF001
        assert [method for method, _, _ in inner.seen] == ["POST"]

    run(scenario())


def test_what_a_stranger_presents_says_nothing_about_somebodys_session() -> None:
    async def scenario() -> None:
        inner, own, other = Inner(), Gate(), Gate()
        lasting = Lasting(inner, anns, every=0.001)
        for gate, asker in ((own, ANN), (other, BOB)):
            async with asked(lasting, request(gate, "POST", "s", asker, posted="tools/call")) as (task, _):
                await task
        other.standing = "gone"
        own.twice.clear()
        await own.twice.wait()
        assert not inner.closed.is_set()

    run(scenario())


@pytest.mark.parametrize(("name", "asker"), [("x", BOB), ("more", ANN)], ids=["made up", "closed since"])
def test_nobody_has_a_session_forgotten_that_is_open(monkeypatch: pytest.MonkeyPatch, name: str, asker: Asker) -> None:
    monkeypatch.setattr(under_test, "MAX_RUNS", 3)

    async def scenario() -> None:
        inner, own, other, closed = Inner(), Gate(), Gate(), set[str]()
        lasting = Lasting(inner, lambda session: None if session in closed else anns(session), every=0.001)

        async def used(gate: Gate, session: str, by: Asker) -> None:
            async with asked(lasting, request(gate, "POST", session, by, posted="tools/call")) as (task, _):
                await task

        await used(own, "s", ANN)
        for number in range(10):
            await used(other, f"{name}{number}", asker)
            closed.add(f"{name}{number}")
        own.standing = "gone"
        await inner.closed.wait()
        assert inner.seen[-1] == ("DELETE", "s", ANN)

    run(scenario())


def test_who_can_not_be_looked_at_holds_no_stream() -> None:
    async def broken() -> Standing:
        raise RuntimeError

    async def scenario() -> None:
        scope = request(None)
        scope["state"][STILL] = broken
        async with asked(Lasting(Inner(), anns, every=0.001), scope) as (task, _):
            await task

    run(scenario())
