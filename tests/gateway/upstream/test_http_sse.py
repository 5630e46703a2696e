"""HTTP+SSE, with servers that write by hand what they are told to, and answer each POST when they are told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import anyio
import httpx2
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage

from gateway.upstream import http_sse as under_test
from gateway.upstream.http_sse import http_sse
from gateway.upstream.outcomes import fate_of
from gateway.upstream.safe_transport import SafeTransport
from gateway.upstream.streams import Exchange
from gateway.verbatim import Verbatim
from tests.fixtures.spelling_server import RESULT

CEILING = 3_000_000
CALL = types.JSONRPCRequest(jsonrpc="2.0", id="toolgate-1", method="tools/call", params={"n": 1.0})
ENDPOINT = "event: endpoint\ndata: /post?session=1\n\n"
EVENTS = {"content-type": "text/event-stream"}


class Server(httpx2.AsyncBaseTransport):
    """Says this when it has been told something."""

    def __init__(self, *said: str, opening: str = ENDPOINT) -> None:
        self._said, self._opening = said, opening
        self.posted: list[httpx2.Request] = []
        self._news = asyncio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, headers=EVENTS, content=self._events(), request=request)
        self.posted.append(request)
        self._news.set()
        return httpx2.Response(202, request=request)

    async def _events(self) -> Any:
        yield self._opening.encode()
        if self._opening.startswith(ENDPOINT):
            await self._news.wait()
            for one in self._said:
                yield f"event: message\ndata: {one}\n\n".encode()


def within(server: Callable[[], Any], work: Callable[[Any, Any, Any, list[str]], Awaitable[None]]) -> None:
    async def run() -> None:
        made, broken = server(), list[str]()
        async with (
            asyncio.timeout(60),
            httpx2.AsyncClient(transport=SafeTransport(broken.append, inner=made, one_stream=True)) as client,
            http_sse("http://127.0.0.1:1/sse", client, ceiling=CEILING, broken=broken.append) as (read, write),
        ):
            await work(read, write, made, broken)

    asyncio.run(run())


def response(result: str) -> str:
    return f'{{"jsonrpc":"2.0","id":"toolgate-1","result":{result}}}'


def test_a_result_keeps_its_text_and_what_is_posted_is_what_was_judged() -> None:
    async def work(read: Any, write: Any, server: Server, _broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        answer = (await read.receive()).message
        assert isinstance(answer.result, Verbatim)
        assert answer.result.text == RESULT.encode()
        (request,) = server.posted
        assert (str(request.url), request.headers["content-type"]) == (
            "http://127.0.0.1:1/post?session=1",
            "application/json",
        )
        assert b'"params":{"n":1.0}' in request.content
        with pytest.raises(anyio.EndOfStream):
            await read.receive()

    within(lambda: Server(response(RESULT)), work)


def test_a_result_of_more_than_a_megabyte_comes_whole_and_one_above_the_ceiling_ends_it_with_the_reason() -> None:
    async def work(read: Any, write: Any, _server: Server, broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        assert (await read.receive()).message.result == {"a": "x" * 2_000_000}
        with pytest.raises(anyio.EndOfStream):
            await read.receive()
        (why,) = broken
        assert why.startswith(f"the answer is larger than {CEILING} bytes")

    within(lambda: Server(*(response(json.dumps({"a": "x" * size})) for size in (2_000_000, CEILING))), work)


def test_what_is_no_message_is_an_error_for_whoever_waits_for_it_if_it_says_for_whom_it_is() -> None:
    async def work(read: Any, write: Any, _server: Server, _broken: list[str]) -> None:
        await write.send(SessionMessage(CALL))
        unreadable = (await read.receive()).message
        assert (unreadable.id, fate_of(MCPError.from_error_data(unreadable.error))) == ("toolgate-1", "in_doubt")
        nameless = (await read.receive()).message
        assert (nameless.id, nameless.error.code) == (None, -32700)

    error = '{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"}}'
    within(lambda: Server("{", "", response("{")[:-1], error), work)


@pytest.mark.parametrize(
    ("opening", "why"),
    [
        ("event: endpoint\ndata: http://127.0.0.1:2/post\n\n", "another origin"),
        ("event: endpoint\ndata: https://127.0.0.1:1/post\n\n", "another origin"),
        ("event: message\ndata: {}\n\n", "where it wants to be posted to"),
        ("event: message\ndata: " + "x" * (CEILING + 1) + "\n\n", "exceeded"),
    ],
)
def test_a_server_that_names_no_address_of_its_own_is_none(opening: str, why: str) -> None:
    async def work(*_: Any) -> None:
        raise AssertionError("it is open")

    with pytest.raises(BaseExceptionGroup) as raised:
        within(lambda: Server(opening=opening), work)
    assert why in str(raised.value.exceptions[0])


class Desk(httpx2.AsyncBaseTransport):
    """Takes what comes while it is `reading`, and answers each POST with what `settle` says of it."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self.came: list[str] = []  # which messages have been taken, by their id or their method
        self.cut: list[str] = []  # ... and not been answered before they were called off
        self._answers: dict[str, asyncio.Future[httpx2.Response]] = {}
        self._more = asyncio.Event()
        self.says: asyncio.Queue[str | None] = asyncio.Queue()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, headers=EVENTS, content=self._events(), request=request)
        await self.reading.wait()
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        message = json.loads(b"".join([piece async for piece in request.stream]))
        name = str(message.get("id", message.get("method")))
        self.came.append(name)
        self._more.set()
        try:
            return await self._answer(name)
        except asyncio.CancelledError:
            self.cut.append(name)
            raise

    async def _events(self) -> AsyncIterator[bytes]:
        yield ENDPOINT.encode()
        while (said := await self.says.get()) is not None:
            yield f"event: message\ndata: {said}\n\n".encode()

    def _answer(self, name: str) -> "asyncio.Future[httpx2.Response]":
        return self._answers.setdefault(name, asyncio.get_running_loop().create_future())

    def settle(self, name: str, status: int = 202, *, body: bytes = b"", error: Exception | None = None) -> None:
        if error is not None:
            self._answer(name).set_exception(error)
        else:
            self._answer(name).set_result(httpx2.Response(status, content=body))

    async def took(self, *names: str) -> None:
        """... and nothing else."""
        while len(self.came) < len(names):
            self._more.clear()
            await self._more.wait()
        await anyio.wait_all_tasks_blocked()
        assert self.came == list(names)


def asked(name: str, method: str = "tools/call") -> SessionMessage:
    return SessionMessage(types.JSONRPCRequest(jsonrpc="2.0", id=name, method=method))


def told(method: str, **params: Any) -> SessionMessage:
    return SessionMessage(types.JSONRPCNotification(jsonrpc="2.0", method=method, params=params or None))


def said_back(name: str) -> SessionMessage:
    return SessionMessage(types.JSONRPCResponse(jsonrpc="2.0", id=name, result={}))


def cancelled(name: str) -> SessionMessage:
    return told("notifications/cancelled", requestId=name)


async def under_way(sending: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """As far as it comes by itself."""
    task = asyncio.create_task(sending)
    await anyio.wait_all_tasks_blocked()
    return task


async def given_up(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_while_a_post_is_held_others_are_made_and_the_server_can_be_answered() -> None:
    async def work(read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        await write.send(asked("long"))
        await write.send(asked("short"))
        desk.says.put_nowait('{"jsonrpc":"2.0","id":"short","result":{}}')
        assert (await read.receive()).message.id == "short"
        desk.says.put_nowait('{"jsonrpc":"2.0","id":"question","method":"elicitation/create","params":{}}')
        await write.send(said_back((await read.receive()).message.id))
        await desk.took("long", "short", "question")

    within(Desk, work)


def test_the_next_one_begins_when_the_one_before_has_left_and_answers_do_not_wait_for_requests() -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        posted: list[str] = []
        go_on = asyncio.Event()

        async def slowly(request: httpx2.Request) -> httpx2.Response:
            posted.append(json.loads(request.content)["id"])
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            async for _ in request.stream:
                await go_on.wait()
            return httpx2.Response(202)

        desk.handle_async_request = slowly  # type: ignore[method-assign]
        sending = [await under_way(write.send(asked(name))) for name in ("first", "second")]
        answering = await under_way(write.send(said_back("question")))
        assert posted == ["first", "question"]
        go_on.set()
        await asyncio.gather(*sending, answering)
        assert posted == ["first", "question", "second"]

    within(Desk, work)


def test_nothing_begins_before_the_server_has_taken_that_it_may() -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        opening = await under_way(write.send(told("notifications/initialized")))
        await desk.took("notifications/initialized")
        assert not opening.done()
        desk.settle("notifications/initialized")
        await opening

    within(Desk, work)


def test_what_is_given_up_before_the_server_had_any_of_it_is_unsent_and_never_sent() -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        write.unsent = (unsent := list[Any]()).append
        desk.reading.clear()
        first, second = [await under_way(write.send(asked(name))) for name in ("first", "second")]
        for name, task in (("second", second), ("first", first)):
            await given_up(task)
            await write.send(cancelled(name))
        assert unsent == ["second", "first"]
        desk.reading.set()
        await write.send(asked("third"))
        await desk.took("third")
        await write.send(cancelled("third"))
        desk.settle("third")
        await desk.took("third", "notifications/cancelled")
        assert unsent == ["second", "first"]

    within(Desk, work)


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_what_is_given_up_just_when_it_is_taken_is_one_or_the_other(cancelled_first: bool) -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        write.unsent = (unsent := list[Any]()).append
        desk.reading.clear()
        task = await under_way(write.send(asked("a")))
        steps: list[Callable[[], object]] = [task.cancel, desk.reading.set]
        for step in steps if cancelled_first else reversed(steps):
            step()
        with pytest.raises(asyncio.CancelledError):
            await task
        await anyio.wait_all_tasks_blocked()
        assert [*unsent, *desk.came] == ["a"]

    within(Desk, work)


def test_a_request_is_cancelled_when_the_server_has_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        monkeypatch.setattr(under_test, "CALLED_OFF", float("inf"))
        await write.send(asked("quick"))
        await write.send(cancelled("quick"))
        await desk.took("quick")
        desk.settle("quick")
        await desk.took("quick", "notifications/cancelled")
        desk.settle("notifications/cancelled")
        monkeypatch.setattr(under_test, "CALLED_OFF", 0)
        await write.send(asked("held"))
        await write.send(cancelled("held"))
        await desk.took("quick", "notifications/cancelled", "held", "notifications/cancelled")
        assert desk.cut == ["held"]

    within(Desk, work)


def test_so_many_are_posted_at_once_and_what_others_wait_for_goes_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST", 2)
    monkeypatch.setattr(under_test, "CALLED_OFF", 0)

    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        for name in ("a", "b"):
            await write.send(asked(name))
        waiting = await under_way(write.send(asked("c")))
        await write.send(asked("p", "ping"))
        await desk.took("a", "b", "p")
        desk.settle("a")
        await waiting
        await desk.took("a", "b", "p", "c")
        waiting = await under_way(write.send(asked("d")))
        assert not waiting.done()
        await write.send(cancelled("b"))
        await waiting
        assert desk.cut == ["b"]

    within(Desk, work)


def test_a_server_that_takes_nothing_is_told_no_courtesies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_BESIDE", 1)

    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        await write.send(asked("p", "ping"))
        await write.send(asked("a"))
        await write.send(cancelled("a"))
        await desk.took("p", "a")
        assert desk.cut == ["a"]

    within(Desk, work)


def test_a_server_that_asks_without_end_and_takes_no_answers_gets_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MOST_ANSWERS", 3)

    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        desk.reading.clear()
        waiting = [await under_way(write.send(said_back(name))) for name in "abcd"]
        assert [task.done() for task in waiting] == [False, False, False, True]
        desk.reading.set()
        await asyncio.gather(*waiting)
        await desk.took("a", "b", "c")

    within(Desk, work)


OWN = b'{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"bad","data":{"n":1.0}}}'


@pytest.mark.parametrize(
    ("how", "fate", "code", "reported"),
    [
        ({"status": 400}, "refused", 400, []),
        ({"status": 413, "body": b"<p>"}, "refused", 413, []),
        ({"status": 400, "body": OWN % b'"a"'}, None, -32602, []),
        ({"status": 400, "body": OWN % b"null"}, None, -32602, []),
        ({"status": 400, "body": OWN % b'"b"'}, "refused", 400, []),
        ({"status": 503}, "in_doubt", 1, []),
        ({"error": httpx2.ReadError("reset")}, "in_doubt", 1, []),
        ({"error": httpx2.ConnectError("nobody")}, "unsent", 1, ["nobody"]),
        ({"status": 404}, "refused", 404, ["the server answered HTTP 404: there is nothing at its address, "]),
    ],
)
def test_what_comes_of_a_post_is_said_of_its_own_message_and_the_others_go_on(
    how: dict[str, Any], fate: str | None, code: int, reported: list[str]
) -> None:
    async def work(read: Any, write: Any, desk: Desk, broken: list[str]) -> None:
        for name in ("a", "b"):
            await write.send(asked(name))
        desk.settle("a", **how)
        item = await read.receive()
        assert (item.message.id, item.message.error.code) == ("a", code)
        assert fate_of(MCPError.from_error_data(item.message.error)) == fate
        assert item.metadata.related_request_id == "a"
        assert fate is not None or item.message.error.data.text == b'{"n":1.0}'
        assert [one.startswith(two) for one, two in zip(broken, reported, strict=True)] == [True] * len(reported)
        await write.send(asked("c"))
        for name in ("b", "c"):
            desk.says.put_nowait(f'{{"jsonrpc":"2.0","id":"{name}","result":{{}}}}')
            assert (await read.receive()).message.id == name

    within(Desk, work)


def test_of_another_message_that_is_refused_nobody_is_told() -> None:
    async def work(read: Any, write: Any, desk: Desk, broken: list[str]) -> None:
        await write.send(said_back("question"))
        desk.settle("question", 500)
        await write.send(asked("a"))
        desk.says.put_nowait('{"jsonrpc":"2.0","id":"a","result":{}}')
        assert (await read.receive()).message.id == "a"
        assert broken == []

    within(Desk, work)


def test_when_the_stream_ends_what_waits_is_unsent_and_nothing_more_is_begun() -> None:
    async def work(read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        desk.reading.clear()
        waiting = [await under_way(write.send(asked(name))) for name in ("a", "b")]
        desk.says.put_nowait(None)
        with pytest.raises(anyio.EndOfStream):
            await read.receive()
        for sending in (*waiting, write.send(asked("c"))):
            with pytest.raises(anyio.BrokenResourceError):
                await sending
        assert desk.came == []

    within(Desk, work)


def test_as_long_as_an_answer_or_a_notification_may_be_unread_errors_may_be_about_it() -> None:
    async def work(_read: Any, write: Any, desk: Desk, _broken: list[str]) -> None:
        write.tell(exchange := Exchange(frozen={"a": {}}))
        await write.send(asked("a"))
        assert not exchange.unread()
        await write.send(asked("own", "tools/list"))  # side by side they may be read in any order
        assert exchange.unread()
        desk.settle("own")
        await anyio.wait_all_tasks_blocked()
        assert not exchange.unread()
        await write.send(said_back("question"))
        assert exchange.unread()
        desk.settle("question")
        await anyio.wait_all_tasks_blocked()
        assert not exchange.unread()

    within(Desk, work)
