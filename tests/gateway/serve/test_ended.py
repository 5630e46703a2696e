"""A stream that has to end is a whole response all the same."""

import asyncio

from gateway.serve.asgi import App, Message, Receive, Scope, Send
from gateway.serve.ended import ended_by

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"y"}
END: Message = {"type": "http.response.body", "body": b""}


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def answered(*begins: Message, over: bool) -> list[Message]:
    """What the client gets of an app that sends this, and stays until its client has gone."""
    sent: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for message in begins:
            await send(message)
        assert (await receive())["type"] == "http.disconnect"

    asyncio.run(asyncio.wait_for(ended(app, sent, over=over), 60))
    return sent


async def ended(app: App, sent: list[Message], *, over: bool) -> None:
    event = asyncio.Event()

    async def send(message: Message) -> None:
        sent.append(message)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    if over:
        event.set()
    await ended_by(event, app)({}, never if over else gone, send)


def test_what_was_begun_is_brought_to_its_end() -> None:
    assert answered(START, over=True) == [START, END]
    assert answered(START, PART, over=True) == [START, PART, END]


def test_nothing_is_added_to_a_response_that_is_whole_or_has_not_begun() -> None:
    assert answered(START, PART, LAST, over=True) == [START, PART, LAST]
    assert answered(over=True) == []


def test_whose_client_has_gone_himself_is_told_nothing_more() -> None:
    assert answered(START, PART, over=False) == [START, PART]


def test_until_it_is_over_the_app_hears_what_its_client_says() -> None:
    heard: list[Message] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        heard.append(await receive())

    async def says() -> Message:
        return {"type": "http.request", "body": b"z"}

    async def silent(_message: Message) -> None:
        raise AssertionError

    async def scenario() -> None:
        await ended_by(asyncio.Event(), app)({}, says, silent)

    asyncio.run(scenario())
    assert heard == [{"type": "http.request", "body": b"z"}]
