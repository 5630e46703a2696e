"""What a decision is about, and the names by which conditions see it. Pure.

Names with a fixed meaning stand in one table, `NAMES`; `args` is the call's own arguments, of any shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, Literal

from gateway.aliases import readings
from gateway.budget import Spend
from gateway.call import JsonObject, Subject, Tool
from gateway.offer import Offer
from gateway.policy.logic import UNDECIDED, Truth
from gateway.policy.wording import Action
from gateway.sources import Sources
from gateway.values import value

__all__ = [
    "ANY_RUN",
    "AUTH_AGE",
    "NAMES",
    "READINGS",
    "ROOTS",
    "WEEKDAYS",
    "Kind",
    "Query",
    "RunFacts",
    "Scope",
    "use_of",
]

Kind = Literal["bool", "number", "string", "list", "weekday", "object", "null", "any"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@value(frozen=True, slots=True)
class RunFacts:
    """What a run has done before this call. `nanos` is money in billionths of a US dollar, `millis` time at work.

    `tainted` says that text from an untrusted source was read. `servers` are those that have said anything to it; None:
    nobody knows which. `sources` is what was said and read, where the policy asks where values came from. `known`
    False: a question about no run in particular (`ANY_RUN`), as a list is.
    """

    calls: int = 0
    tokens: int = 0
    nanos: int = 0
    millis: int = 0
    tainted: bool = False
    servers: frozenset[str] | None = frozenset()
    sources: Sources | None = field(default=None, compare=False, repr=False)
    known: bool = True

    @classmethod
    def of(
        cls, taken: Spend, *, tainted: bool, servers: frozenset[str] | None, sources: Sources | None = None
    ) -> "RunFacts":
        """`taken` is what the run has spent, or reserved."""
        return cls(taken.tool_calls, taken.tokens, taken.nanos, taken.millis, tainted, servers, sources)


ANY_RUN = RunFacts(known=False)


@value(frozen=True, slots=True)
class Query:
    """May this subject do this, now? `object` is `server/tool` (or `server/uri`, `server/prompt`).

    `args` None means that the arguments are not known; `tool` None, that the tool (or the resource, or the prompt) is
    not. `now` is aware, and `now.hour` reads it as it is: in UTC, as
    the gateway has it. `requester` matters for the action `approve` only: the user who asked for the call that is to be
    approved. None there means unknown, and then nobody may approve.
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

    @property
    def readings(self) -> "tuple[Query, ...]":
        """The same question for each other way to read the URI that it is about."""
        if ":" not in self.object:
            return ()
        server, _, uri = self.object.partition("/")
        return tuple([self._reading(server, uri, other) for other in readings(uri)])

    def _reading(self, server: str, uri: str, other: str) -> "Query":
        thing, args = self.tool, self.args
        if isinstance(thing, Offer) and thing.name == uri:
            thing = replace(thing, name=other)
        if args is not None and args.get("uri") == uri:
            args = {**args, "uri": other}
        return replace(self, object=f"{server}/{other}", args=args, tool=thing)

    @property
    def offered(self) -> bool:
        """Whether the server itself has named what this is about, in these very letters."""
        return self.tool is not None and bool(self.tool.definition)


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


AUTH_AGE = "subject.auth_age"
_CLOCKS_DIFFER = 60.0  # seconds that ours may be behind of the clock of whoever issues tokens


def _auth_age(scope: Scope) -> Any:
    """Seconds since the user has shown who he is, as far as anybody has said when that was."""
    since, now = scope.query.subject.since, scope.query.now
    if since is None:
        return UNDECIDED
    age = now.timestamp() - since
    return max(0.0, age) if age > -_CLOCKS_DIFFER else UNDECIDED


def _of_run(read: Callable[[RunFacts], Any]) -> Callable[[Scope], Any]:
    return lambda scope: read(scope.query.run) if scope.query.run.known else UNDECIDED


def _servers(run: RunFacts) -> Any:
    return UNDECIDED if run.servers is None else sorted(run.servers)


def _is_requester(scope: Scope) -> Truth:
    requester = scope.query.requester
    return UNDECIDED if requester is None else requester == scope.query.subject.user


def _of_now(read: Callable[[datetime], Any]) -> Callable[[Scope], Any]:
    return lambda scope: read(scope.query.now)


READINGS: Mapping[str, tuple[Kind, Callable[[datetime], Any]]] = {
    "weekday": ("weekday", lambda moment: WEEKDAYS[moment.weekday()]),
    "hour": ("number", lambda moment: moment.hour),
    "minute": ("number", lambda moment: moment.minute),
    "date": ("string", lambda moment: moment.date().isoformat()),
    "iso": ("string", lambda moment: moment.isoformat(timespec="seconds")),
}
"""What a clock shows."""

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
        "auth_age": ("number", _auth_age),
        "is_requester": ("bool", _is_requester),
    },
    "run": {
        "calls": ("number", _of_run(lambda run: run.calls)),
        "tokens": ("number", _of_run(lambda run: run.tokens)),
        "usd": ("number", _of_run(lambda run: run.nanos / 1_000_000_000)),
        "seconds": ("number", _of_run(lambda run: run.millis / 1000)),
        "tainted": ("bool", _of_run(lambda run: run.tainted)),
        "servers": ("list", _of_run(_servers)),
    },
    "now": {name: (kind, _of_now(read)) for name, (kind, read) in READINGS.items()},
}

ROOTS = ("args", *NAMES)
