"""What an answer, an error or a silence means for a call. Pure.

The line that matters: an error that the *server* sent says that the tool did not run (`Refused`); an error that the
transport made says nothing about it, but whether anything was sent (`Unsent` or `InDoubt`). The SDK reports both in
the same shape, so our transports mark theirs, and the SDK's own are known by their text.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Literal

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import Answered, InDoubt, InputRequired, JsonObject, Outcome, Refused, TaskCreated, Unsent
from gateway.upstream.statuses import answered
from gateway.upstream.wire import flaw_in, id_hint
from gateway.visible import shortened

__all__ = [
    "HELD_BACK",
    "Fate",
    "answer",
    "error_in",
    "fate_of",
    "never_sent",
    "of_error",
    "of_message",
    "of_status",
    "transport_error",
    "unreadable",
]

Fate = Literal["unsent", "in_doubt", "refused", "session_lost"]

MOST_NAME = 1024  # characters of a task's id: it stands in a header
TRANSPORT_ERROR = 1  # outside of JSON-RPC's reserved range, and of MCP's
HELD_BACK = 2  # the same, of what was not sent for want of credentials: whether the server is there was not tried
_MARK = secrets.token_hex(16)  # no server can guess it, so none can pass its own error off as a transport's

# Errors that the SDK makes itself, by code and the beginning of their text (mcp/client/streamable_http.py and
# mcp/shared/jsonrpc_dispatcher.py), and our words for them. The request had been written by then.
_SDK_ERRORS = (
    (types.CONNECTION_CLOSED, "Connection closed", "the connection ended before the answer came"),
    (types.CONNECTION_CLOSED, "SSE stream", "the event stream ended before the answer came"),
    (types.PARSE_ERROR, "Failed to parse", "the answer is cut off, or not JSON-RPC"),
    (types.INVALID_REQUEST, "server answered a request with 202", "the server gave no answer"),
    (types.INVALID_REQUEST, "Unexpected content type", "the answer is neither JSON nor an event stream"),
    (types.INTERNAL_ERROR, "Server returned an error response", "the server answered with an HTTP error"),
)


def transport_error(fate: Fate, why: str, code: int = TRANSPORT_ERROR) -> types.ErrorData:
    """An error made on this side of the wire, recognised again by `fate_of`."""
    return types.ErrorData(code=code, message=why, data={_MARK: fate})


def unreadable(data: bytes) -> types.JSONRPCError | None:
    """In the place of a message that is none, an answer for whoever waits for it, if it gives away whom it is for."""
    if (request_id := id_hint(data)) is None:
        return None
    error = transport_error("in_doubt", "the answer can't be read: it is not JSON-RPC")
    return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)


def fate_of(error: MCPError) -> Fate | None:
    """The fate that a transport gave to the request; None when the server itself sent the error."""
    return _marked(error) or ("in_doubt" if _own_words(error) else None)


def never_sent(error: BaseException) -> bool:
    """Whether nothing has reached the server, so that this says nothing about it."""
    if isinstance(error, BaseExceptionGroup):
        return all(never_sent(one) for one in error.exceptions)
    if isinstance(error, MCPError):
        return fate_of(error) == "unsent"
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)


def _marked(error: MCPError) -> Fate | None:
    fate: Fate | None = error.data.get(_MARK) if isinstance(error.data, Mapping) else None
    return fate


def _own_words(error: MCPError) -> str | None:
    known = (words for code, text, words in _SDK_ERRORS if error.code == code and error.message.startswith(text))
    return next(known, None)


def of_error(error: MCPError, *, started: bool, more: JsonObject | None = None, fault: str = "") -> Outcome:
    """The outcome of a call that ended in this error. `started` says whether the request was given to the wire, `more`
    what the server said in its error beside what the exception holds, `fault` why the connection ended, if it did.
    """
    match fate_of(error):
        case None:
            return _fit(Refused(error.code, error.message, error.data, more))
        case "refused":
            return Refused(error.code, error.message)
        case "in_doubt" if started:
            return InDoubt(_told(error, fault))
        case _:
            return Unsent(_told(error, fault))


def _told(error: MCPError, fault: str) -> str:
    words = _own_words(error) or error.message
    return f"{words}: {fault}" if fault and error.code == types.CONNECTION_CLOSED else words


def of_status(status: int) -> types.ErrorData:
    """What an HTTP status without a JSON-RPC body means: a 4xx was refused at the door, a 5xx may have run."""
    if status >= 500 or status == 408:
        return transport_error("in_doubt", answered(status))
    return transport_error("refused", answered(status), code=status)


def of_message(message: Any) -> Outcome:
    """The outcome that a JSON-RPC response holds that came over our own wires: an error in it is the server's, unless
    it has our mark. (The SDK's words in a server's mouth are the server's.)
    """
    if not isinstance(message, dict):
        return InDoubt("the answer is not a JSON-RPC response")
    said, error = message.get("error"), error_in(message) if "error" in message else None
    if error is None and "error" in message and "result" not in message:
        return InDoubt("the error in the answer is not a JSON object")
    if error is None or not isinstance(said, Mapping):
        return answer(message.get("result"))
    return of_error(error, started=True) if _marked(error) else _fit(Refused.of(said))


def error_in(message: Mapping[str, Any]) -> MCPError | None:
    """The error that a response holds, if it holds one; without believing that it is well formed."""
    error = message.get("error")
    if not isinstance(error, Mapping):
        return None
    code, said = error.get("code"), error.get("message")
    return MCPError(code if isinstance(code, int) else 0, said if isinstance(said, str) else "", error.get("data"))


def _fit(refused: Refused) -> Refused:
    """A server's own error, made fit to be stored: what can't be written as JSON is replaced or left out."""
    message = refused.message.encode(errors="replace").decode()
    data, more = (None if flaw_in(said) else said for said in (refused.data, refused.more))
    return Refused(refused.code, message, data, more)


def _task(result: JsonObject) -> Outcome:
    name = result.get("taskId")
    if isinstance(name, str) and 0 < len(name) <= MOST_NAME:
        return TaskCreated(result)
    return InDoubt("the server made a task of it, and gave it no usable `taskId`")


_KINDS: Mapping[Any, Callable[[JsonObject], Outcome]] = {
    "complete": Answered,
    "input_required": InputRequired,
    "task": _task,
}


def answer(result: Any) -> Outcome:
    """The outcome of a result, by its `resultType` (MCP 2026-07-28, Base Protocol: an unknown one is invalid)."""
    if not isinstance(result, dict):
        return InDoubt("the result is not a JSON object")
    if flaw := flaw_in(result):
        return InDoubt(f"the result can't be passed on: {flaw}")
    kind = result.get("resultType", "complete")
    if not isinstance(kind, str) or kind not in _KINDS:
        return InDoubt(f"the result has the unknown type `{shortened(str(kind), 40)}`")
    return _KINDS[kind](result)
