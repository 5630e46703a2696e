"""What a client is told about its call. Pure.

A tool that no line allows to the caller reads as one that is not there: what the list hides, an error must not betray.
A line that denies has its reason for whoever it refuses: that he is told, though it says that there is something.
A tool's result can say that it is an error; where a resource, a prompt or a completion was asked for, a JSON-RPC error
says it, with `data` for programs. Its codes are ours: those from -32768 to -32000 are the protocols' (JSON-RPC 2.0,
section 5.1).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from gateway.call import (
    Answered,
    Deny,
    InDoubt,
    InputRequired,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    Unsent,
    outcome_from_json,
)
from gateway.events import Denied, Held, Returned
from gateway.pipeline import CallResult, OutOfBudget
from gateway.results import client_result, denied_text, failure_text, held_text, soon, unforged
from gateway.serve.questions import worded
from gateway.visible import shortened
from gateway.wording import closest

__all__ = ["DENIED", "IN_DOUBT", "NOT_SENT", "WAITING", "ServerError", "answer", "not_found", "not_offered", "reply"]
__all__ += ["undeclared", "unfollowed"]

DENIED, WAITING, NOT_SENT, IN_DOUBT = -31001, -31002, -31003, -31004

# Of our own request to the server: its headers, its version. Its client can do nothing about them, and would take them
# for its own. What it declared, on the other hand, is passed on.
_HOP_CODES = frozenset({types.HEADER_MISMATCH, types.UNSUPPORTED_PROTOCOL_VERSION})


@dataclass(frozen=True, slots=True)
class ServerError:
    """A JSON-RPC error with which the server refused the call: it is passed on as one."""

    code: int
    message: str
    data: Any = None
    more: JsonObject | None = None

    def to_json(self) -> JsonObject:
        """A JSON-RPC error object."""
        return Refused(self.code, self.message, self.data, self.more).to_json()

    def raised(self) -> MCPError:
        """For the SDK, which sends it whole (`gateway.sdk`)."""
        error = MCPError(self.code, self.message)
        error.error = types.ErrorData.model_validate(self.to_json())
        return error


def reply(result: CallResult) -> JsonObject | ServerError:
    """A `CallToolResult`, raw and unmodified when the server answered."""
    if isinstance(result, OutOfBudget):
        raise TypeError("a client's run is never paused")
    outcome: Outcome | None = outcome_from_json(result.outcome) if isinstance(result, Returned) else None
    if isinstance(outcome, Refused):
        return _refused(outcome)
    return client_result(result, outcome)


def answer(result: CallResult) -> JsonObject | ServerError:
    """The same for a resource, a prompt or a completion. What is hidden is told by `not_found`."""
    match result:
        case Denied():
            # MCP, Prompts: an argument that is missing or wrong is -32602, as the server itself would have said.
            code = {"reachable": NOT_SENT, "valid": types.INVALID_PARAMS}.get(result.gate, DENIED)
            data = {"verdict": "deny", "gate": result.gate, "rule": result.rule, **soon(result)}
            return ServerError(code, denied_text(result), data)
        case Held():
            data = {"verdict": "ask", "approval": result.approval_id, "rule": result.rule}
            return ServerError(WAITING, held_text(result), data)
        case Returned():
            return _outcome(outcome_from_json(result.outcome))
    raise TypeError("a client's request is neither paused nor left to a person")


def _outcome(outcome: Outcome) -> JsonObject | ServerError:
    match outcome:
        case Answered() | InputRequired() | TaskCreated():
            return unforged(outcome.result)
        case Refused():
            return _refused(outcome)
    code = NOT_SENT if isinstance(outcome, Unsent) else IN_DOUBT
    return ServerError(code, failure_text(outcome), {"verdict": "allow"})


def _refused(outcome: Refused) -> ServerError:
    code = types.INTERNAL_ERROR if outcome.code in _HOP_CODES else outcome.code
    return ServerError(code, outcome.message, outcome.data, outcome.more)


def unfollowed(why: Deny | Refused | Unsent | InDoubt) -> ServerError:
    """Why there is no answer about a task. A denial that no line has written reads as if there were no such task."""
    match why:
        case Deny(gate="reachable"):
            return ServerError(NOT_SENT, f"Not reached: {why.why}; ask again later", {"verdict": "deny"})
        case Deny(rule=None):
            return ServerError(types.INVALID_PARAMS, "Task not found")
        case Deny():
            data = {"verdict": "deny", "gate": why.gate, "rule": why.rule}
            return ServerError(DENIED, f"Denied: {why.why} (rule {why.rule})", data)
        case Refused():
            return _refused(why)
    return ServerError(NOT_SENT if isinstance(why, Unsent) else IN_DOUBT, failure_text(why), {"verdict": "allow"})


def undeclared(missing: JsonObject) -> MCPError:
    """A server's question can't be put to the client: `missing` is what its request did not declare."""
    text = f"The server asks for what this request did not declare: {worded(missing)}"
    return MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, text, {"requiredCapabilities": missing})


def not_found(kind: str, name: str) -> ServerError:
    """The same answer for what is forbidden and for what does not exist. `kind` is `resource` or `prompt`."""
    data = {"uri": name} if kind == "resource" else {"name": name}
    text = f"There is no {kind} `{shortened(name, 200)}` here, or you may not use it"
    return ServerError(types.INVALID_PARAMS, text, data)


def not_offered(name: str, offered: Collection[str]) -> JsonObject:
    """The same answer for a tool that is forbidden and for one that does not exist. `offered` are the listed names."""
    close = closest(name, offered)
    hint = f" Did you mean `{close}`?" if close else ""
    text = f"Denied: there is no tool `{shortened(name, 80)}` here, or you may not use it.{hint}"
    verdict = {"effect": "deny", "gate": "known", "rule": None}
    return {"content": [{"type": "text", "text": text}], "isError": True, "_meta": {"toolgate/verdict": verdict}}
