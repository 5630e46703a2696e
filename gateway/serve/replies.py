"""What a client is told about its call. Pure.

A tool that nothing allows to the caller reads as one that is not there: what the list hides, an error must not betray.
"""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import mcp_types as types

from gateway.call import JsonObject, Outcome, Refused, outcome_from_json
from gateway.events import Returned
from gateway.pipeline import CallResult, OutOfBudget
from gateway.results import client_result
from gateway.visible import shortened

__all__ = ["ServerError", "not_offered", "reply"]

# Of our own request to the server: its headers, its version, what we declared. Its client can do nothing about them,
# and would take them for its own.
_HOP_CODES = frozenset(
    {types.HEADER_MISMATCH, types.MISSING_REQUIRED_CLIENT_CAPABILITY, types.UNSUPPORTED_PROTOCOL_VERSION}
)


@dataclass(frozen=True, slots=True)
class ServerError:
    """A JSON-RPC error with which the server refused the call: it is passed on as one."""

    code: int
    message: str
    data: Any = None

    def to_json(self) -> JsonObject:
        """A JSON-RPC error object."""
        return {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})


def reply(result: CallResult) -> JsonObject | ServerError:
    """A `CallToolResult`, raw and unmodified when the server answered."""
    if isinstance(result, OutOfBudget):
        raise TypeError("a client's run is never paused")
    outcome: Outcome | None = outcome_from_json(result.outcome) if isinstance(result, Returned) else None
    if isinstance(outcome, Refused):
        code = types.INTERNAL_ERROR if outcome.code in _HOP_CODES else outcome.code
        return ServerError(code, outcome.message, outcome.data)
    return client_result(result, outcome)


def not_offered(name: str, offered: Collection[str]) -> JsonObject:
    """The same answer for a tool that is forbidden and for one that does not exist. `offered` are the listed names."""
    close = difflib.get_close_matches(name, offered, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    text = f"Denied: there is no tool `{shortened(name, 80)}` here, or you may not use it.{hint}"
    verdict = {"effect": "deny", "gate": "known", "rule": None}
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {"toolgate/verdict": verdict}}
