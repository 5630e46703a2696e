"""What we answer through the SDK's server, written so that what came as text leaves as that text.

The SDK writes answers from its models, which know values and no texts. So each of its ways out has a turning here. Over
pipes we write ourselves (`line`). The SDK's transport of a session has a method that makes events, which is ours
(`event`). What answers a modern request over HTTP is one function of the SDK's, which leaves no such room; but the last
part of its response is the answer, always. So the answer is set aside when it is there, and put in the place of that
part, whatever stands in it (`past_the_sdk`): nothing is searched for among bytes, and nothing is written twice. What
is said before it is an event there, which we write (`note`).
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.serve.asgi import Message, Scope, Send
from gateway.serve.envelope import laid_out, response
from gateway.verbatim import encode, on_one_line, parts, whole, wholes

__all__ = ["answered", "event", "failed", "line", "note", "past_the_sdk"]

_ASIDE = "toolgate.aside"  # in a request's state: its answer
_EVENT = b"event: message\r\ndata: %b\r\n\r\n"
_LENGTH, _TYPE, _STREAM = b"content-length", b"content-type", b"text/event-stream"


def answered(context: Any, result: JsonObject, stamp: Mapping[str, Any]) -> dict[str, Any]:
    """A result, as the SDK is to take it from a middleware: what is aside, it need not know."""
    method, version = context.method, context.protocol_version
    if not _is_aside(context):
        return dict(laid_out(result, method, version, stamp))
    context.request.scope["state"][_ASIDE] = response(context.request_id, result, method, version, stamp)
    return {}


def failed(context: Any, error: MCPError) -> None:
    """Called before the SDK gets this error. It has the words for one, unless there is a text to keep."""
    if _is_aside(context) and _has_text(error.error):
        context.request.scope["state"][_ASIDE] = _error(context.request_id, error.error)


def _is_aside(context: Any) -> bool:
    return context.request is not None and context.protocol_version in MODERN_PROTOCOL_VERSIONS


def past_the_sdk(scope: Scope, send: Send) -> Send:
    """`send` for the SDK, of a request: it has the status and the headers, and all parts but the last."""
    streams = False

    async def sent(part: Message) -> None:
        nonlocal streams
        text = scope["state"].get(_ASIDE)
        if part["type"] == "http.response.start":
            streams = (_TYPE, _STREAM) in part["headers"]
            part = part if text is None or streams else {**part, "headers": _headers(part, text)}
        elif text is not None and not part.get("more_body", False):
            part = {**part, "body": _EVENT % on_one_line(text) if streams else text}
        await send(part)

    return sent


def _headers(start: Message, text: bytes) -> list[tuple[bytes, bytes]]:
    return [*(each for each in start["headers"] if each[0] != _LENGTH), (_LENGTH, b"%d" % len(text))]


async def note(context: Any, method: str, params: JsonObject) -> None:
    """A notification on the stream of this request."""
    channel, texts = context.session._request_outbound, dict(parts(params, params))  # noqa: SLF001 - it has no other name
    if not hasattr(channel, "sink"):
        await channel.notify(method, texts)
    elif channel.sink is not None:  # else its client has asked for no stream
        await channel.sink.send(_EVENT % line(types.JSONRPCNotification(jsonrpc="2.0", method=method, params=texts)))


def line(message: types.JSONRPCMessage) -> bytes:
    """One JSON-RPC message as one line, without its end."""
    match message:
        case types.JSONRPCNotification():
            params = {} if message.params is None else {"params": message.params}
            return on_one_line(encode({"jsonrpc": "2.0", "method": message.method, **params}))
        case types.JSONRPCResponse():
            return on_one_line(encode({"jsonrpc": "2.0", "id": message.id, "result": message.result}))
        case types.JSONRPCError() if _has_text(message.error):
            return on_one_line(_error(message.id, message.error))
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def event(message: types.JSONRPCMessage, event_id: str | None) -> dict[str, Any]:
    """The same as an event, in the form that the SDK's transport gives it."""
    return {"event": "message", "data": line(message).decode()} | ({"id": event_id} if event_id else {})


def _has_text(error: types.ErrorData) -> bool:
    said = _members(error)
    return any(whole(item) is not item for item in said.values())


def _error(request_id: str | int | None, error: types.ErrorData) -> bytes:
    return encode({"jsonrpc": "2.0", "id": request_id, "error": wholes(_members(error))})


def _members(error: types.ErrorData) -> dict[str, Any]:
    """An error object; what the model has no place for is kept beside it (`gateway.sdk`)."""
    data = {} if error.data is None else {"data": error.data}
    return {"code": error.code, "message": error.message, **data, **(error.model_extra or {})}
