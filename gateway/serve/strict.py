"""One JSON-RPC message, read in the only way in which it can be read. Pure.

Two readers of `{"amount": 1, "amount": 9}` may see two amounts. What we decide on must be what a server gets, so such a
message goes no further; nor does an id that its answer could not carry, or a batch: MCP has had those in 2025-03-26
alone. We agree to that version all the same: its official clients send none and know no later version, and would go.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.arguments import ArgumentsError, parse_json
from gateway.verbatim import depth_over

__all__ = ["MAX_VALUES", "SHORT", "Malformed", "read", "read_any"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
_BATCH = "Invalid Request: Toolgate takes no batches, which MCP has in 2025-03-26 alone; send each message by itself"
MAX_VALUES = 50_000  # in one message: what is done with each of them, nobody else is served meanwhile
MAX_DEPTH = 128  # nested containers: of arguments the gates let through fewer, and servers' readers give up at 200
SHORT = 2 * MAX_VALUES  # bytes, in which there is no room for more values than that

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Malformed(ValueError):
    """A message that is not taken. `answer` is the JSON-RPC error for whoever sent it."""

    def __init__(self, code: int, why: str, request_id: str | int | None = None) -> None:
        super().__init__(why)
        error = {"code": code, "message": why}
        self.answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "error": error}


def read(body: bytes) -> Mapping[str, Any]:
    """A request, notification or response. Raises Malformed.

    It is UTF-8, one object, JSON-RPC 2.0 sections 4 and 5, and strict JSON as
    `gateway.arguments.parse_json` has it.
    """
    message = _parsed(body)
    if isinstance(message, list):
        raise Malformed(INVALID_REQUEST, _BATCH)
    if not isinstance(message, dict):
        raise Malformed(INVALID_REQUEST, "Invalid Request: a message is a JSON object")
    if flaw := _flaw(message) or _too_deep(message, body):
        raise Malformed(INVALID_REQUEST, f"Invalid Request: {flaw}", _answerable(message.get("id")))
    return message


def read_any(body: bytes) -> Mapping[str, Any]:
    """As `read`, of a body that may be long: it has so many values at the most."""
    message = read(body)
    if len(body) > SHORT and sum(map(body.count, b",[{")) >= MAX_VALUES and _has_more(message):  # texts hold them, too
        why = f"Invalid Request: a message has at most {MAX_VALUES} values"
        raise Malformed(INVALID_REQUEST, why, _answerable(message.get("id")))
    return message


def _has_more(message: Any) -> bool:
    found, nodes = 0, [message]
    while nodes:
        node = nodes.pop()
        found += len(node)
        if found > MAX_VALUES:
            return True
        items = node.values() if isinstance(node, dict) else node
        nodes += [item for item in items if isinstance(item, (dict, list))]
    return False


def _parsed(body: bytes) -> Any:
    try:
        message = parse_json(body)
        if body.find(b"\\u") >= 0 and _SURROGATE.search(body):  # a pair of them is a character, one alone is none
            json.dumps(message, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed(PARSE_ERROR, "Parse error: a lone surrogate is not a character") from None
    except RecursionError:
        raise Malformed(PARSE_ERROR, "Parse error: nested too deeply") from None
    except ArgumentsError as error:
        raise Malformed(PARSE_ERROR, f"Parse error: {error}") from None
    return message


def _flaw(message: Mapping[str, Any]) -> str | None:
    if message.get("jsonrpc") != "2.0":
        return '`jsonrpc` must be "2.0"'
    if "id" in message and _answerable(message["id"]) is None and "error" not in message:
        return "`id` must be a string or an integer"
    if "method" not in message:
        return None if "result" in message or "error" in message else "there is no `method`"
    if not isinstance(message["method"], str):
        return "`method` must be a string"
    return None if isinstance(message.get("params", {}), dict) else "`params` must be an object"


def _too_deep(message: Mapping[str, Any], body: bytes) -> str | None:
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and depth_over(message, MAX_DEPTH):
        return f"a message is nested {MAX_DEPTH} levels deep at the most"
    return None


def _answerable(request_id: Any) -> str | int | None:
    """The id, if an answer may carry it (MCP, Base Protocol: a string or an integer, never null)."""
    return request_id if isinstance(request_id, (str, int)) and not isinstance(request_id, bool) else None
