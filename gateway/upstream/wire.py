"""JSON-RPC on the wire, read and written without loss. Pure.

A result goes through as the JSON that it was: nothing is dropped, renamed or re-typed. What can't be passed on exactly
(NaN, infinities, lone surrogates, nesting too deep for those who read it later) is named by `flaw_in`, never mended.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import mcp_types as types

from gateway import verbatim
from gateway.verbatim import Verbatim, depth_over, encode, surely_json

__all__ = [
    "MAX_DEPTH",
    "MAX_MESSAGE",
    "SAID",
    "Data",
    "answer",
    "dump",
    "flaw_in",
    "id_hint",
    "is_response",
    "line_of",
    "message",
    "quoted",
    "read",
    "request_body",
    "response",
    "result_in",
    "too_large",
]

Data = bytes | bytearray | memoryview

MAX_MESSAGE = 64 * 1024 * 1024  # bytes of one message from a server, if nothing else is said
MAX_DEPTH = 256  # nested containers: Python's own readers and writers fail at about 900

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_SHORT_ANSWER = 4096  # bytes: to read it all takes no longer than to look how it is framed
_EDGE = 128  # bytes, in which there is room for each of these
_FRAMES = (  # of a result, as nearly everybody writes them
    (b'{"jsonrpc":"2.0","id":%(id)d,"result":', b"}"),
    (b'{"jsonrpc": "2.0", "id": %(id)d, "result": ', b"}"),
    (b'{"result":', b',"jsonrpc":"2.0","id":%(id)d}'),
)
SAID = ("notifications/progress", "notifications/message")  # what of it nobody here reads, goes on to a client
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18}|"[A-Za-z0-9_.-]{1,64}")')


def too_large(ceiling: int) -> str:
    """Why an answer was cut off, and where its admin can say otherwise."""
    return f"the answer is larger than {ceiling} bytes (`max_answer` in `[servers.NAME]` of toolgate.toml)"


def read(data: Data) -> Any:
    """The JSON value. Raises ValueError when it is not JSON in UTF-8, or can't be read at all."""
    try:
        return json.loads(str(data, "utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:  # Python's own words say nothing to whoever made the call
        raise ValueError("the answer is not JSON in UTF-8") from None


def message(data: Data, asked: int | str | None = None) -> types.JSONRPCMessage:
    """A JSON-RPC message. A result, what stands in an error, and what is said beside answers keep their text, if they
    can. An error without an id has that of the only request that it can be about, if there is one. Raises ValueError
    when it is none.
    """
    if (response := _response(data)) is not None:
        return response
    said = answer(data)
    if isinstance(said, dict) and "error" in said and said.get("id") is None:
        said["id"] = asked  # what is missing says as little as `null`
    made = types.jsonrpc_message_adapter.validate_python(said, by_name=False)
    if isinstance(made, types.JSONRPCNotification) and isinstance(said.get("params"), Verbatim):
        made.params = said["params"]
    return made


def _response(data: Data) -> types.JSONRPCResponse | None:
    """Past the models, which would copy the result, and lose its text."""
    try:
        found = verbatim.texts(data)
        if "result" not in found or "error" in found or "method" in found or bytes(found["jsonrpc"]) != b'"2.0"':
            return None
        request_id, result = read(bytes(found["id"])), verbatim.read(bytes(found["result"]))
    except (ValueError, KeyError):
        return None
    if not isinstance(result, Verbatim) or type(request_id) not in (int, str):
        return None
    return types.JSONRPCResponse.model_construct(jsonrpc="2.0", id=request_id, result=result)


def answer(data: Data) -> Any:
    """As `read`; what stands in the error of a response, and what is said beside answers, keeps its text, if it can."""
    value = read(data)
    if not isinstance(value, dict):
        return value
    if value.get("method") in SAID and isinstance(value.get("params"), dict):
        value["params"] = _kept(value["params"], data)
    error = value.get("error")
    if isinstance(error, dict):
        try:
            texts = verbatim.texts(bytes(verbatim.texts(data)["error"]))
        except ValueError:
            return value
        error |= {name: _with_text(item, texts[name]) for name, item in error.items() if isinstance(item, (dict, list))}
    return value


def _kept(params: dict[str, Any], data: Data) -> Any:
    try:
        return verbatim.kept(params, bytes(verbatim.texts(data)["params"]))
    except (ValueError, RecursionError):
        return params


def _with_text(item: Any, text: Any) -> Any:
    try:
        return verbatim.read(bytes(text))
    except ValueError:
        return item


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for what JSON can't say."""
    return _ENCODER.encode(value).encode()


def flaw_in(value: Any) -> str:
    """Why this value can't be stored and passed on exactly; empty when it can.

    What was read with its text has no other flaw than its depth.
    """
    if not _shallow(value) and depth_over(value, MAX_DEPTH):
        return f"it is nested more than {MAX_DEPTH} levels deep"
    if isinstance(value, Verbatim) or surely_json(value):
        return ""
    try:
        dump(value)
    except UnicodeEncodeError:
        return "it holds a lone surrogate, which is not a character"
    except ValueError:
        return "it holds a number that JSON does not have"
    return ""


def _shallow(value: Any) -> bool:
    """Whether its text opens too few brackets to be deep. Of most there are few: to look for them is faster than to
    count, which looks at each byte by itself.
    """
    return isinstance(value, Verbatim) and (len(value.text) <= MAX_DEPTH or not _many_brackets(value.text))


def _many_brackets(text: bytes) -> bool:
    seen = 0
    for bracket in (b"{", b"["):
        at = text.find(bracket)
        while at >= 0:
            seen += 1
            if seen > MAX_DEPTH:
                return True
            at = text.find(bracket, at + 1)
    return False


def request_body(request_id: int, method: str, members: bytes, meta: bytes) -> bytes:
    """A request. The members of its parameters are JSON text, and stand in it byte for byte, with `_meta` behind."""
    between = b"," if members else b""
    start = b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":{' % (request_id, quoted(method))
    return b'%s%s%s"_meta":%s}}' % (start, members, between, meta)


def quoted(name: str) -> bytes:
    """A name as JSON: the same ones come again and again."""
    return _quoted(name) if len(name) <= _SHORT else encode(name)


_SHORT = 128  # characters: longer ones are not kept
_quoted = lru_cache(1024)(encode)


def line_of(message: types.JSONRPCMessage) -> bytes:
    """One message as one line. Parameters are written as they are, without pydantic's own ideas about numbers."""
    fields = {name: getattr(message, name) for name in type(message).model_fields if name in message.model_fields_set}
    error = fields.get("error")
    if isinstance(error, types.ErrorData):
        fields["error"] = error.model_dump(exclude_unset=True)
    return dump(fields) + b"\n"


def response(request_id: int, result: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def result_in(data: Data, request_id: int) -> Verbatim | None:
    """The result of a response, with its text; None if this is none, or its result can't be read so: look closer."""
    text = _framed(data, request_id) if len(data) > _SHORT_ANSWER else None
    try:
        result = None if text is None else verbatim.read(text)
    except ValueError:  # the frame holds more than a result
        text = None
    if text is None:
        result = _picked(data, request_id)
    return result if isinstance(result, Verbatim) else None


def _framed(data: Data, request_id: int) -> bytes | None:
    """What stands in a usual frame, unread: if it is an object, it is the result."""
    whole, said = memoryview(data), {b"id": request_id}
    head, tail = bytes(whole[:_EDGE]), bytes(whole[-_EDGE:])
    for before, after in _FRAMES:
        opening, closing = before % said, after % said
        if head.startswith(opening + b"{") and tail.endswith(b"}" + closing):
            return bytes(whole[len(opening) : -len(closing)])
    return None


def _picked(data: Data, request_id: int) -> Any:
    """The result from among all that a response says."""
    try:
        found = verbatim.texts(data)
        if "result" not in found or "error" in found or bytes(found.get("id", b"")) != b"%d" % request_id:
            return None
        return verbatim.read(bytes(found["result"]))
    except ValueError:
        return None


def id_hint(data: bytes) -> int | str | None:
    """The id that an unreadable answer seems to carry, so that whoever waits for it learns at once.

    None for a line that does not even look like JSON-RPC: programs log JSON with ids of their own.
    """
    edges = (data[:256], data[-256:])
    looks = data.lstrip()[:1] == b"{" and any(b'"jsonrpc"' in edge for edge in edges)
    found = [match for edge in edges for match in _ID.finditer(edge)] if looks else []
    value = json.loads(found[0].group(1)) if found else None
    return value if isinstance(value, (int, str)) else None


def is_response(message: Any, request_id: int | str) -> bool:
    """Whether this is the answer to the request; an error may come without an id when ours could not be read."""
    if not isinstance(message, Mapping):
        return False
    own = message.get("id") == request_id and not isinstance(message.get("id"), bool)
    return (own and ("result" in message or "error" in message)) or (message.get("id") is None and "error" in message)
