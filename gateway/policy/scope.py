"""What a decision is about, and the names by which conditions see it. Pure.

Names with a fixed meaning stand in one table, `NAMES`; `args` is the call's own arguments, of any shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gateway.call import JsonObject, Subject, Tool
from gateway.policy.logic import UNDECIDED, Truth

__all__ = ["NAMES", "ROOTS", "WEEKDAYS", "Kind", "Query", "RunFacts", "Scope"]

Kind = Literal["bool", "number", "string", "list", "weekday", "object", "null", "any"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run has done before this call. `nanos` is money in billionths of a US dollar, `millis` time at work.

    `tainted` says that text from an untrusted source was read.
    """

    calls: int = 0
    tokens: int = 0
    nanos: int = 0
    millis: int = 0
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """May this subject do this, now? `object` is `server/tool` (or `server/uri`, `server/prompt`).

    `args` None means that the arguments are not known; `tool` None, that the tool is not. `now` is local time where
    the policy's hours are meant. `requester` matters for the action `approve` only: the user who asked for the call
    that is to be approved. None there means unknown, and then nobody may approve.
    """

    subject: Subject
    action: str
    object: str
    args: JsonObject | None = field(repr=False)
    tool: Tool | None
    run: RunFacts
    now: datetime
    requester: str | None = None


class Scope:
    """A query as one principal (the user, or the agent) sees it, with that principal's roles."""

    __slots__ = ("args", "principal", "query", "roles")

    def __init__(self, query: Query, principal: str, roles: frozenset[str]) -> None:
        self.query, self.args, self.principal, self.roles = query, query.args, principal, roles


def _of_tool(field_name: str) -> Callable[[Scope], Any]:
    def read(scope: Scope) -> Any:
        tool = scope.query.tool
        return UNDECIDED if tool is None else getattr(tool, field_name)

    return read


def _is_requester(scope: Scope) -> Truth:
    requester = scope.query.requester
    return UNDECIDED if requester is None else requester == scope.query.subject.user


_TOOL: Mapping[str, Kind] = {
    "read_only": "bool",
    "destructive": "bool",
    "idempotent": "bool",
    "open_world": "bool",
    "trusted": "bool",
    "server": "string",
    "name": "string",
    "pin": "string",
}

NAMES: Mapping[str, Mapping[str, tuple[Kind, Callable[[Scope], Any]]]] = {
    "tool": {name: (kind, _of_tool(name)) for name, kind in _TOOL.items()},
    "subject": {
        "id": ("string", lambda scope: scope.principal),
        "user": ("string", lambda scope: scope.query.subject.user),
        "agent": ("string", lambda scope: scope.query.subject.agent or ""),
        "tenant": ("string", lambda scope: scope.query.subject.tenant),
        "roles": ("list", lambda scope: sorted(scope.roles)),
        "is_requester": ("bool", _is_requester),
    },
    "run": {
        "calls": ("number", lambda scope: scope.query.run.calls),
        "tokens": ("number", lambda scope: scope.query.run.tokens),
        "usd": ("number", lambda scope: scope.query.run.nanos / 1_000_000_000),
        "seconds": ("number", lambda scope: scope.query.run.millis / 1000),
        "tainted": ("bool", lambda scope: scope.query.run.tainted),
    },
    "now": {
        "weekday": ("weekday", lambda scope: WEEKDAYS[scope.query.now.weekday()]),
        "hour": ("number", lambda scope: scope.query.now.hour),
        "minute": ("number", lambda scope: scope.query.now.minute),
        "date": ("string", lambda scope: scope.query.now.date().isoformat()),
        "iso": ("string", lambda scope: scope.query.now.isoformat(timespec="seconds")),
    },
}

ROOTS = ("args", *NAMES)
