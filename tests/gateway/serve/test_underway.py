"""Who may call a request off, and what is said in the place of its answer."""

import asyncio
from typing import Any

import pytest
from mcp.server.streamable_http import REQUEST_CANCELLED

from gateway.serve.asgi import Message, dumped
from gateway.serve.underway import CANCELLED, CLOSED, ENDED, MOST_ALONE, Answering, Underway

CALL = {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": {}}
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
IN_JSON: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
PART: Message = {"type": "http.response.body", "body": b": x\n\n", "more_body": True}
END: Message = {"type": "http.response.body", "body": b""}


def _event(error: Any) -> bytes:
    return b"event: message\r\ndata: %b\r\n\r\n" % dumped({"jsonrpc": "2.0", "id": "a", "error": error})


def _event_part(said: Any) -> Message:
    body = b"event: message\r\ndata: %b\r\n\r\n" % dumped({"jsonrpc": "2.0", **said})
    return {"type": "http.response.body", "body": body, "more_body": True}


SAID = dumped({"jsonrpc": "2.0", "id": "a", "error": ENDED})


class Work:
    """A task that counts how often it is called off."""

    def __init__(self) -> None:
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1


def underway(alone: set[Underway] | None) -> tuple[Underway, Work]:
    work: Any = Work()
    made = Underway(work)
    made.alone = alone
    return made, work


def test_the_words_are_those_of_the_sdk() -> None:
    assert CANCELLED == {"code": REQUEST_CANCELLED, "message": "Request cancelled"}


def test_who_leaves_calls_off_what_may_not_go_on_alone_once() -> None:
    call, work = underway(None)
    call.leave()
    call.leave()
    assert (work.cancelled, call.cancelled) == (1, True)


def test_so_many_go_on_alone_and_no_more() -> None:
    alone: set[Underway] = set()
    made = [underway(alone) for _ in range(MOST_ALONE + 1)]
    for call, _ in made:
        call.leave()
    assert [work.cancelled for _, work in made] == [0] * MOST_ALONE + [1]
    assert len(alone) == MOST_ALONE


@pytest.mark.parametrize(
    ("sent", "cancelled", "told"),
    [
        ([START, END], True, _event(CANCELLED)),
        ([START, PART, _event_part({"method": "notifications/progress"}), END], True, _event(CANCELLED)),
        ([START, _event_part({"id": "b", "result": {}}), END], True, _event(CANCELLED)),
        ([START, _event_part({"id": "a", "method": "ping"}), END], True, _event(CANCELLED)),
        ([START, _event_part({"id": "a", "result": {}}), END], True, b""),
        ([START, _event_part({"id": "a", "error": {}}), END], True, b""),
        ([START, END], False, b""),
        ([IN_JSON, END], True, b""),
    ],
)
def test_a_stream_that_ends_without_its_answer_ends_with_that_of_a_request_that_was_called_off(
    sent: list[Message], cancelled: bool, told: bytes
) -> None:
    arrived: list[Message] = []

    async def send(one: Message) -> None:
        arrived.append(one)

    async def work() -> None:
        answering = Answering(send, CALL)
        if cancelled:
            answering.cancel()
        for one in sent:
            await answering.send(one)
        assert not await answering.ended()

    asyncio.run(work())
    assert arrived == [*sent[:-1], {**END, "body": told}]


def test_an_answer_that_has_been_sent_is_followed_by_no_other_one_when_the_gateway_ends() -> None:
    arrived: list[Message] = []

    async def send(one: Message) -> None:
        arrived.append(one)

    async def work() -> None:
        answering = Answering(send, CALL)
        for one in (START, _event_part({"id": "a", "result": {}})):
            await answering.send(one)
        assert await answering.ended()

    asyncio.run(work())
    assert arrived[-1] == END


@pytest.mark.parametrize(
    ("message", "sent", "told"),
    [
        (CALL, [], SAID),
        (CALL, [START], b"event: message\r\ndata: " + SAID + b"\r\n\r\n"),
        (CALL, [START, PART], b"event: message\r\ndata: " + SAID + b"\r\n\r\n"),
        (CALL, [START, PART, END], None),
        (CALL, [IN_JSON], None),
        ({"jsonrpc": "2.0", "method": "notifications/x"}, [], None),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, [], None),
        ({}, [START], None),
    ],
)
def test_what_has_no_answer_yet_gets_one_where_that_is_still_possible(
    message: dict[str, Any], sent: list[Message], told: bytes | None
) -> None:
    arrived: list[Message] = []

    async def send(one: Message) -> None:
        arrived.append(one)

    async def work() -> bool:
        answering = Answering(send, message)
        for one in sent:
            await answering.send(one)
        return await answering.ended()

    assert asyncio.run(work()) is (told is not None)
    more = arrived[len(sent) :]
    assert (more[-1]["body"] if more else None) == told
    assert not more or not more[-1].get("more_body", False)


@pytest.mark.parametrize(
    ("how", "told"),
    [(["close"], CLOSED), (["close", "cancel"], CLOSED), (["cancel", "close"], CANCELLED)],
)
def test_a_stream_whose_session_was_closed_for_another_one_says_so(how: list[str], told: Any) -> None:
    arrived: list[Message] = []

    async def send(one: Message) -> None:
        arrived.append(one)

    async def work() -> None:
        answering = Answering(send, CALL)
        for step in how:
            getattr(answering, step)()
        for one in (START, END):
            await answering.send(one)

    asyncio.run(work())
    assert arrived == [START, {**END, "body": _event(told)}]


def test_what_needs_no_session_goes_on_when_it_is_closed() -> None:
    call, work = underway(None)
    call.close()
    assert (work.cancelled, call.cancelled) == (0, False)
