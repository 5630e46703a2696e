"""A response that may have no end ends when something is over: as a whole one does, and as if its client had gone."""

import asyncio

from gateway.serve.asgi import App, Message, Receive, Scope, Send

__all__ = ["ended_by"]


def ended_by(over: asyncio.Event, app: App) -> App:
    """The app, whose client goes when it is over. What it has begun to answer is brought to its end then."""

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        unfinished = False

        async def noted(message: Message) -> None:
            nonlocal unfinished
            unfinished = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        await app(scope, _until(over, receive), noted)
        if unfinished and over.is_set():
            await send({"type": "http.response.body", "body": b""})

    return ending


def _until(over: asyncio.Event, receive: Receive) -> Receive:
    """`receive`, for whom the client goes when it is over."""

    async def until() -> Message:
        message, ended = asyncio.ensure_future(receive()), asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
            return {"type": "http.disconnect"} if ended.done() else message.result()
        finally:
            message.cancel()
            ended.cancel()

    return until
