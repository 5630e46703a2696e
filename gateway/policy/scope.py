"""What a decision is about, and the names by which conditions see it. Pure.

Names with a fixed meaning stand in one table, `NAMES`; `args` is the call's own arguments, of any shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gateway.call import JsonObject, Subject, Tool
from gateway.offer import Offer
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.wording import Action
from gateway.sources import Sources

__all__ = ["NAMES", "ROOTS", "WEEKDAYS", "Kind", "Query", "RunFacts", "Scope", "use_of"]

Kind = Literal["bool", "number", "string", "list", "weekday", "object", "null", "any"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run has done before this call. `nanos` is money in billionths of a US dollar, `millis` time at work.

    `tainted` says that text from an untrusted source was read. `sources` is what was said and read, where the policy
    asks where values came from.
    """

    calls: int = 0
    tokens: int = 0
    nanos: int = 0
    millis: int = 0
    tainted: bool = False
    sources: Sources | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """May this subject do this, now? `object` is `server/tool` (or `server/uri`, `server/prompt`).

    `args` None means that the arguments are not known; `tool` None, that the tool (or the resource, or the prompt) is
    not. `now` is local time where the policy's hours are meant. `requester` matters for the action `approve` only: the
    user who asked for the call that is to be approved. None there means unknown, and then nobody may approve.
    """

    subject: Subject
    action: str
    object: str
    args: JsonObject | None = field(repr=False)
    tool: Tool | Offer | None
    run: RunFacts
    now: datetime
    requester: str | None = None

    @property
    def base(self) -> "Query | None":
        """The question on which this one rests: what may be read may be subscribed to, and what may be read or got may
        be completed. Lines of their own can only take that away. None: this action has lines that allow.
        """
        if self.action == "subscribe":
            return replace(self, action="read")
        if self.action == "complete":  # its arguments are not those of the prompt or of the template
            return replace(self, action=use_of(self.tool) if isinstance(self.tool, Offer) else "read", args=None)
        return None


def use_of(thing: Tool | Offer) -> Action:
    """The action by which one uses it."""
    if isinstance(thing, Tool):
        return "call"
    return "get" if thing.kind == "prompt" else "read"


class Scope:
    """A query as one principal (the user, or the agent) sees it, with that principal's roles."""

    __slots__ = ("args", "principal", "query", "roles")

    def __init__(self, query: Query, principal: str, roles: frozenset[str]) -> None:
        self.query, self.args, self.principal, self.roles = query, query.args, principal, roles


_OF_OFFERS = frozenset({"server", "name", "trusted"})


def _of_tool(field_name: str) -> Callable[[Scope], Any]:
    def read(scope: Scope) -> Any:
        """A resource or a prompt has a server, a name, and its server's trust; all else is a tool's alone."""
        thing = scope.query.tool
        if isinstance(thing, Offer) and field_name not in _OF_OFFERS:
            return UNDECIDED
        return getattr(thing, field_name, UNDECIDED)

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
