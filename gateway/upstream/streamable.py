"""The SDK's client for Streamable HTTP, whose answers keep their text: its own reads them into models, which copy. What
is posted in return to a request is its answer, or none: an error without an id is, and what answers another one is not.

Sessions, streams that go on where they broke off, and what a server says before it answers are the SDK's. Its way to
open a client is written out here, because it leaves no room for another transport than its own.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import StreamableHTTPTransport
from mcp.shared._context_streams import create_context_streams
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from gateway.upstream import wire
from gateway.upstream.outcomes import transport_error
from gateway.upstream.safe_transport import CUT

__all__ = ["streamable"]

_ABOVE_THE_CEILING = "SSE stream failed"  # the SDK's words for an event that is larger than it may be


@asynccontextmanager
async def streamable(url: str, client: httpx2.AsyncClient, *, ceiling: int) -> AsyncIterator[TransportStreams]:
    """An open transport. `ceiling` is the most bytes of one event. At the end, the session is closed."""
    transport = _Transport(url, max_sse_event_size=ceiling)
    to_us, read = create_context_streams[SessionMessage | Exception](0)
    write, from_us = create_context_streams[SessionMessage](0)
    async with to_us, read, write, from_us, anyio.create_task_group() as group:

        def listen() -> None:
            group.start_soon(transport.handle_get_stream, client, to_us)

        group.start_soon(transport.post_writer, client, from_us, to_us, write, listen, group)
        try:
            yield read, write
        finally:
            if transport.session_id:
                await transport.terminate_session(client)
            group.cancel_scope.cancel()


class _Transport(StreamableHTTPTransport):
    """What can't be read so goes the SDK's way, which has its words for it."""

    async def _handle_json_response(
        self, response: httpx2.Response, read_stream_writer: Any, *, request_id: types.RequestId
    ) -> None:
        body = await _body(response)
        found = self._too_large(request_id) if response.extensions.get(CUT) else _message(body, request_id)
        if found is None:
            await super()._handle_json_response(response, read_stream_writer, request_id=request_id)
        else:
            await read_stream_writer.send(SessionMessage(_as_answer(found, request_id)))

    async def _handle_sse_event(
        self,
        sse: httpx2.ServerSentEvent,
        read_stream_writer: Any,
        original_request_id: types.RequestId | None = None,
        resumption_callback: Callable[[str], Awaitable[None]] | None = None,
    ) -> bool:
        said = sse.data.encode(errors="replace")
        found = _message(said, original_request_id) if sse.event == "message" else None
        if found is None:
            return await super()._handle_sse_event(sse, read_stream_writer, original_request_id, resumption_callback)
        answers = isinstance(found, (types.JSONRPCResponse, types.JSONRPCError))
        if answers and original_request_id is not None:
            found = _as_answer(found, original_request_id)
        about = ServerMessageMetadata(original_request_id)  # whose stream it is
        await read_stream_writer.send(SessionMessage(found, about))
        if sse.id and resumption_callback is not None:
            await resumption_callback(sse.id)
        return answers

    async def _resolve_abandoned_request(
        self,
        read_stream_writer: Any,
        request_id: types.RequestId,
        message: str,
        *,
        code: int = types.CONNECTION_CLOSED,
    ) -> None:
        if not message.startswith(_ABOVE_THE_CEILING):
            await super()._resolve_abandoned_request(read_stream_writer, request_id, message, code=code)
            return
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody waits any more
            await read_stream_writer.send(SessionMessage(self._too_large(request_id)))

    def _too_large(self, request_id: types.RequestId) -> types.JSONRPCError:
        error = transport_error("in_doubt", wire.too_large(self.max_sse_event_size or 0))
        return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)


async def _body(response: httpx2.Response) -> bytes:
    """Nothing where it can't be had: whoever asks again hears why."""
    try:
        return await response.aread()
    except httpx2.StreamError:
        return b""


def _message(text: bytes, asked: types.RequestId | None) -> types.JSONRPCMessage | None:
    try:
        return wire.message(text, asked)
    except ValueError:
        return None


def _as_answer(said: types.JSONRPCMessage, asked: types.RequestId) -> types.JSONRPCResponse | types.JSONRPCError:
    """Else nobody would ever hear of it, or another one's caller."""
    if isinstance(said, (types.JSONRPCResponse, types.JSONRPCError)) and said.id == asked:
        return said
    error = transport_error("in_doubt", "the answer is not the response to this request")
    return types.JSONRPCError(jsonrpc="2.0", id=asked, error=error)
