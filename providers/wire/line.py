"""A request sent by an SDK's client, and its events as they come.

The SDK signs and sends; its streams, retries and types are not used: they take a reply that was cut for a whole one,
sleep as long as a server says, and build objects that nobody reads.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

from providers.reply import ProviderError
from providers.request import Deadlines
from providers.wire.failures import Who, failed
from providers.wire.patience import Patience
from providers.wire.sse import Events

__all__ = ["Answer", "Line"]

_KNOWN = (ProviderError, httpx2.HTTPError, TimeoutError)
_TRUSTED = ("anthropic", "openai")  # they say what is missing: a package, a log-in

MAX_REPLY = 128 * 1024 * 1024  # bytes: no model says as much
MAX_DOCUMENT = 1024 * 1024  # bytes of an answer that is no stream: a count of tokens, an error
_USAGE = 5.0  # seconds for the count of tokens that may follow a whole reply
_LAST_WORDS = 0.5  # seconds for the end of a stream whose reply is whole, so that its connection can be used again


@dataclass(frozen=True, slots=True)
class Line:
    """An SDK's client, and whose it is. `client.post` is what both SDKs have for requests that they do not know."""

    client: Any
    who: Who

    def ask(self, path: str, body: Mapping[str, Any], deadlines: Deadlines) -> "Answer":
        """A request that is sent when the answer is entered (`async with`)."""
        return Answer(self, path, body, Patience(deadlines))

    async def fetch(self, path: str, body: Mapping[str, Any], deadlines: Deadlines) -> Any:
        """The JSON that answers a request which is not streamed. Raises ProviderError."""
        async with Answer(self, path, body, Patience(deadlines)) as answer:
            return await answer.whole()


class Answer:
    """The answer to one request. Leaving it closes the connection, unless all of it was read."""

    def __init__(self, line: Line, path: str, body: Mapping[str, Any], patience: Patience) -> None:
        self._line, self._path, self._body, self._patience = line, path, body, patience
        self._events, self._size, self._most, self._ended = Events(), 0, MAX_REPLY, False
        self._response: httpx2.Response

    async def __aenter__(self) -> Self:
        """Sends the request. Raises ProviderError if it is not answered with 200 and a stream."""
        try:
            self._response = await self._patience.wait(self._sent())
        except Exception as error:  # noqa: BLE001 - SDKs raise what they like; all of it is a failure of the backend
            raise self.failure(error) from None
        self._chunks = aiter(self._response.aiter_bytes())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._response.aclose()

    @property
    def request_id(self) -> str | None:
        """What the backend calls this request."""
        return failed(200, self._response.headers, None).request_id

    async def batch(self) -> list[tuple[bytes, Any]] | None:
        """The next events, `(event, JSON)`, as many as came at once; None at the end. Raises ProviderError.

        A `[DONE]` is the end.
        """
        if self._ended:
            return None
        try:
            chunk = await self._patience.wait(self._next())
            beats = self._events.beats
            found = list(self._events.feed(chunk) if chunk is not None else self._events.end())
            self._ended = chunk is None
            if self._events.beats != beats:
                self._patience.heard()
            return None if self._ended and not found else self._read(found)
        except Exception as error:  # noqa: BLE001 - as above
            raise self.failure(error) from None

    def hurry(self) -> None:
        """The reply is whole: what else may follow is waited for only for a moment."""
        self._patience.hurry(_USAGE)

    async def check(self) -> None:
        """Raises ProviderError if what follows is no stream of events: some answer errors with 200."""
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in ("", "text/event-stream", "text/plain", "application/octet-stream", "application/x-ndjson"):
            return
        body = await self.whole() if kind.endswith("json") else None
        if isinstance(body, Mapping) and "error" in body:
            raise self.failure(failed(200, self._response.headers, body))
        what = "one JSON document" if kind.endswith("json") else f"`{kind[:60]}`"
        raise self.failure(ProviderError("protocol", f"it answered with {what} in place of events: is the URL right?"))

    async def whole(self) -> Any:
        """The body as JSON. Raises ProviderError."""
        self._most, chunks = MAX_DOCUMENT, []
        try:
            while (chunk := await self._patience.wait(self._next())) is not None:
                chunks.append(chunk)
            return json.loads(b"".join(chunks))
        except Exception as error:  # noqa: BLE001 - as above
            raise self.failure(error) from None

    async def rest(self) -> None:
        """Reads to the end what has nothing more to say, if it comes soon."""
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(_LAST_WORDS):
                while await anext(self._chunks, None) is not None:
                    pass

    def failure(self, error: Exception) -> ProviderError:
        """Whatever was raised, as a failure of this backend."""
        if hasattr(self, "_response"):
            return self._line.who.says(_known(error), self.request_id)
        return self._line.who.says(_unsent(error) or _known(error))

    async def _sent(self) -> httpx2.Response:
        response = await self._line.client.post(
            self._path, cast_to=httpx2.Response, body=self._body, stream=True, stream_cls=None
        )
        if not isinstance(response, httpx2.Response):
            raise TypeError
        return response

    async def _next(self) -> bytes | None:
        chunk = await anext(self._chunks, None)
        self._size += len(chunk or b"")
        if self._size > self._most:
            raise ProviderError("protocol", f"the reply is longer than {self._most} bytes")
        return chunk

    def _read(self, found: list[tuple[bytes, bytes]]) -> list[tuple[bytes, Any]]:
        read = []
        for event, data in found:
            if data.startswith(b"[DONE]"):
                self._ended = True
                break
            read.append((event, json.loads(data)))
        return read


def _unsent(error: Exception) -> ProviderError | None:
    """Why a request could not even be sent. None if it was, or if it may be tried again."""
    cause = error.__cause__ if isinstance(error.__cause__, httpx2.HTTPError) else error
    if isinstance(cause, httpx2.LocalProtocolError):
        return ProviderError("bad_request", "a header can't be sent: is there a line break in the key?")
    if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return ProviderError("bad_request", "its URL can't be asked")
    if isinstance(error, _KNOWN) or hasattr(error, "response") or type(error).__name__ == "APIConnectionError":
        return None
    said = f": {error}" if type(error).__module__.partition(".")[0] in _TRUSTED else ""
    return ProviderError("bad_request", f"the request could not be made ({type(error).__name__}{said})")


def _known(error: Exception) -> ProviderError:
    """A failure of our own, of the SDK or of HTTP, as one that is known."""
    cause = error.__cause__ if isinstance(error.__cause__, httpx2.HTTPError | ProviderError) else error
    if isinstance(cause, ProviderError):  # `client` has read an error's status before the SDK
        return cause
    if isinstance(cause, httpx2.TimeoutException):
        what = "it could not be reached in time" if isinstance(cause, httpx2.ConnectTimeout) else "it did not answer"
        return ProviderError("timeout", what)
    if isinstance(cause, httpx2.ConnectError):
        return ProviderError("network", "it can't be reached")
    if isinstance(cause, httpx2.HTTPError) or type(error).__name__ == "APIConnectionError":
        return ProviderError("network", f"the connection broke ({type(cause).__name__})")
    if isinstance(error, ValueError):  # JSON that is none, or no UTF-8
        return ProviderError("protocol", "it sent an event that is not JSON")
    return ProviderError("protocol", f"its answer could not be read ({type(error).__name__})")
